"""What is counted of each origin is what Python says of the same events, for every record type and age."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from importlib import import_module
from itertools import count, cycle, islice, product

import pytest
from django.db import connection

from engagement.counting.ages import AGES, COARSE, age_class
from engagement.counting.counter import count_all
from engagement.figures.counted import Counted, TallyRow
from engagement.figures.ranking import first, named
from engagement.figures.scanning import COARSE_SOON, Scanner, scanners
from engagement.models import Dimension, Interaction, Ranking, Tally
from engagement.recording.records import RECORDS
from tests.engagement.counted import LATER, make_row, same
from tests.engagement.counts import beginning, is_machine, origins, stored_counts
from tests.engagement.makers import NOON
from tests.makers import make_brand

pytestmark = pytest.mark.django_db

MONTH = Counted(NOON - timedelta(days=40), NOON + timedelta(days=40))
KIND_OF = {"hidden_link": "hidden_visit", "open_prefetched": "open"}


@pytest.fixture
def everything() -> list[Interaction]:
    """Machines of every record type, and at every age, at two domains; and people."""
    brand, ages = make_brand(), [None, *AGES, *(age - 1 for age in AGES[1:]), 10**9]
    both = islice(zip(cycle(RECORDS), cycle(ages), count(), strict=False), 150)
    for record, age, number in both:
        make_row(
            brand=brand,
            kind=KIND_OF.get(record, record.partition("_machine")[0]),
            record=record,
            verdict="machine" if number % 7 else "human",
            send_age=age,
            domain=f"d{number % 2}.example",
            agent=f"Bot/{number % 3}.1",
            network=("192.0.2.0", "198.51.100.0", None)[number % 3],
            mailing=("", "a", "b")[number % 3],
            occurred_at=NOON + timedelta(hours=5 * number),
        )
    count_all(LATER)
    return list(Interaction.objects.all())


def said(rows: list[Interaction], dimension: Dimension) -> dict[str, Scanner]:
    """By Python, row by row, with the coarse classes of time."""
    tallies = [
        TallyRow(events=1, value=value, record=row.record, verdict=row.verdict, age=age_class(row.send_age))
        for row in rows
        for of, value in origins(row)
        if of == dimension
    ]
    return {name: _coarse(one) for name, one in scanners(tallies).items()}


def _coarse(found: Scanner) -> Scanner:
    soon = Counter({name: number for name, number in found.soon.items() if name in (*COARSE_SOON, "")})
    soon["0"] += found.soon["10"]
    return replace(found, soon=soon)


@pytest.mark.parametrize("dimension", [Dimension.DOMAIN, Dimension.NETWORK, Dimension.AGENT, Dimension.PACE])
def test_what_is_counted_is_what_python_says(everything: list[Interaction], dimension: Dimension) -> None:
    wanted = said(everything, dimension)
    found = first(MONTH, dimension, None).origins
    assert {one.name: one for one in found} == wanted == named(MONTH, dimension, list(wanted))
    assert len(wanted) > 1
    assert sum(one.events for one in found) == sum(
        is_machine(row) for row in everything for of, _ in origins(row) if of == dimension
    )


def test_the_migration_says_the_same_of_what_was_counted_before(everything: list[Interaction]) -> None:
    before = stored_counts()
    assert before.ranking
    Ranking.objects.all().delete()
    Tally.objects.bulk_create(_old_tallies(everything))
    with connection.cursor() as cursor:
        cursor.execute(import_module("engagement.migrations.0009_origins").FILL)
    same(stored_counts(), before)


def _old_tallies(rows: list[Interaction]) -> list[Tally]:
    """As domains, networks and agents were counted by day and month, by record type, verdict and coarse age."""
    cells: Counter[tuple[object, ...]] = Counter()
    for row, level in product(rows, ("day", "month")):
        age = -1 if row.send_age is None else max(number for number in COARSE if AGES[number] <= row.send_age)
        for dimension, value in origins(row):
            if dimension != Dimension.PACE:
                start = beginning(row.occurred_at, level)
                number = age if is_machine(row) else -1
                cells[
                    row.brand_id, dimension, level, start, "", value, row.channel, row.record, row.verdict, number
                ] += 1
    names = ("brand_id", "dimension", "level", "start", "mailing", "value", "channel", "record", "verdict", "age")
    return [Tally(events=events, **dict(zip(names, cell, strict=True))) for cell, events in cells.items()]
