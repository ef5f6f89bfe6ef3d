"""Figures are exact: whatever comes late, twice, judged again or erased, they are what a recount finds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st

from engagement.counting import position
from engagement.counting.counter import CountingError, count_all, count_next
from engagement.figures.counted import Counted, Which, counted_until, reaches, tallies
from engagement.models import Dimension, Interaction, Position, Ranking, Revision, Tally, Touch
from engagement.recording.records import record_of
from tests.engagement.counted import LATER, counted_rows, erase, make_row, revise, same
from tests.engagement.counts import Counts, recounted, stored_counts
from tests.engagement.makers import NOON
from tests.makers import make_brand
from tests.searching import examples

pytestmark = pytest.mark.django_db

CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"
DAY = Counted(NOON - timedelta(hours=12), NOON + timedelta(hours=12))


def messages(act: str, which: Which) -> int:
    return sum(row.messages for row in reaches(DAY, Dimension.BRAND, "act", which=which) if row.act == act)


PEOPLE = [UUID(int=number) for number in (1, 2, 3)]
KINDS = ("open", "click", "visit", "header_visit", "arrive", "confirm", "one_click", "hidden_visit", "conversion")
inserts = st.fixed_dictionaries(
    {
        "recipient_id": st.sampled_from(PEOPLE),
        "kind": st.sampled_from(KINDS),
        "verdict": st.sampled_from(["human", "unsure", "machine", "prefetched"]),
        "minutes": st.sampled_from([-70_000, -1_500, -90, -60, -1, 0, 0, 0, 1, 45, 60, 1_440]),
        "mailing": st.sampled_from(["", "a", "a", "b"]),
        "segment": st.sampled_from(["", "vip"]),
        "topic": st.sampled_from(["", "news", "offers"]),
        "link": st.sampled_from([None, 5, -9]),
        "answer": st.sampled_from(["done", "ask"]),
        "send_age": st.sampled_from([None, 0, 12, 61, 4_000, 90_000]),
        "signal": st.sampled_from(["", "head_request", "learned_agent"]),
        "network": st.sampled_from([None, "192.0.2.0"]),
        "owner": st.sampled_from(["", "Acme"]),
        "visit": st.sampled_from([None, 1, 1, 2]),
        "method": st.sampled_from(["GET", "GET", "HEAD"]),
    }
)
steps = st.one_of(
    st.tuples(st.just("insert"), inserts),
    st.tuples(st.just("insert"), inserts),
    st.tuples(st.just("insert"), inserts),
    st.tuples(st.just("count"), st.integers(1, 9)),
    st.tuples(st.just("revise"), st.tuples(st.integers(0, 99), st.sampled_from(["human", "machine", "prefetched"]))),
    st.tuples(st.just("erase"), st.sampled_from(PEOPLE[:2])),
)


class World:
    """What happens, and what the figures must be: those of the stored rows, and of those that were erased later."""

    def __init__(self) -> None:
        self.brand = make_brand()
        self.kept = Counts()

    def take(self, step: str, argument: Any) -> None:
        getattr(self, step)(argument)

    def insert(self, fields: dict[str, Any]) -> None:
        minutes, owner, method, signal = (fields[name] for name in ("minutes", "owner", "method", "signal"))
        rest = {name: value for name, value in fields.items() if name not in ("minutes", "owner", "method", "signal")}
        rest["record"] = record_of(rest["kind"], rest["verdict"], [signal])
        facts = {"request": {"method": method, "network": owner}}
        at = NOON + timedelta(minutes=minutes)
        rest["visit"] = None if rest["visit"] is None else rest["visit"] + 10 * at.toordinal()  # a day's
        make_row(brand=self.brand, occurred_at=at, facts=facts, **rest)

    def count(self, size: int) -> None:
        count_next(LATER, size)

    def revise(self, choice: tuple[int, str]) -> None:
        number, verdict = choice
        rows = list(Interaction.objects.order_by("xid", "id"))
        if rows:
            revise([row for place, row in enumerate(rows) if place % 7 == number % 7], verdict)

    def erase(self, person: UUID) -> None:
        gone = recounted([row for row in counted_rows() if row.recipient_id == person], {person})
        self.kept.tally += gone.tally
        self.kept.reach += gone.reach
        self.kept.ranking += gone.ranking
        erase(person)

    def wanted(self) -> Counts:
        now = recounted(counted_rows())
        cells = (now.tally + self.kept.tally, now.reach + self.kept.reach, now.ranking + self.kept.ranking)
        return Counts(*cells, now.touches, now.scanned, now.views)


@contextmanager
def undone() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@examples(20)
@given(st.lists(steps, min_size=4, max_size=40), st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata"]))
def test_figures_are_what_a_recount_finds(history: list[tuple[str, Any]], zone: str) -> None:
    with undone(), pytest.MonkeyPatch.context() as patch:
        patch.setattr("django.conf.settings.TIME_ZONE", zone)
        world = World()
        for step, argument in history:
            world.take(step, argument)
        same(stored_counts(), world.wanted())
        count_all(LATER, size=5)
        same(stored_counts(), world.wanted())
        assert not Ranking.objects.filter(everybody__lte=0).exists()
        assert len(counted_rows()) == Interaction.objects.count()


def test_an_event_counts_once_and_its_message_once() -> None:
    brand = make_brand()
    for minute in (5, 3, 3):
        make_row(brand=brand, kind="arrive", occurred_at=NOON + timedelta(minutes=minute), verdict="human")
    assert count_all(LATER) == 3
    assert count_all(LATER) == 0
    assert tallies(DAY, Dimension.BRAND)[0].events == 3
    assert messages("script", Which.RAW) == messages("script", Which.CLEANED) == 1
    assert Touch.objects.get().first_at == NOON + timedelta(minutes=3)


def test_rows_younger_than_two_minutes_wait_and_all_behind_them() -> None:
    brand = make_brand()
    make_row(brand=brand, occurred_at=NOON)
    make_row(brand=brand, occurred_at=NOON + timedelta(minutes=3))
    make_row(brand=brand, occurred_at=NOON)
    assert count_all(NOON + timedelta(minutes=4)) == 1
    assert counted_until() == NOON + timedelta(minutes=2)
    assert count_all(NOON + timedelta(minutes=5)) == 2


def test_a_clock_that_is_far_ahead_holds_nobody_up() -> None:
    make_row(brand=make_brand(), occurred_at=NOON + timedelta(hours=3))
    assert count_all(NOON) == 1


def test_a_message_that_robots_opened_first_is_cleaned_when_a_person_does() -> None:
    brand = make_brand()
    make_row(brand=brand, kind="visit", verdict="machine", occurred_at=NOON)
    count_all(LATER)
    assert (messages("visit", Which.RAW), messages("visit", Which.CLEANED), messages("scan", Which.RAW)) == (1, 0, 1)
    make_row(brand=brand, kind="visit", verdict="human", occurred_at=NOON + timedelta(hours=2))
    count_all(LATER)
    assert (messages("visit", Which.RAW), messages("visit", Which.CLEANED)) == (1, 1)
    assert Touch.objects.get(act="visit").cleaned_at == NOON + timedelta(hours=2)


def test_what_is_judged_again_counts_as_it_is_now() -> None:
    brand = make_brand()
    robot = make_row(brand=brand, kind="arrive", verdict="machine")
    person = make_row(brand=brand, kind="arrive", verdict="human", occurred_at=NOON + timedelta(hours=1))
    count_all(LATER)
    revise([robot], "unsure")
    assert Touch.objects.get(act="script").cleaned_at == NOON
    robot.refresh_from_db()
    revise([robot, person], "machine")
    assert Touch.objects.get(act="script").cleaned_at is None
    assert {row.record: row.events for row in tallies(DAY, Dimension.BRAND, "record")} == {
        "arrive_machine_behaviour": 2
    }
    same(stored_counts(), recounted(counted_rows()))


def test_a_row_that_waits_is_revised_without_being_counted() -> None:
    row = make_row(brand=make_brand(), kind="arrive", verdict="human")
    revise([row], "machine")
    assert not Tally.objects.exists()
    count_all(LATER)
    assert tallies(DAY, Dimension.BRAND, "verdict")[0].verdict == "machine"


def test_the_second_look_comes_before_the_count_and_reaches_back() -> None:
    """A click by the visitor who followed the hidden link is no person's, also where that came to light later."""
    facts = {"request": {"method": "GET", "has_accept_language": True, "fetch_mode": "navigate", "fetch_user": "?1"}}
    visitor: dict[str, Any] = {"brand": make_brand(), "network": "192.0.2.0", "visitor": bytes(15) + b"\1"}
    visitor |= {"agent": CHROME, "facts": facts, "send_age": 90_000}
    make_row(**visitor, kind="click", verdict="unsure", link=7)
    count_all(LATER)
    assert messages("click", Which.CLEANED) == 1
    make_row(**visitor, kind="hidden_visit", verdict="machine", occurred_at=NOON + timedelta(minutes=9))
    count_all(LATER)
    revision = Revision.objects.get()
    assert (revision.new_verdict, revision.rejudgement) == ("machine", None)
    assert revision.xid
    assert revision.applied_at
    assert messages("click", Which.CLEANED) == 0
    same(stored_counts(), recounted(counted_rows()))


def test_what_comes_from_another_cluster_is_refused() -> None:
    position.move(position.Place(2**50, 1), NOON)
    with pytest.raises(CountingError, match="another database cluster"):
        count_all(LATER)


def test_a_failure_in_the_middle_counts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    make_row(brand=make_brand())
    with monkeypatch.context() as patch:
        patch.setattr("engagement.counting.counter.note_scans", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            count_all(LATER)
    assert not Tally.objects.exists()
    assert not Position.objects.exists()
    assert count_all(LATER) == 1
    assert tallies(DAY, Dimension.BRAND)[0].events == 1


def test_a_person_is_forgotten_and_the_counts_stay() -> None:
    brand = make_brand()
    row = make_row(brand=brand, kind="arrive", verdict="machine", domain="alice.example")
    count_all(LATER)
    erase(row.recipient_id)
    assert stored_counts().touches == stored_counts().scanned == {}
    assert tallies(DAY, Dimension.BRAND)[0].events == 1
    assert messages("script", Which.RAW) == 1
