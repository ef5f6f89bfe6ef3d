"""Opt-outs by door are what the ledger says, each counted once, whatever comes late, twice, back or away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engagement.counting import position
from engagement.counting.counter import count_all
from engagement.counting.doors import count_changes
from engagement.counting.recount import compare, rebuild
from engagement.feed import positions
from engagement.forgetting import forget
from engagement.models import Tally
from preferences import feed
from preferences.models import PreferenceChange, Recipient, Source
from preferences.models.standing import Wish
from preferences.models.subscriptions import SuppressionReason
from tests.engagement.counted import LATER, commit_changes, counted_changes, make_row
from tests.engagement.counts import count_doors
from tests.engagement.makers import NOON
from tests.makers import make_brand, make_cause, make_recipient, make_topic

pytestmark = pytest.mark.django_db

PEOPLE = ("alice", "bob", "mallory")
DOORS = (Source.ONE_CLICK, Source.ARRIVAL, Source.ARRIVAL, Source.CONFIRM_BUTTON, Source.PREFERENCE_PAGE)


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


@contextmanager
def undone() -> Iterator[None]:
    """Not a block of `atomic`: the verbs refuse to be in one."""
    point = transaction.savepoint_create()
    try:
        yield
    finally:
        transaction.savepoint_rollback(point)


people = st.sampled_from(PEOPLE)
topics = st.integers(0, 2)
leaving = st.fixed_dictionaries(
    {
        "source": st.sampled_from(DOORS),
        "mailing": st.sampled_from(["", "a", "b"]),
        "visit": st.sampled_from([None, 1, 1, 2]),
        "verdict": st.sampled_from([None, "human", "unsure", "machine"]),
        "settles": st.booleans(),
    }
)
steps = st.one_of(
    st.tuples(st.just("leave"), people, topics, leaving),
    st.tuples(st.just("leave"), people, topics, leaving),
    st.tuples(st.just("leave_everything"), people, leaving),
    st.tuples(st.just("undo"), people, topics),
    st.tuples(st.just("come_back"), people, topics),
    st.tuples(st.just("put_back"), people, topics),
    st.tuples(st.just("choose"), people, st.booleans()),
    st.tuples(st.just("bounce"), people),
    st.tuples(st.just("wait"), st.sampled_from([1, 40, 59, 60, 61, 1_500, 50_000])),
    st.tuples(st.just("commit"), people),
    st.tuples(st.just("count"), st.integers(1, 7)),
    st.tuples(st.just("erase"), people),
    st.tuples(st.just("restore")),
)


class World:
    """What happens to three people. What they do is counted when it is committed, which may be after what others did
    later."""

    def __init__(self) -> None:
        self.brand = make_brand()
        self.topics = [make_topic(self.brand, slug) for slug in ("news", "offers", "events")]
        self.now, self.xid = NOON, 0
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_current_xact_id()::text::bigint")
            [self.own_xid] = cursor.fetchone()
        self.kept: Counter[Any] = Counter()
        self._stamped = self._last_id()

    def take(self, step: str, *arguments: Any) -> None:
        getattr(self, step)(*arguments)
        self._stamp()

    def _last_id(self) -> int:
        return PreferenceChange.objects.order_by("-id").values_list("id", flat=True).first() or 0

    def _stamp(self) -> None:
        for row in PreferenceChange.objects.filter(id__gt=self._stamped).order_by("id"):
            self.now += timedelta(milliseconds=7)
            PreferenceChange.objects.filter(id=row.id).update(changed_at=self.now)
        self._stamped = max(self._stamped, self._last_id())

    def recipient(self, name: str) -> Recipient:
        return make_recipient(self.brand, f"{name}@example.org")

    def cause(self, fields: dict[str, Any]) -> Any:
        evidence = {name: fields[name] for name in ("visit", "verdict") if fields[name] is not None}
        settles_at = timezone.now() + timedelta(hours=1) if fields["settles"] else None
        return make_cause(fields["source"], mailing=fields["mailing"], evidence=evidence, settles_at=settles_at)

    def leave(self, name: str, topic: int, fields: dict[str, Any]) -> None:
        self.recipient(name).opt_out(self.topics[topic].id, self.cause(fields))

    def leave_everything(self, name: str, fields: dict[str, Any]) -> None:
        self.recipient(name).leave_everything(self.cause(fields | {"settles": False}))

    def undo(self, name: str, topic: int) -> None:
        self.recipient(name).undo_opt_out(self.topics[topic].id, make_cause(Source.UNDO))

    def come_back(self, name: str, topic: int) -> None:
        self.recipient(name).opt_in(self.topics[topic].id, make_cause(Source.API))

    def put_back(self, name: str, topic: int) -> None:
        recipient, topic_id = self.recipient(name), self.topics[topic].id
        last = recipient.changes.filter(topic_id=topic_id).newest_first().first()
        if last is not None:
            recipient.undo_change(last.id, topic_id, make_cause(Source.REINSTATEMENT, mailing=last.mailing))

    def choose(self, name: str, is_in: bool) -> None:
        wishes = {topic.id: Wish(is_in) for topic in self.topics}
        self.recipient(name).choose(wishes, make_cause(Source.PREFERENCE_PAGE))

    def bounce(self, name: str) -> None:
        self.recipient(name).suppress(SuppressionReason.IMPORT, make_cause(Source.PROVIDER))

    def wait(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    def commit(self, name: str) -> None:
        """What a transaction wrote counts from its end on; until then it has this test's number."""
        self.xid += 1
        self.recipient(name).changes.filter(xid=self.own_xid).update(xid=self.xid)

    def count(self, size: int) -> None:
        count_changes(size)

    def erase(self, name: str) -> None:
        person = self.recipient(name)
        self.kept += self.counted_of(person)
        forget(person)
        self.kept -= self.counted_of(person)

    def counted_of(self, person: Recipient) -> Counter[Any]:
        return count_doors(row for row in counted_changes() if row.recipient_id == person.id)

    def restore(self) -> None:
        """A dump that is restored into another cluster; it holds what was committed alone, and so does a recount."""
        for name in PEOPLE:
            self.commit(name)
        positions.forget_transactions()
        feed.forget_transactions()
        self.kept.clear()
        count_all(LATER, size=3)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(steps, min_size=4, max_size=40), st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata"]))
def test_opt_outs_by_door_are_what_a_recount_finds(history: list[tuple[Any, ...]], zone: str) -> None:
    with undone(), pytest.MonkeyPatch.context() as patch:
        patch.setattr("django.conf.settings.TIME_ZONE", zone)
        world = World()
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


def test_who_leaves_everything_left_once_and_many_topics() -> None:
    brand = make_brand()
    for slug in ("news", "offers", "events"):
        make_topic(brand, slug)
    make_recipient(brand).leave_everything(make_cause(Source.PREFERENCE_PAGE))
    assert count_ledger() == {"preference_page": 1}
    assert sums("topic") == {"preference_page": 3}


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
