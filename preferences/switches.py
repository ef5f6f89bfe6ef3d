"""What the preference page offers a person: topics under their groups' headings, each with its switches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from django.db.models import Prefetch
from django.utils import timezone

from preferences.links import Channel
from preferences.models import (
    Choice,
    Person,
    PreferenceChange,
    State,
    Subscription,
    Suppression,
    Topic,
    TopicGroupText,
    TopicText,
)
from preferences.models.subscriptions import SPARING_REQUIRED, SuppressionReason


@dataclass(frozen=True, slots=True)
class Switch:
    """One topic on one of the person's channels. It `is_on` unless it was left, or everything was, which leaves what
    `is_in` as it is; a pause changes neither. `is_provisional` says that evidence may still put back what was left."""

    channel: Channel
    is_in: bool
    is_on: bool
    is_provisional: bool
    frequency: str
    paused_until: date | None


@dataclass(frozen=True, slots=True)
class Offer:
    """A topic in the page's language."""

    id: int
    group: str
    name: str
    description: str
    rhythm: str
    is_required: bool
    is_default_in: bool
    offered_frequencies: tuple[str, ...]
    switches: tuple[Switch, ...]

    @property
    def frequency(self) -> str:
        """What was chosen; "" where nothing was and "every one" is not on offer."""
        chosen = next((switch.frequency for switch in self.switches if switch.frequency), "")
        return chosen or ("every" if "every" in self.offered_frequencies else "")

    @property
    def frequencies(self) -> tuple[str, ...]:
        """What can be chosen: what is offered, and what was chosen when it still was."""
        if not self.frequency or self.frequency in self.offered_frequencies:
            return self.offered_frequencies
        return (self.frequency, *self.offered_frequencies)

    @property
    def paused_until(self) -> date | None:
        return max((switch.paused_until for switch in self.switches if switch.paused_until), default=None)

    @property
    def is_fixed(self) -> bool:
        """Whether it is required and on, and so has nothing to be switched."""
        return self.is_required and all(switch.is_on for switch in self.switches)

    def is_in(self, state: str) -> bool:
        """Whether whose state of it is `state` wants it."""
        return (self.is_default_in or self.is_required) if state == State.DEFAULT else state == State.IN

    def switch(self, channel: Channel) -> Switch | None:
        return next((switch for switch in self.switches if switch.channel is channel), None)


@dataclass(frozen=True, slots=True)
class Board:
    """All that the page offers a person, and what stands above it: the reason of a suppression by channel, the day
    before which nothing is sent, whether tracking was refused."""

    person: Person
    offers: tuple[Offer, ...]
    suppressions: Mapping[Channel, str]
    paused_until: date | None
    is_untracked: bool

    @property
    def channels(self) -> tuple[Channel, ...]:
        return tuple(Channel(recipient.channel) for recipient in self.person.recipients)

    @property
    def is_all_off(self) -> bool:
        """Whether the person gets nothing, but what a contract requires."""
        return not any(switch.is_on for offer in self.offers if not offer.is_required for switch in offer.switches)

    @property
    def is_all_off_but_required(self) -> bool:
        return self.is_all_off and any(switch.is_on for offer in self.offers for switch in offer.switches)

    @property
    def is_listed(self) -> bool:
        """Whether somebody else than the person has said that nothing is sent."""
        return any(
            reason in {SuppressionReason.IMPORT, SuppressionReason.ADMIN} for reason in self.suppressions.values()
        )

    def sections(self) -> list[tuple[str, list[Offer]]]:
        """The offers under their groups' names, those without a group first, under ""."""
        return [(name, list(offers)) for name, offers in groupby(self.offers, key=lambda offer: offer.group)]


