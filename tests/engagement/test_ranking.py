"""The first of a long list are those that a sum over all of it finds, however the lists of its days and months lie, and
what is said of them are sums as well."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import example, given
from hypothesis import strategies as st

from engagement.figures import ranking
from engagement.figures.counted import Counted
from engagement.figures.ranking import First, buckets, first, named
from engagement.figures.scanning import Scanner
from engagement.models import Dimension, Ranking
from tests.searching import examples

pytestmark = pytest.mark.django_db

START, END = datetime(2026, 8, 30, tzinfo=UTC), datetime(2026, 11, 3, tzinfo=UTC)
BRAND = 7
PERIOD = Counted(START, END, frozenset({BRAND}))

# Which list, which value, how many of machines and of people: few of each, so that values are alike, and in some lists
# only.
type Found = dict[tuple[int, str, int], tuple[int, int]]
cells = st.dictionaries(
    st.tuples(st.integers(0, 5), st.sampled_from(["email", "sms"]), st.integers(0, 30)),
    st.tuples(st.integers(0, 12), st.integers(1, 9)),
    max_size=120,
)


@contextmanager
def undone() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def store(found: Found, **fields: object) -> None:
    parts = buckets(PERIOD)
    own = {"brand_id": BRAND, "dimension": "domain"} | fields
    Ranking.objects.bulk_create(
        Ranking(
            level=parts[number][0],
            start=parts[number][1],
            channel=channel,
            value=f"d{value}",
            events=events,
            everybody=events + people,
            clicked=events // 2,
            by_learned=events // 3,
            soon_60=events // 4,
            **own,
        )
        for (number, channel, value), (events, people) in found.items()
    )


def in_order(found: Found, channel: str = "") -> list[Scanner]:
    sums: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for (_, of, value), (events, people) in found.items():
        if channel in ("", of):
            parts = {"half": events // 2, "third": events // 3, "quarter": events // 4}
            sums[f"d{value}"].update({"events": events, "all": events + people, **parts})
    heavy = sorted((name for name in sums if sums[name]["events"]), key=lambda name: (-sums[name]["events"], name))
    return [_scanner(name, sums[name]) for name in heavy]


def _scanner(name: str, sums: Counter[str]) -> Scanner:
    events, half, third, quarter = (sums[part] for part in ("events", "half", "third", "quarter"))
    return Scanner(
        name,
        Counter({"clicked": half, "other": events - half}),
        Counter({"learned": third, "": events - third}),
        Counter({"60": quarter, "": events - quarter}),
        sums["all"],
    )


def names_of(found: First) -> list[str]:
    return [one.name for one in found.origins]


def test_a_period_is_whole_months_and_the_days_beside_them() -> None:
    assert [level for level, _ in buckets(PERIOD)] == ["day", "day", "month", "month", "day", "day"]


@examples(200)
@given(cells, st.integers(1, 6), st.integers(1, 8), st.sampled_from(["", "email", "sms"]))
@example({(0, "email", 1): (1, 1), (0, "sms", 0): (2, 1), (0, "sms", 1): (1, 1), (0, "sms", 2): (1, 1)}, 1, 2, "")
def test_the_first_ones_are_those_of_a_sum(found: Found, depth: int, limit: int, channel: str) -> None:
    with undone(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranking, "_DEPTHS", (depth, 2 * depth))
        store(found)
        scope = Counted(START, END, PERIOD.brand_ids, channel)
        wanted = in_order(found, channel)
        assert first(scope, Dimension.DOMAIN, limit) == First(tuple(wanted[:limit]), len(wanted) > limit)
        assert first(scope, Dimension.DOMAIN, None) == First(tuple(wanted))
        some = ["d1", "d2", "d99"]
        assert named(scope, Dimension.DOMAIN, some) == {one.name: one for one in wanted if one.name in some}


def test_what_is_of_others_is_not_among_them() -> None:
    store({(2, "email", 1): (5, 0)})
    store({(2, "email", 2): (9, 0)}, brand_id=BRAND + 1)
    store({(2, "email", 3): (9, 0)}, dimension="network")
    Ranking.objects.create(
        brand_id=BRAND,
        dimension="domain",
        level="month",
        start=START - timedelta(days=300),
        channel="sms",
        value="d4",
        events=9,
        everybody=9,
    )
    assert names_of(first(PERIOD, Dimension.DOMAIN, 5)) == ["d1"]
    assert set(named(PERIOD, Dimension.DOMAIN, ["d1", "d2", "d3", "d4"])) == {"d1"}


def test_a_long_tail_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Domains at which one robot was seen, or none: their rows are left alone."""
    heads = {(number, "email", value): (1_000 - value, 0) for number in range(6) for value in range(30)}
    store(heads)
    parts = buckets(PERIOD)
    tail = (
        Ranking(
            brand_id=BRAND,
            dimension="domain",
            level=level,
            start=start,
            channel="email",
            value=f"tail{n}",
            events=n % 2,
            everybody=2,
        )
        for level, start in parts
        for n in range(2_000)
    )
    while some := list(islice(tail, 5_000)):
        Ranking.objects.bulk_create(some)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE engagement_ranking")
    monkeypatch.setattr(ranking, "_DEPTHS", (40,))
    with CaptureQueriesContext(connection) as asked:
        found = first(PERIOD, Dimension.DOMAIN, 25)
    assert (names_of(found), found.is_cut) == ([one.name for one in in_order(heads)[:25]], True)
    rows = [_rows_read(query["sql"]) for query in asked.captured_queries]
    assert len(rows) == 2
    assert 25 <= min(rows) <= max(rows) <= 12 * 40, "twelve lists, forty rows of each"


def _rows_read(statement: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}")
        return _rows(cursor.fetchone()[0][0]["Plan"])


def _rows(plan: dict[str, Any]) -> int:
    """How many rows of the ranking were read."""
    is_read = plan.get("Relation Name") == "engagement_ranking"
    own = int(plan["Actual Rows"] * plan["Actual Loops"]) if is_read else 0
    return own + sum(map(_rows, plan.get("Plans", [])))
