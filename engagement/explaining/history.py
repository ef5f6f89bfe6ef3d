"""Everything that is known about one address: what holds now, how it came so, and who visited its links."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from engagement.explaining.timeline import Timeline, changes_of, timeline
from engagement.models import Interaction
from engagement.spool import wishes
from preferences import feed
from preferences.feed import utc
from preferences.links import Channel
from preferences.models import (
    Brand,
    Choice,
    LeavingAnswer,
    Pause,
    Person,
    PreferenceChange,
    Recipient,
    State,
    Subscription,
    Suppression,
    Topic,
)
from preferences.models.subscriptions import SPARING_REQUIRED, today
from preferences.telling import sentence
from preferences.tracking import untracked


@dataclass(frozen=True, slots=True)
class Suppressed:
    brand: str
    reason: str
    since: str | None
    change: int


@dataclass(frozen=True, slots=True)
class Paused:
    """Nothing of any topic is sent before the day `until`, but what a contract requires."""

    brand: str
    until: str
    change: int


@dataclass(frozen=True, slots=True)
class Answered:
    """Why the person left, in the words of the brand's choice and their own; `topic` is None for everything."""

    brand: str
    topic: str | None
    reason: str
    comment: str
    at: str | None
    change: int


@dataclass(frozen=True, slots=True)
class TopicNow:
    """What holds for one topic. `state` is what was chosen, `effective` what follows from it, from the topic's
    default, from a suppression and from pauses; `provisional` that the change may still be taken back by evidence."""

    brand: str
    topic: str
    name: str
    channel: str
    state: str
    effective: str
    frequency: str
    paused_until: str | None
    required: bool
    provisional: bool
    provisional_until: str | None
    since: str | None
    change: int | None


@dataclass(frozen=True, slots=True)
class Waits:
    """An opt-out that this machine accepted while the database was away, and that has not taken effect."""

    brand: str
    topic: str
    source: str
    at: str | None


@dataclass(frozen=True, slots=True)
class Message:
    """What happened at one mailing's links to the address; `mailing` is "" for mails that name none."""

    brand: str
    mailing: str
    line: Timeline


@dataclass(frozen=True, slots=True)
class Explanation:
    """The fields but `messages` are those of `explain --json` (docs/commands.md); moments are ISO 8601 in UTC.

    `messages` says once more, in order of time, what `changes` and `interactions` hold.
    """

    address: str
    channel: str
    known: bool
    at: str | None
    suppressed: list[Suppressed]
    paused: list[Paused]
    companions: list[str]
    untracked: list[str]
    topics: list[TopicNow]
    changes: list[dict[str, Any]]
    interactions: list[dict[str, Any]]
    answers: list[Answered]
    waiting: list[Waits]
    messages: list[Message]

    def as_json(self) -> dict[str, Any]:
        fields = dataclasses.asdict(dataclasses.replace(self, messages=[]))
        del fields["messages"]
        return fields


def explain(brands: Iterable[Brand], channel: Channel, address: str, now: datetime) -> Explanation:
    """Return what is known at `now` about the address, at each of `brands`. An address nobody has heard of is
    answered too, with the topics' defaults."""
    recipients = [(brand, Recipient.at(brand.id, channel, address)) for brand in brands]
    ids = [recipient.id for _, recipient in recipients]
    suppressed = [row for brand, recipient in recipients for row in _suppressed(brand, recipient)]
    paused = [row for brand, recipient in recipients for row in _paused(brand, recipient)]
    answers = [row for brand, recipient in recipients for row in _answers(brand, recipient)]
    topics = [topic for brand, recipient in recipients for topic in _topics(brand, recipient, now)]
    changes = [change for id in ids for change in _changes(id, now)]
    rows = [(brand, list(_interactions(recipient))) for brand, recipient in recipients]
    visits = [_visit(brand, row) for brand, found in rows for row in found]
    return Explanation(
        address=recipients[0][1].address if recipients else address,
        channel=channel.value,
        known=bool(changes or visits) or Recipient.objects.filter(id__in=ids).exists(),
        at=utc(now),
        suppressed=suppressed,
        paused=paused,
        companions=list(dict.fromkeys(address for _, recipient in recipients for address in _companions(recipient))),
        untracked=[brand.slug for brand, recipient in recipients if untracked([recipient.id])],
        topics=topics,
        changes=sorted(changes, key=lambda change: int(change["id"])),
        interactions=sorted(visits, key=lambda visit: (str(visit["occurred_at"]), int(visit["id"]))),
        answers=answers,
        waiting=[row for brand, recipient in recipients for row in waiting_of(brand.slug, recipient.id)],
        messages=[message for brand, found in rows for message in _messages(brand, found, changes)],
    )