def board_of(person: Person, language: str, changes: Iterable[PreferenceChange] = ()) -> Board:
    """Read what the page shows; a handful of queries, however many topics there are. What a page view has just changed,
    by `changes`, is shown in any case."""
    also = {(row.recipient_id, row.topic_id) for row in changes if State.IN in {row.state, row.replaced.get("state")}}
    topics = _topics(person.brand_id, language)
    ids = [recipient.id for recipient in person.recipients]
    suppressions = dict(Suppression.objects.filter(recipient_id__in=ids).values_list("recipient_id", "reason"))
    rows = {(row.recipient_id, row.topic_id): row for row in Subscription.objects.filter(recipient_id__in=ids)}
    found: dict[int, list[Switch]] = {topic.id: [] for topic in topics}
    for recipient in person.recipients:
        channel, why = Channel(recipient.channel), suppressions.get(recipient.id, "")
        for topic, choice in zip(topics, recipient.choices(topics).values(), strict=True):
            row = rows.get((recipient.id, topic.id))
            # Of what is not offered on a channel, a person still sees what they have subscribed to there.
            is_known = (row is not None and row.state == State.IN) or (recipient.id, topic.id) in also
            if channel in topic.channels or is_known:
                found[topic.id].append(_switch(topic, channel, choice, why, row))
    return Board(
        person,
        tuple(_offer(topic, found[topic.id]) for topic in topics if found[topic.id]),
        {Channel(r.channel): suppressions[r.id] for r in person.recipients if r.id in suppressions},
        person.paused_until(),
        person.is_untracked(),
    )


def returning(board: Board) -> dict[Channel, list[int]]:
    """Which topics would be on again if the person came back from having left everything."""
    return {channel: _returning(board, channel) for channel in board.suppressions}


def _returning(board: Board, channel: Channel) -> list[int]:
    recipient = next(one for one in board.person.recipients if one.channel == channel)
    suppression = Suppression.objects.filter(recipient_id=recipient.id).first()
    leaving = recipient.changes.filter(id=suppression.change_id).first() if suppression else None
    ended = recipient.changes.filter(id__in=leaving.replaced.get("ended", []) if leaving else [])
    was = {row.topic_id: row.replaced["state"] for row in ended}
    found = []
    for offer in board.offers:
        switch = offer.switch(channel)
        if switch and not switch.is_on and (switch.is_in or offer.is_in(was.get(offer.id, State.OUT))):
            found.append(offer.id)
    return found


def is_held(suppression: str, *, is_required: bool) -> bool:
    """Whether a suppression for this reason, "" for none, holds a topic back."""
    return bool(suppression) and not (is_required and suppression in SPARING_REQUIRED)


def _topics(brand_id: int, language: str) -> list[Topic]:
    topics = Topic.objects.filter(brand_id=brand_id).select_related("group")
    texts = Prefetch("texts", TopicText.objects.filter(language=language))
    headings = Prefetch("group__texts", TopicGroupText.objects.filter(language=language))
    return sorted(topics.prefetch_related(texts, headings), key=_place)


def _place(topic: Topic) -> tuple[object, ...]:
    heading = (topic.group.position, topic.group.name) if topic.group else (-1, "")
    return (*heading, topic.position, topic.slug)


def _switch(topic: Topic, channel: Channel, choice: Choice, suppression: str, row: Subscription | None) -> Switch:
    settles_at = row.settles_at if row and row.state == State.OUT else None
    return Switch(
        channel,
        choice.is_in,
        choice.is_in and not is_held(suppression, is_required=topic.is_required),
        settles_at is not None and settles_at > timezone.now(),
        choice.frequency,
        choice.paused_until,
    )


def _offer(topic: Topic, switches: Iterable[Switch]) -> Offer:
    text = next(iter(topic.texts.all()), None)
    heading = next(iter(topic.group.texts.all()), topic.group) if topic.group else None
    return Offer(
        topic.id,
        heading.name if heading else "",
        text.name if text else topic.name,
        text.description if text else topic.description,
        text.rhythm if text else topic.rhythm,
        topic.is_required,
        topic.is_default_in,
        tuple(topic.frequencies),
        tuple(switches),
    )
