"""What is known of a person, for the person (GDPR article 15): every row that speaks of them, field by field.

docs/privacy.md explains the fields. A table that learns to speak of recipients belongs here and in `erasing`; a test
goes through all tables and says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model, QuerySet

from preferences import limits
from preferences.feed import utc
from preferences.links import Channel
from preferences.models import (
    LeavingAnswer,
    Pause,
    Person,
    PreferenceChange,
    Recipient,
    Subscription,
    Suppression,
    Topic,
)

_CHANGE = (
    *("id", "changed_at", "channel", "state", "frequency", "paused_until", "suppression", "is_untracked"),
    *("source", "reason", "mailing", "actor", "settles_at", "replaced", "evidence"),
)
_SUBSCRIPTION = ("state", "previous_state", "change_id", "changed_at", "settles_at", "frequency", "paused_until")
_ANSWER = ("answered_at", "reason", "comment", "channel", "change_id")


def person_at(recipient: Recipient) -> list[dict[str, Any]]:
    """Return what is known of each address of the person at `recipient`, which need not be stored, as JSON."""
    person = Person.behind(recipient)
    topics = list(Topic.objects.filter(brand_id=recipient.brand_id))
    known = [_known_of(one, topics) for one in person.recipients]
    for one, other in zip(known, reversed(known), strict=True):
        one["companion"] = other["address"] if other is not one else None
    return known


def admin_entries(recipient_id: UUID) -> QuerySet[LogEntry]:
    """The admin's own log of what operators did about a recipient."""
    model = ContentType.objects.get_for_model(Recipient)
    return LogEntry.objects.filter(content_type=model, object_id=str(recipient_id))


def plain(value: Any) -> Any:
    """Return a column's value as JSON has it."""
    if isinstance(value, datetime):
        return utc(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, UUID | Decimal):
        return str(value)
    return bytes(value).hex() if isinstance(value, bytes | memoryview) else value


def fields_of(row: Model, names: Iterable[str]) -> dict[str, Any]:
    return {name: plain(getattr(row, name)) for name in names}


def _known_of(recipient: Recipient, topics: list[Topic]) -> dict[str, Any]:
    stored = Recipient.objects.filter(id=recipient.id).first()
    suppression = Suppression.objects.filter(recipient_id=recipient.id).first()
    pause = Pause.objects.filter(recipient_id=recipient.id).first()
    changes = PreferenceChange.objects.filter(recipient_id=recipient.id).select_related("topic").order_by("id")
    answers = LeavingAnswer.objects.filter(recipient_id=recipient.id).select_related("topic").order_by("answered_at")
    channel = Channel(recipient.channel)
    return {
        "id": str(recipient.id),
        "channel": recipient.channel,
        "address": recipient.address,
        "is_address_stored": bool(stored and stored.address),
        "created_at": plain(stored.created_at) if stored else None,
        "is_untracked": bool(stored and stored.is_untracked),
        "topics": _topics(recipient, topics),
        "suppression": fields_of(suppression, ("reason", "created_at", "change_id")) if suppression else None,
        "pause": fields_of(pause, ("until", "change_id")) if pause else None,
        "changes": [_about(row, _CHANGE) for row in changes],
        "answers": [_about(row, _ANSWER) for row in answers],
        "link_requests": [{"purpose": kind, "asked_at": utc(at)} for kind, at in _requests(channel, recipient)],
        "operators": [_deed(entry) for entry in admin_entries(recipient.id).order_by("action_time")],
    }


def _requests(channel: Channel, recipient: Recipient) -> list[tuple[str, datetime]]:
    return limits.requests_of(channel, recipient.address)


def _topics(recipient: Recipient, topics: list[Topic]) -> list[dict[str, Any]]:
    """What holds for each topic: what was chosen, if anything was, and what follows from it today."""
    rows = {row.topic_id: row for row in Subscription.objects.filter(recipient_id=recipient.id)}
    choices = recipient.choices(topics)
    return [
        {
            "topic": topic.slug,
            "name": topic.name,
            "is_received": choices[topic.id].is_received,
            "chosen": fields_of(rows[topic.id], _SUBSCRIPTION) if topic.id in rows else None,
        }
        for topic in topics
    ]


def _about(row: PreferenceChange | LeavingAnswer, names: Iterable[str]) -> dict[str, Any]:
    return {"topic": row.topic.slug if row.topic else None, **fields_of(row, names)}


def _deed(entry: LogEntry) -> dict[str, Any]:
    """What an operator did, not who: that is the operator's own data."""
    return {"at": utc(entry.action_time), "what": entry.get_change_message(), "shown_as": entry.object_repr}