def waiting_of(brand: str, recipient_id: UUID) -> Iterator[Waits]:
    """Yield what waits of the recipient on this machine; asks no database."""
    for wish in wishes.waiting([recipient_id]):
        yield Waits(brand, wish.topic, wish.source, utc(datetime.fromtimestamp(wish.wished_at, UTC)))


def waiting_at(channel: Channel, address: str) -> Iterator[Waits]:
    """Yield what waits of the address, with the brands' numbers for their names; asks no database."""
    for tally in wishes.tallies():
        yield from waiting_of(f"brand {tally.brand_id}", Recipient.at(tally.brand_id, channel, address).id)


def _messages(brand: Brand, visits: Sequence[Interaction], changes: Sequence[dict[str, Any]]) -> Iterator[Message]:
    """The messages that someone opened, in the order in which that first happened."""
    own = [change for change in changes if change["brand"] == brand.slug]
    for mailing in dict.fromkeys(row.mailing for row in visits):
        line = timeline((row for row in visits if row.mailing == mailing), changes_of(own, mailing))
        yield Message(brand.slug, mailing, line)


def _suppressed(brand: Brand, recipient: Recipient) -> Iterator[Suppressed]:
    for row in Suppression.objects.filter(recipient_id=recipient.id):
        yield Suppressed(brand.slug, row.reason, utc(row.created_at), row.change_id)


def _paused(brand: Brand, recipient: Recipient) -> Iterator[Paused]:
    for row in Pause.objects.filter(recipient_id=recipient.id, until__gt=today()):
        yield Paused(brand.slug, row.until.isoformat(), row.change_id)


def _companions(recipient: Recipient) -> Iterator[str]:
    yield from (other.address for other in Person.behind(recipient).recipients[1:])


def _answers(brand: Brand, recipient: Recipient) -> Iterator[Answered]:
    for row in LeavingAnswer.objects.filter(recipient_id=recipient.id).select_related("topic").order_by("answered_at"):
        topic = row.topic.slug if row.topic else None
        yield Answered(brand.slug, topic, row.reason, row.comment, utc(row.answered_at), row.change_id)


def _topics(brand: Brand, recipient: Recipient, now: datetime) -> Iterator[TopicNow]:
    rows = {row.topic_id: row for row in Subscription.objects.filter(recipient_id=recipient.id)}
    choices = recipient.choices(topics := list(brand.topics.all()))
    suppression = Suppression.objects.filter(recipient_id=recipient.id).first()
    for topic in topics:
        row = rows.get(topic.id)
        settles_at = row.settles_at if row and row.settles_at and row.settles_at > now else None
        choice = choices[topic.id]
        yield TopicNow(
            brand=brand.slug,
            topic=topic.slug,
            name=topic.name,
            channel=recipient.channel,
            state=row.state if row else State.DEFAULT.value,
            effective=_effective(topic, choice, suppression),
            frequency=choice.frequency,
            paused_until=choice.paused_until.isoformat() if choice.paused_until else None,
            required=topic.is_required,
            provisional=settles_at is not None,
            provisional_until=utc(settles_at),
            since=utc(row.changed_at) if row else None,
            change=row.change_id if row else None,
        )


def _effective(topic: Topic, choice: Choice, suppression: Suppression | None) -> str:
    if suppression and not (topic.is_required and suppression.reason in SPARING_REQUIRED):
        return "suppressed"
    if not choice.is_in:
        return "unsubscribed"
    return "subscribed" if choice.is_received else "paused"


def _changes(recipient_id: UUID, now: datetime) -> Iterator[dict[str, Any]]:
    rows = PreferenceChange.objects.filter(recipient_id=recipient_id).select_related("topic")
    sentences = {row.id: sentence(row) for row in rows}
    for change in feed.of_recipient(recipient_id):
        until = change.fields["provisional_until"]
        is_provisional = until is not None and datetime.fromisoformat(until) > now
        # A change that came between the two queries is told the next time.
        if told := sentences.get(change.fields["id"]):
            yield {**change.fields, "provisional": is_provisional, "told": told}


def _interactions(recipient: Recipient) -> Iterator[Interaction]:
    return Interaction.objects.of_recipient(recipient.id).order_by("occurred_at", "id").iterator()


def _visit(brand: Brand, row: Interaction) -> dict[str, Any]:
    return {
        "id": row.id,
        "occurred_at": utc(row.occurred_at),
        "brand": brand.slug,
        "topic": row.topic,
        "channel": row.channel,
        "mailing": row.mailing,
        "purpose": row.purpose,
        "kind": row.kind,
        "answer": row.answer,
        "verdict": row.verdict,
        "score": row.score,
        "hard": row.is_hard,
        "signals": row.signals,
        "rules": row.rules,
        "send_age": row.send_age,
        "visit": row.visit,
        "visitor": bytes(row.visitor).hex(),
        "network": row.network,
        "agent": row.agent,
    }
