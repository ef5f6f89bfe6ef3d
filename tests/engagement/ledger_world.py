"""People who leave, come back, are put back and forgotten, and a counter in between."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone
from hypothesis import strategies as st

from engagement.counting.counter import count_all
from engagement.counting.doors import count_changes
from engagement.feed import positions
from engagement.forgetting import forget
from preferences import feed
from preferences.models import PreferenceChange, Recipient, Source
from preferences.models.standing import Wish
from preferences.models.subscriptions import SuppressionReason
from tests.engagement.counted import LATER, counted_changes
from tests.engagement.makers import NOON
from tests.makers import make_brand, make_cause, make_recipient, make_topic

PEOPLE = ("alice", "bob", "mallory")
DOORS = (Source.ONE_CLICK, Source.ARRIVAL, Source.ARRIVAL, Source.CONFIRM_BUTTON, Source.PREFERENCE_PAGE)


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
    later. `kept` are the cells, as `count` makes them of rows, that stay of those who were erased."""

    def __init__(self, count: Callable[[Iterable[PreferenceChange]], Counter[Any]]) -> None:
        self.brand, self.count_rows = make_brand(), count
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
        return self.count_rows(row for row in counted_changes() if row.recipient_id == person.id)

    def restore(self) -> None:
        """A dump that is restored into another cluster; it holds what was committed alone, and so does a recount."""
        for name in PEOPLE:
            self.commit(name)
        positions.forget_transactions()
        feed.forget_transactions()
        self.kept.clear()
        count_all(LATER, size=3)
