"""Counters and writers at the same time, on connections of their own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.db import connection, transaction

from engagement.counting import position
from engagement.counting.counter import count_all, count_next
from engagement.figures.counted import Counted, tallies
from engagement.models import Dimension, Interaction
from preferences.models import Brand
from tests.commands import run
from tests.engagement.counts import recounted, stored_counts
from tests.engagement.makers import NOON, make_interaction
from tests.makers import make_brand

pytestmark = pytest.mark.django_db(transaction=True)

LATER = NOON + timedelta(days=100)
YEAR = Counted(NOON - timedelta(days=100), LATER)


@pytest.fixture
def brand() -> Iterator[Brand]:
    """No model's: what partitions and SQL made goes by SQL."""
    yield make_brand()
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE engagement_interaction")


class Beside(threading.Thread):
    """Does something in a transaction on a connection of its own, which stays open until it is told to commit."""

    def __init__(self, work: Callable[[], object]) -> None:
        super().__init__()
        self.work = work
        self.has_worked, self.may_commit = threading.Event(), threading.Event()
        self.start()
        assert self.has_worked.wait(120)

    def run(self) -> None:
        with transaction.atomic():
            self.work()
            self.has_worked.set()
            assert self.may_commit.wait(120)
        connection.close()

    def commit(self) -> None:
        self.may_commit.set()
        self.join()


def events() -> int:
    return sum(row.events for row in tallies(YEAR, Dimension.BRAND))


def test_a_row_that_commits_late_is_counted_and_none_before_it(brand: Brand) -> None:
    late = Beside(lambda: make_interaction(brand=brand, kind="visit"))
    for number in range(3):
        make_interaction(brand=brand, occurred_at=NOON + timedelta(hours=number))
    count_all(LATER)
    assert events() == 0
    late.commit()
    count_until(4)
    assert stored_counts().tally == recounted(Interaction.objects.all()).tally


def count_until(count: int) -> None:
    """Whoever else writes in this cluster holds the counter back for a moment."""
    for _ in range(2_000):
        count_all(LATER, size=2)
        if events() >= count:
            break
    assert events() == count


def test_a_second_counter_leaves(brand: Brand) -> None:
    make_interaction(brand=brand)
    first = Beside(position.lock)
    assert count_all(LATER) is None
    assert events() == 0
    first.commit()
    count_until(1)


def test_the_command_waits_for_its_turn(brand: Brand) -> None:
    first = Beside(position.lock)

    def commit_once_refused(execute: Callable[..., object], sql: str, *arguments: object) -> object:
        found = execute(sql, *arguments)
        if "pg_try_advisory_xact_lock" in sql:
            first.commit()
        return found

    with connection.execute_wrapper(commit_once_refused):
        assert run("count_interactions").status == 0


def test_many_counters_and_writers_count_everything_once(brand: Brand) -> None:
    def write(number: int) -> None:
        for step in range(15):
            with transaction.atomic():
                at = NOON + timedelta(minutes=7 * step * number)
                make_interaction(brand=brand, occurred_at=at, kind="arrive", verdict="human", network=None)
                transaction.set_rollback(step % 5 == 4)
        connection.close()

    def count(_: int) -> None:
        for _ in range(25):
            count_next(LATER, 3)
        connection.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 4) for work in (write, count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    count_until(36)
    found, wanted = stored_counts(), recounted(Interaction.objects.all())
    assert (found.tally, found.reach, found.touches) == (wanted.tally, wanted.reach, wanted.touches)


def test_whoever_dies_in_the_middle_has_counted_nothing(brand: Brand, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection is cut where everything is written and nothing committed."""
    for number in range(5):
        make_interaction(brand=brand, occurred_at=NOON + timedelta(hours=number))

    def die(*_: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    with monkeypatch.context() as patch:
        patch.setattr("engagement.counting.counter.move", die)
        for _ in range(2_000):
            try:
                count_all(LATER, size=3)
            except Exception:
                break
        else:
            pytest.fail("nothing was counted in time")
    connection.close()
    assert events() == 0
    assert position.place() == position.Place()
    count_until(5)
