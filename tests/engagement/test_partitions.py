from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest
from django.db import connection

from engagement.models import Interaction, Kind
from engagement.recording.partitions import PARTS, make_partitions, partition_name
from tests.engagement.makers import make_interaction

MARCH = date(2020, 3, 1)
IN_MARCH = datetime(2020, 3, 10, 12, tzinfo=UTC)


def make_plain_month(month: date, end: date) -> None:
    """A month as it was made before months were parted by kind."""
    name = partition_name(month)
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TABLE {name} PARTITION OF engagement_interaction FOR VALUES FROM (%s) TO (%s)",
            [f"{month}T00:00:00Z", f"{end}T00:00:00Z"],
        )


def table_of(row: Interaction) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM engagement_interaction WHERE id = %s", [row.id])
        return str(cursor.fetchone()[0])


@pytest.mark.django_db
@pytest.mark.parametrize("kind", Kind.values)
def test_each_kind_lands_in_its_part(kind: str) -> None:
    make_partitions(MARCH, months=1)
    parts = {"open": "opens", "click": "clicks", "conversion": "clicks"}
    row = make_interaction(occurred_at=IN_MARCH, kind=kind)
    assert table_of(row) == f"engagement_interaction_2020_03_{parts.get(kind, 'visits')}"


@pytest.mark.django_db
def test_a_kind_that_nobody_knows_yet_lands_with_the_visits() -> None:
    make_partitions(MARCH, months=1)
    assert table_of(make_interaction(occurred_at=IN_MARCH, kind="later")).endswith("_2020_03_visits")


@pytest.mark.django_db
def test_months_are_made_once() -> None:
    assert make_partitions(date(2020, 11, 15), months=3) == [
        "engagement_interaction_2020_11",
        "engagement_interaction_2020_12",
        "engagement_interaction_2021_01",
    ]
    assert make_partitions(date(2020, 11, 1), months=3) == []


@pytest.mark.django_db
def test_plain_months_of_before_go_on_beside_parted_ones() -> None:
    make_plain_month(MARCH, date(2020, 4, 1))
    assert make_partitions(MARCH, months=2) == ["engagement_interaction_2020_04"]
    old = make_interaction(occurred_at=IN_MARCH, kind="click")
    new = make_interaction(occurred_at=datetime(2020, 4, 1, tzinfo=UTC), kind="click")
    assert (table_of(old), table_of(new)) == ("engagement_interaction_2020_03", "engagement_interaction_2020_04_clicks")
    assert list(Interaction.objects.between(old.occurred_at, IN_MARCH.replace(month=5)).order_by("occurred_at")) == [
        old,
        new,
    ]


@pytest.mark.django_db
def test_a_month_has_the_indexes_of_the_table() -> None:
    make_partitions(MARCH, months=1)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_indexes WHERE tablename = 'engagement_interaction'")
        wanted = cursor.fetchone()
        for part in PARTS:
            cursor.execute("SELECT count(*) FROM pg_indexes WHERE tablename = %s", [f"{partition_name(MARCH)}_{part}"])
            assert cursor.fetchone() == wanted


@pytest.fixture
def no_march() -> Iterator[None]:
    yield
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {partition_name(MARCH)}")


@pytest.mark.django_db(transaction=True)
def test_a_month_that_many_want_at_once_is_made_once(no_march: None) -> None:
    made: list[str] = []
    start = threading.Barrier(5)

    def make() -> None:
        start.wait()
        made.extend(make_partitions(MARCH, months=1))
        connection.close()

    threads = [threading.Thread(target=make) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [partition_name(MARCH)]
