"""What one page says about a recipient."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from preferences.admin.ledger import reasons, standing
from preferences.leaving import BUILT_IN_REASONS
from preferences.models import (
    Choice,
    Frequency,
    LeavingAnswer,
    LeavingReason,
    Person,
    PreferenceChange,
    Recipient,
    State,
    Subscription,
    Suppression,
    Topic,
)
from preferences.models.subscriptions import SPARING_REQUIRED, SuppressionReason
from preferences.telling import sentence

LATEST = 50


@dataclass(frozen=True, slots=True)
class TopicRow:
    """`receives` is what holds in the end today, `chosen` what was chosen for this topic, whatever stands above it."""

    topic: Topic
    receives: bool
    chosen: str
    frequency: str
    paused_until: date | None
    standing: str
    since: datetime | None
    deed_verb: str
    deed_name: str
    can_pause: bool


@dataclass(frozen=True, slots=True)
class ChangeRow:
    change: PreferenceChange
    sentence: str
    standing: str
    reasons: list[str]


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """Why the person left, in their words or by a reason to choose."""

    answer: LeavingAnswer
    reason: str


@dataclass(frozen=True, slots=True)
class Portrait:
    suppression: Suppression | None
    paused_until: date | None
    companion: Recipient | None
    topics: list[TopicRow]
    answers: list[AnswerRow]
    changes: list[ChangeRow]

    @property
    def is_erased(self) -> bool:
        return self.suppression is not None and self.suppression.reason == SuppressionReason.ERASED

    @property
    def spares_required(self) -> bool:
        return self.suppression is not None and self.suppression.reason in SPARING_REQUIRED


def portrait_of(recipient: Recipient) -> Portrait:
    suppression = Suppression.objects.filter(recipient=recipient).first()
    changes = recipient.changes.select_related("topic").order_by("-id")[:LATEST]
    others = Person.behind(recipient).recipients[1:]
    return Portrait(
        suppression,
        recipient.paused_until(),
        others[0] if others else None,
        list(_topic_rows(recipient, suppression)),
        list(_answers(recipient)),
        [ChangeRow(change, sentence(change), standing(change.settles_at), reasons(change)) for change in changes],
    )


def _topic_rows(recipient: Recipient, suppression: Suppression | None) -> Iterator[TopicRow]:
    topics = list(Topic.objects.filter(brand_id=recipient.brand_id))
    choices = recipient.choices(topics)
    chosen = {row.topic_id: row for row in Subscription.objects.filter(recipient=recipient, channel=recipient.channel)}
    for topic in topics:
        is_spared = topic.is_required and suppression is not None and suppression.reason in SPARING_REQUIRED
        is_held = suppression is not None and not is_spared
        yield _topic_row(topic, choices[topic.id], chosen.get(topic.id), is_held=is_held)


def _topic_row(topic: Topic, choice: Choice, chosen: Subscription | None, *, is_held: bool) -> TopicRow:
    """A pause leaves what was chosen as it is: opting in again would change nothing. A suppression gives way to it."""
    state = State(chosen.state) if chosen else State.DEFAULT
    default = "in by default" if topic.is_default_in or topic.is_required else "out by default"
    is_on = choice.is_in and not is_held
    verb, name = ("opt-out", "Opt out") if is_on else ("opt-in", "Opt in")
    return TopicRow(
        topic=topic,
        receives=choice.is_received,
        chosen=default if state is State.DEFAULT else state.label,
        frequency=Frequency(choice.frequency).label if choice.frequency in Frequency.values else "",
        paused_until=choice.paused_until,
        standing=standing(chosen.settles_at) if chosen and state is not State.DEFAULT else "",
        since=chosen.changed_at if chosen else None,
        deed_verb=verb,
        deed_name=name,
        can_pause=is_on and not topic.is_required,
    )


def _answers(recipient: Recipient) -> Iterator[AnswerRow]:
    texts = {slug: str(text) for slug, text in BUILT_IN_REASONS.items()}
    texts |= dict(LeavingReason.objects.filter(brand_id=recipient.brand_id).values_list("slug", "text"))
    for answer in LeavingAnswer.objects.filter(recipient=recipient).select_related("topic"):
        yield AnswerRow(answer, texts.get(answer.reason, answer.reason))
