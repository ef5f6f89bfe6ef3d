"""People who leave and come back, by every door, and robots that are put back."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count, groupby
from typing import Any

from django.utils import timezone

from engagement.counting.counter import count_all
from engagement.figures.leaving import Outcome, Span, Statistics, statistics
from preferences.bulk import OptOut, Origin, opt_out_many
from preferences.links import Channel
from preferences.models import Brand, Cause, Person, PreferenceChange, Recipient, Source, Subscription, Topic, Wish
from preferences.models.subscriptions import SuppressionReason, today
from preferences.models.writing import NOT_PAUSED, Setting
from tests.engagement.counted import LONG_AGO, commit_changes
from tests.makers import make_brand, make_cause, make_recipient, make_topic
from unsubscribe.refuting import claims_of

START = datetime(2026, 10, 1, tzinfo=UTC)
MONTH = Span(START, datetime(2026, 11, 1, tzinfo=UTC))
_visits = count(1)


@dataclass
class Someone:
    """A recipient, and the page views by which they have saved preferences."""

    recipient: Recipient
    saves: list[int] = field(default_factory=list)

    @property
    def person(self) -> Person:
        return Person((self.recipient,))

    def save(self, topic: Topic, wish: Wish | None = None, **everything: Any) -> None:
        wishes = {Channel(self.recipient.channel): {topic.id: wish}} if wish else {}
        self.person.save(wishes, self.by_page(), **everything)

    def by_page(self) -> Cause:
        self.saves.append(next(_visits))
        return make_cause(Source.PREFERENCE_PAGE, evidence={"visit": self.saves[-1]})

    def undo_save(self) -> None:
        if self.saves:
            visit = self.saves[-1]
            self.person.undo(visit, make_cause(Source.UNDO, evidence={"visit": visit}))

    def arrive(self, topic: Topic) -> None:
        """What looked like a person's arrival."""
        evidence = {"visit": next(_visits), "visitor": "robot", "program": "robot", "at": timezone.now().timestamp()}
        soon = timezone.now() + timedelta(hours=1)
        self.recipient.opt_out(topic.id, make_cause(Source.ARRIVAL, evidence=evidence, settles_at=soon))

    def reinstate(self, topic: Topic) -> None:
        row = Subscription.objects.filter(recipient_id=self.recipient.id, topic=topic).first()
        if row and (claims := claims_of(row.change_id)):
            self.recipient.reinstate(row.change_id, topic.id, make_cause(Source.REINSTATEMENT), claims[-1].restored)

    def arrive_and_be_found_out(self, topic: Topic) -> None:
        self.arrive(topic)
        self.reinstate(topic)

    def be_imported(self, topic: Topic | None) -> None:
        wish = OptOut(self.recipient.id.hex, self.recipient.address, 1, topic.slug if topic else "")
        channel = Channel(self.recipient.channel)
        opt_out_many(self.recipient.brand, channel, [wish], Origin("bob", "list.csv"))


def in_days(days: int) -> date:
    return today() + timedelta(days=days)


WEEKLY, LATER = Setting("weekly"), Setting(paused_until=in_days(14))
DEEDS: list[Callable[[Someone, Topic], object]] = [
    lambda s, t: s.recipient.opt_out(t.id, make_cause(Source.ONE_CLICK)),
    lambda s, t: s.recipient.opt_out(t.id, make_cause(Source.CONFIRM_BUTTON)),
    lambda s, t: s.recipient.opt_out(t.id, make_cause(Source.MAILTO)),
    lambda s, t: s.recipient.opt_out(t.id, make_cause(Source.API)),
    lambda s, t: s.arrive(t),
    lambda s, t: s.arrive(t),
    lambda s, t: s.reinstate(t),
    lambda s, t: s.arrive_and_be_found_out(t),
    lambda s, t: s.be_imported(t),
    lambda s, t: s.be_imported(None),
    lambda s, t: s.recipient.undo_opt_out(t.id, make_cause(Source.UNDO)),
    lambda s, t: s.recipient.undo_opt_out(t.id, make_cause(Source.OFFER), WEEKLY),
    lambda s, t: s.recipient.undo_opt_out(t.id, make_cause(Source.OFFER), LATER),
    lambda s, t: s.recipient.opt_in(t.id, make_cause(Source.CONFIRM_BUTTON)),
    lambda s, t: s.save(t, Wish(is_in=True)),
    lambda s, t: s.save(t, Wish(is_in=False)),
    lambda s, t: s.save(t, Wish(frequency="weekly")),
    lambda s, t: s.save(t, Wish(frequency="every")),
    lambda s, t: s.save(t, Wish(frequency="monthly", paused_until=in_days(30))),
    lambda s, t: s.save(t, Wish(paused_until=NOT_PAUSED)),
    lambda s, t: s.save(t, paused_until=in_days(90)),
    lambda s, t: s.undo_save(),
    lambda s, t: s.undo_save(),
    lambda s, t: s.person.leave_everything(s.by_page()),
    lambda s, t: s.person.come_back(s.by_page()),
    lambda s, t: s.recipient.suppress(SuppressionReason.ADMIN, make_cause(Source.ADMIN)),
    lambda s, t: s.recipient.lift_suppression(make_cause(Source.ADMIN)),
]


def history(rng: random.Random, brands: list[Brand], deeds: int = 500, most: int = 12) -> None:
    """Deeds of at most a dozen people, committed long ago, and their rows moved to moments about the month, in their
    order: those of one transaction milliseconds apart, those of two some seconds at least."""
    topics = {brand.id: [*make_topics(brand)] for brand in brands}
    people = [
        Someone(make_recipient(rng.choice(brands), address, channel))
        for channel, address in [
            *((Channel.EMAIL, f"person{number}@example.org") for number in range(9)),
            *((Channel.SMS, f"+1415555012{number}") for number in range(3)),
        ][:most]
    ]
    for _ in range(deeds):
        someone = rng.choice(people)
        rng.choice(DEEDS)(someone, rng.choice(topics[someone.recipient.brand_id]))
    at, moved = START - timedelta(days=20), []
    written = groupby(PreferenceChange.objects.order_by("id"), key=lambda row: row.xid)
    for xid, (_, rows) in enumerate(written, LONG_AGO):
        at += timedelta(hours=rng.choice([0, 0, 1, 1, 2, 3, 20]), seconds=3)
        for row in rows:
            at += timedelta(milliseconds=1)
            row.changed_at, row.xid = at, xid
            moved.append(row)
    PreferenceChange.objects.bulk_update(moved, ["changed_at", "xid"])


def make_topics(brand: Brand) -> Iterator[Topic]:
    yield make_topic(brand, "news", frequencies=["every", "weekly", "monthly"])
    yield make_topic(brand, "offers", is_default_in=False)
    yield make_topic(brand, "bills", is_required=True)


def now() -> Statistics:
    """Of all that has been written, which carries the moment at which it was: of whole days, so that the same is told
    whenever it is asked for."""
    return counted(days_around())


def days_around() -> Span:
    today = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    return Span(today - timedelta(days=1), today + timedelta(days=2))


def counted(span: Span) -> Statistics:
    commit_changes()
    count_all()
    return statistics(span)


def opt_out(brand: Brand | None = None, source: Source = Source.ONE_CLICK) -> tuple[Recipient, Topic]:
    topic = make_topic(brand or make_brand())
    alice = make_recipient(topic.brand)
    alice.opt_out(topic.id, make_cause(source))
    return alice, topic


def outcomes(told: Statistics) -> Counter[Outcome]:
    found: Counter[Outcome] = Counter()
    for cell in told.left:
        found[cell.outcome] += cell.count
    return found
