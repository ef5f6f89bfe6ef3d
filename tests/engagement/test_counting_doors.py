"""Opt-outs by door are what the ledger says, each counted once, whatever comes late, twice, back or away."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from engagement.counting import position
from engagement.counting.counter import count_all
from engagement.counting.doors import count_changes
from engagement.counting.recount import compare, rebuild
from engagement.feed import positions
from engagement.forgetting import forget
from engagement.models import Tally
from preferences import feed
from preferences.models import PreferenceChange, Source
from preferences.models.subscriptions import SuppressionReason
from tests.engagement.counted import LATER, commit_changes, counted_changes, make_row
from tests.engagement.counts import count_doors
from tests.engagement.ledger_world import PEOPLE, World, steps, undone
from tests.makers import make_brand, make_cause, make_recipient, make_topic
from tests.searching import examples

pytestmark = pytest.mark.django_db


def stored_doors() -> Counter[Any]:
    cells = Tally.objects.filter(dimension__in=["door", "maildoor"])
    keys = ("brand_id", "dimension", "level", "start", "mailing", "value", "channel", "record", "verdict", "age")
    return Counter({row[:-1]: row[-1] for row in cells.values_list(*keys, "events")})


def sums(record: str = "opt_out", **about: str) -> dict[str, int]:
    rows = Tally.objects.filter(dimension="door", level="hour", record=record, **about)
    found: Counter[str] = Counter()
    for source, events in rows.values_list("value", "events"):
        found[source] += events
    return dict(found)


@examples(20)
@given(st.lists(steps, min_size=4, max_size=40), st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata"]))
def test_opt_outs_by_door_are_what_a_recount_finds(history: list[tuple[Any, ...]], zone: str) -> None:
    with undone(), pytest.MonkeyPatch.context() as patch:
        patch.setattr("django.conf.settings.TIME_ZONE", zone)
        world = World(count_doors)
        for step in history:
            world.take(*step)
        assert stored_doors() == count_doors(counted_changes()) + world.kept
        for name in PEOPLE:
            world.commit(name)
        count_all(LATER, size=5)
        assert len(counted_changes()) == PreferenceChange.objects.count()
        assert stored_doors() == count_doors(counted_changes()) + world.kept
        assert not compare(None).missing_count
        rebuild(None)
        assert stored_doors() == count_doors(counted_changes())


def leave(name: str, topic: Any, source: Source = Source.CONFIRM_BUTTON, **evidence: Any) -> None:
    make_recipient(topic.brand, f"{name}@example.org").opt_out(topic.id, make_cause(source, evidence=evidence))


def count_ledger() -> dict[str, int]:
    commit_changes()
    count_all(LATER)
    return sums()


def test_who_leaves_several_topics_within_an_hour_left_once() -> None:
    news = make_topic()
    offers = make_topic(news.brand, "offers")
    leave("alice", news)
    leave("alice", offers)
    leave("bob", news, Source.ONE_CLICK)
    assert count_ledger() == {"confirm_button": 1, "one_click": 1}
    assert sums("topic") == {"confirm_button": 2, "one_click": 1}


@pytest.mark.parametrize(("minutes", "count"), [(59, 1), (61, 2), (-59, 1), (-61, 2)])
def test_who_leaves_again_an_hour_later_left_twice(minutes: int, count: int) -> None:
    """Also where a clock that was ahead has been put right in between."""
    topic = make_topic()
    leave("alice", topic)
    make_recipient(topic.brand).undo_opt_out(topic.id, make_cause(Source.UNDO))
    PreferenceChange.objects.update(changed_at=timezone.now() - timedelta(minutes=minutes))
    leave("alice", topic)
    assert count_ledger() == {"confirm_button": count, "undo": 1}


def test_a_clock_that_was_ahead_for_a_while_makes_nobody_leave_twice() -> None:
    topics = [make_topic(slug="news")]
    topics += [make_topic(topics[0].brand, slug) for slug in ("offers", "events")]
    start = timezone.now()
    for topic, minutes in zip(topics, (0, 300, 30), strict=True):
        leave("alice", topic)
        PreferenceChange.objects.filter(topic=topic).update(changed_at=start + timedelta(minutes=minutes))
    assert count_ledger() == {"confirm_button": 2}


def test_who_leaves_everything_left_once_and_many_topics() -> None:
    brand = make_brand()
    for slug in ("news", "offers", "events"):
        make_topic(brand, slug)
    make_recipient(brand).leave_everything(make_cause(Source.PREFERENCE_PAGE))
    assert count_ledger() == {"preference_page": 1}
    assert sums("topic") == {"preference_page": 3}


def test_who_comes_back_to_one_topic_has_not_left_the_others() -> None:
    brand = make_brand()
    topics = [make_topic(brand, slug) for slug in ("news", "offers", "events")]
    alice = make_recipient(brand)
    alice.suppress(SuppressionReason.IMPORT, make_cause(Source.IMPORT))
    alice.opt_in(topics[0].id, make_cause(Source.CONFIRM_BUTTON))
    assert count_ledger() == {"import": 1}
    assert sums("topic") == {}
    alice.opt_out(topics[0].id, make_cause(Source.CONFIRM_BUTTON))
    PreferenceChange.objects.filter(id=alice.changes.newest_first()[0].id).update(
        changed_at=timezone.now() + timedelta(seconds=3)
    )
    assert count_ledger() == {"import": 1, "confirm_button": 1}


def test_a_page_view_that_ends_twice_counts_once_for_its_verdict() -> None:
    topic = make_topic()
    for verdict in ("machine", "machine", "human"):
        leave("alice", topic, Source.CONFIRM_BUTTON, visit=7, verdict=verdict)
        make_recipient(topic.brand).undo_opt_out(topic.id, make_cause(Source.UNDO))
    count_ledger()
    assert sums("view", verdict="machine") == sums("view", verdict="human") == {"confirm_button": 1}


def test_a_change_that_has_not_committed_waits_and_none_is_counted_twice() -> None:
    topic = make_topic()
    leave("alice", topic)
    count_all(LATER)
    assert sums() == {}
    assert count_ledger() == count_ledger() == {"confirm_button": 1}


def test_the_counts_stay_when_somebody_is_forgotten() -> None:
    topic = make_topic()
    leave("alice", topic)
    count_ledger()
    forget(make_recipient(topic.brand))
    assert count_ledger() == {"confirm_button": 1, "erasure": 1}
    found = compare(None)
    assert (found.missing_count, found.is_exact) == (0, True)
    assert found.excess_count


@pytest.mark.parametrize("restored", [feed.forget_transactions, positions.forget_transactions])
def test_after_a_restore_the_ledger_is_counted_anew(restored: Any) -> None:
    topic = make_topic()
    leave("alice", topic)
    before = count_ledger()
    PreferenceChange.objects.update(xid=0)
    leave("bob", topic)
    PreferenceChange.objects.update(xid=0)
    restored()
    count_all(LATER)
    assert before == {"confirm_button": 1}
    assert sums() == {"confirm_button": 2}


def test_a_recount_of_the_ledger_finds_what_is_missing_and_mends_it() -> None:
    topic = make_topic()
    leave("alice", topic)
    make_row(brand=topic.brand)
    count_ledger()
    before = stored_doors()
    Tally.objects.filter(dimension="door", level="day").delete()
    assert compare(None).missing_count == 3
    rebuild(None)
    assert stored_doors() == before
    Tally.objects.filter(dimension="door", level="month").update(events=9)
    assert compare(timezone.now()).excess_count == 3
    rebuild(timezone.now())
    assert stored_doors() == before


def test_who_is_counting_already_is_not_disturbed(monkeypatch: pytest.MonkeyPatch) -> None:
    leave("alice", make_topic())
    commit_changes()
    with monkeypatch.context() as patch:
        patch.setattr("engagement.counting.doors.try_lock", lambda: False)
        assert count_changes(10) is None
    assert position.ledger_place() == position.Place()
