"""What one page says about a recipient, and the deeds it offers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.http import Http404
from django.urls import reverse

from preferences.admin.deeds import Question
from preferences.admin.ledger import reasons, sentence, standing
from preferences.models import Cause, Outcome, PreferenceChange, Recipient, State, Subscription, Suppression, Topic
from preferences.models.recipients import SuppressionReason

LATEST = 50


@dataclass(frozen=True, slots=True)
class TopicRow:
    """`receives` is what holds in the end, `chosen` what was chosen for this topic, whatever stands above it."""

    topic: Topic
    receives: bool
    chosen: str
    standing: str
    since: datetime | None
    deed_verb: str
    deed_name: str


@dataclass(frozen=True, slots=True)
class ChangeRow:
    change: PreferenceChange
    sentence: str
    standing: str
    reasons: list[str]


@dataclass(frozen=True, slots=True)
class Portrait:
    suppression: Suppression | None
    topics: list[TopicRow]
    changes: list[ChangeRow]


@dataclass(frozen=True, slots=True)
class Deed:
    """`done` says what holds afterwards, also when it held before."""

    question: Question
    act: Callable[[Cause], Outcome]
    done: str


def portrait_of(recipient: Recipient) -> Portrait:
    changes = recipient.changes.select_related("topic").order_by("-id")[:LATEST]
    return Portrait(
        Suppression.objects.filter(recipient=recipient).first(),
        _topic_rows(recipient),
        [ChangeRow(change, sentence(change), standing(change.settles_at), reasons(change)) for change in changes],
    )


def _topic_rows(recipient: Recipient) -> list[TopicRow]:
    topics = list(Topic.objects.filter(brand_id=recipient.brand_id))
    receives = recipient.receives(topics)
    chosen = {row.topic_id: row for row in Subscription.objects.filter(recipient=recipient, channel=recipient.channel)}
    return [_topic_row(topic, receives[topic.id], chosen.get(topic.id)) for topic in topics]


def _topic_row(topic: Topic, receives: bool, chosen: Subscription | None) -> TopicRow:
    state = State(chosen.state) if chosen else State.DEFAULT
    default = "in by default" if topic.is_default_in else "out by default"
    is_out = state is State.OUT
    verb, name = ("opt-out", "Opt out") if receives else ("opt-in", "Opt in")
    return TopicRow(
        topic=topic,
        receives=receives,
        chosen=default if state is State.DEFAULT else state.label,
        standing=standing(chosen.settles_at) if chosen and is_out else "",
        since=chosen.changed_at if chosen else None,
        deed_verb=verb,
        deed_name=name,
    )


def deed_for(recipient: Recipient, verb: str, topic_id: str) -> Deed:
    """Return the deed that a URL names. Raises Http404 when there is none."""
    back_url = reverse("admin:preferences_recipient_change", args=[recipient.pk])
    if verb in {"suppress", "lift"}:
        return _suppression_deed(recipient, verb, back_url)
    topic = Topic.objects.filter(brand_id=recipient.brand_id, id=topic_id if topic_id.isdecimal() else 0).first()
    if topic is None or verb not in {"opt-in", "opt-out"}:
        raise Http404
    return _topic_deed(recipient, verb, topic, back_url)


def _topic_deed(recipient: Recipient, verb: str, topic: Topic, back_url: str) -> Deed:
    if verb == "opt-out":
        question = Question(
            f"Opt out of {topic.name}",
            f"{recipient.address} will receive no more of {topic.name} by {recipient.brand}. This is final at once.",
            "Opt out",
            back_url,
        )
        return Deed(question, lambda cause: recipient.opt_out(topic.id, cause), f"out of {topic.name}.")
    question = Question(
        f"Opt in to {topic.name}",
        f"{recipient.address} will receive {topic.name} by {recipient.brand}. A suppression gives way to that; every "
        "other topic stays off. Do this only if the person asked for it: the reason is the record of their consent.",
        "Opt in",
        back_url,
    )
    return Deed(question, lambda cause: recipient.opt_in(topic.id, cause), f"in {topic.name}.")


def _suppression_deed(recipient: Recipient, verb: str, back_url: str) -> Deed:
    if verb == "suppress":
        question = Question(
            "Suppress this address",
            f"{recipient.brand} will never send to {recipient.address} again, whatever the topics say, also those that "
            "are added later.",
            "Suppress",
            back_url,
            is_grave=True,
        )
        return Deed(question, lambda cause: recipient.suppress(SuppressionReason.ADMIN, cause), "suppressed.")
    question = Question(
        "Lift the suppression",
        f"The topics speak again for {recipient.address}: what was chosen for each holds, and the default where "
        "nothing was. Do this only if the person asked for it.",
        "Lift",
        back_url,
    )
    return Deed(question, recipient.lift_suppression, "not suppressed.")
