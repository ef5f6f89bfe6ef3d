"""Who left and who stayed, recounted from the ledger's rows."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

import pytest
from django.core.management import call_command
from hypothesis import given
from hypothesis import strategies as st

from engagement.counting import leavings
from engagement.counting.counter import count_all
from engagement.counting.doors import count_changes
from engagement.counting.recount import compare, rebuild
from engagement.figures.leaving import Instead, Outcome, Statistics, statistics
from engagement.models import Tally
from preferences.models import PreferenceChange, Source, Topic
from preferences.models.standing import Wish
from tests.engagement.counted import LATER, counted_changes
from tests.engagement.leaving_walk import count_leavings, deeds, recount, stored_leavings
from tests.engagement.leavings import LATER as PAUSE
from tests.engagement.leavings import MONTH, START, WEEKLY, Someone, history, in_days
from tests.engagement.ledger_world import PEOPLE, World, people, steps, topics, undone
from tests.makers import make_brand, make_cause
from tests.searching import examples

of_transactions = pytest.mark.django_db(transaction=True)


def same(told: Statistics, counted: Statistics) -> None:
    for name in ("left", "left_at", "kept", "returned"):
        cells = getattr(told, name)
        assert set(cells) == set(getattr(counted, name))
        assert len(cells) == len(set(cells))
    assert told.put_back_count == counted.put_back_count


@of_transactions
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_figure_is_what_the_ledger_says(seed: int) -> None:
    brands = [make_brand(), make_brand()]
    history(random.Random(seed), brands)
    count_all()
    news = Topic.objects.filter(slug="news", brand=brands[0]).get()
    everything = statistics(MONTH)
    spans = [
        MONTH,
        replace(MONTH, brand_ids=frozenset({brands[1].id})),
        replace(MONTH, brand_ids=frozenset()),
        replace(MONTH, topic_id=news.id),
        replace(MONTH, is_everything=True),
        replace(MONTH, channel="sms"),
        replace(MONTH, start=START - timedelta(days=60)),
        replace(MONTH, start=START - timedelta(days=3), end=START),
        replace(MONTH, start=START - timedelta(days=300)),
        replace(MONTH, start=START - timedelta(days=317)),  # begins within a month
    ]
    for span in spans:
        same(statistics(span), recount(span))
    assert {cell.outcome for cell in everything.left} == set(Outcome) - {Outcome.PUT_BACK}
    assert {cell.choice for cell in everything.kept} == set(Instead)
    assert len({cell.away for cell in everything.returned}) >= 3
    assert everything.put_back_count


@of_transactions
@pytest.mark.parametrize(("size", "most"), [(1, 4), (1, 12), (3, 7), (3, 1_000), (10_000, 1_000)])
def test_stretches_of_any_size_add_up_to_the_same(size: int, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """And however few rows before them are read of whoever has more."""
    monkeypatch.setattr(leavings, "MOST", most)
    history(random.Random(size + most), [make_brand()], deeds=100 if size == 1 else 200)
    while count_changes(size):
        if size < 10_000 and random.Random(size).random() < 0.2:
            assert stored_leavings() == count_leavings(counted_changes())
    assert len(counted_changes()) == PreferenceChange.objects.count()
    assert stored_leavings() == count_leavings(counted_changes())
    assert compare(None).is_exact
    rebuild(None)
    assert stored_leavings() == count_leavings(counted_changes())


@of_transactions
@pytest.mark.parametrize("most", [2, 5, 13])
def test_somebody_who_does_everything_is_counted_from_their_last_rows(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hundreds of rows of one recipient, each a stretch of its own."""
    monkeypatch.setattr(leavings, "MOST", most)
    history(random.Random(most), [make_brand()], deeds=250, most=1)
    while count_changes(1):
        pass
    assert stored_leavings() == count_leavings(counted_changes())


@of_transactions
def test_what_was_written_together_is_known_without_the_transactions() -> None:
    """A restore from a dump forgets these; figures stay the same."""
    history(random.Random(7), [make_brand(), make_brand()], deeds=300)
    for _, own in groupby(PreferenceChange.objects.order_by("recipient_id", "id"), key=lambda row: row.recipient_id):
        rows = list(own)
        together = [list(found) for _, found in groupby(rows, key=lambda row: row.xid)]
        assert [[row.id for row in deed] for deed in deeds(rows)] == [[row.id for row in found] for found in together]
    count_all()
    before = stored_leavings()
    call_command("changes", after_restore=True)
    count_all()
    assert stored_leavings() == before
    assert set(PreferenceChange.objects.values_list("xid", flat=True)) == {0}
    assert len(counted_changes()) == PreferenceChange.objects.count()
    assert compare(None).is_exact


@of_transactions
def test_a_rebuild_from_a_month_on_leaves_what_was_before_alone() -> None:
    """A leaving before the month, and what came of it in the month, count before it."""
    history(random.Random(4), [make_brand()], deeds=300)
    count_all()
    before = stored_leavings()
    since = datetime(2026, 10, 1, tzinfo=UTC)
    assert any(start < since for _, _, _, start, *_ in before)
    assert compare(since).is_exact
    Tally.objects.filter(dimension__in=["left", "returned", "kept"], start__gte=since).update(events=77)
    rebuild(since)
    assert stored_leavings() == before
    Tally.objects.filter(dimension__in=["left", "returned", "kept"], start__lt=since).update(events=77)
    rebuild(since)
    assert {number for cell, number in stored_leavings().items() if cell[3] < since} == {77}


class PageWorld(World):
    """Where people also choose less, or take an offer."""

    def __init__(self) -> None:
        super().__init__(count_leavings)
        self.someone = {name: Someone(self.recipient(name)) for name in PEOPLE}

    def save(self, name: str, topic: int, wish: Wish) -> None:
        self.someone[name].save(self.topics[topic], wish)

    def undo_save(self, name: str) -> None:
        self.someone[name].undo_save()

    def return_to_all(self, name: str) -> None:
        self.someone[name].person.come_back(self.someone[name].by_page())

    def offer(self, name: str, topic: int, is_pause: bool) -> None:
        setting = PAUSE if is_pause else WEEKLY
        self.recipient(name).undo_opt_out(self.topics[topic].id, make_cause(Source.OFFER), setting)


wishes = st.sampled_from(
    [
        Wish(is_in=True),
        Wish(is_in=False),
        Wish(frequency="weekly"),
        Wish(frequency="every"),
        Wish(paused_until=in_days(9)),
    ]
)
page_steps = st.one_of(
    steps,
    st.tuples(st.just("save"), people, topics, wishes),
    st.tuples(st.just("undo_save"), people),
    st.tuples(st.just("return_to_all"), people),
    st.tuples(st.just("offer"), people, topics, st.booleans()),
)


@pytest.mark.django_db
@examples(25)
@given(
    st.lists(page_steps, min_size=4, max_size=40),
    st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata"]),
    st.sampled_from([2, 4, 8, 1_000]),
)
def test_leavings_are_what_a_recount_finds_whatever_comes_late(
    steps: list[tuple[Any, ...]], zone: str, most: int
) -> None:
    with undone(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(leavings, "MOST", most)
        patch.setattr("django.conf.settings.TIME_ZONE", zone)
        world = PageWorld()
        for step in steps:
            world.take(*step)
            assert not Tally.objects.filter(events__lte=0).exists()
        assert stored_leavings() == count_leavings(counted_changes()) + world.kept
        for name in PEOPLE:
            world.commit(name)
        count_all(LATER, size=2)
        assert len(counted_changes()) == PreferenceChange.objects.count()
        assert stored_leavings() == count_leavings(counted_changes()) + world.kept
        assert not compare(None).missing_count
        rebuild(None)
        assert stored_leavings() == count_leavings(counted_changes())


@pytest.mark.django_db
@examples(15)
@given(
    st.lists(
        st.sampled_from(["leave", "back", "arrive", "put back", "undo", "all", "all back", "wait"]),
        min_size=20,
    ),
    st.integers(1, 6),
    st.sampled_from([3, 6]),
)
def test_an_address_that_is_toggled_is_counted_from_its_last_rows(deeds: list[str], size: int, most: int) -> None:
    """By somebody who does so without end, in two topics, after they had done something else in a third."""
    with undone(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(leavings, "MOST", most)
        world = PageWorld()
        fields = {"mailing": "", "visit": None, "verdict": None, "settles": False, "source": Source.ONE_CLICK}
        world.take("leave", "alice", 2, fields)
        world.take("offer", "alice", 2, True)
        for number, deed in enumerate(deeds):
            topic = number % 2
            world.take(*TOGGLES[deed](topic, fields))
            world.take("wait", 61 if number % 5 else 0)
            if number % 3 == 0:
                world.take("commit", "alice")
                world.take("count", size)
        world.take("come_back", "alice", 2)
        world.commit("alice")
        count_all(LATER, size=size)
        assert stored_leavings() == count_leavings(counted_changes())


TOGGLES: dict[str, Any] = {
    "leave": lambda topic, fields: ("leave", "alice", topic, fields),
    "back": lambda topic, fields: ("come_back", "alice", topic),
    "arrive": lambda topic, fields: ("leave", "alice", topic, fields | {"source": Source.ARRIVAL, "settles": True}),
    "put back": lambda topic, fields: ("put_back", "alice", topic),
    "undo": lambda topic, fields: ("undo", "alice", topic),
    "all": lambda topic, fields: ("leave_everything", "alice", fields | {"source": Source.PREFERENCE_PAGE}),
    "all back": lambda topic, fields: ("return_to_all", "alice"),
    "wait": lambda topic, fields: ("wait", 1),
}
