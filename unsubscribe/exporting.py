"""A person's data as one JSON document, written piece by piece: there may be many visits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from engagement.models import Conversion, Interaction, PageView, Revision, Scanned, Touch
from preferences.directory import Link
from preferences.feed import utc
from preferences.knowing import fields_of, person_at

FORMAT = 1
_BATCH = 1_000
_COLUMNS = (
    *("id", "occurred_at", "domain", "channel", "topic", "mailing", "purpose", "kind", "answer"),
    *("verdict", "score", "is_hard", "signals", "rules", "facts"),
    *("visit", "visitor", "network", "agent", "send_age", "record", "segment", "link"),
)
# What is kept of a person beside the interactions, and comes from them or from the brand.
_BESIDE: dict[str, tuple[type[Conversion | Touch | PageView | Scanned | Revision], tuple[str, ...]]] = {
    "conversions": (
        Conversion,
        ("id", "mailing", "segment", "topic", "link", "name", "key", "value", "currency", "occurred_at"),
    ),
    "first_moments": (Touch, ("mailing", "act", "link", "channel", "topic", "segment", "first_at", "cleaned_at")),
    "page_views": (PageView, ("visit", "mailing", "channel", "first_at", "results")),
    "robots": (Scanned, ("domain", "first_at", "last_at", "events", "messages")),
    "revisions": (
        Revision,
        (
            *("id", "rejudgement_id", "interaction_id", "occurred_at", "kind", "applied_at"),
            *("old_verdict", "new_verdict", "old_record", "new_record", "old", "new"),
        ),
    ),
}


def export(link: Link) -> Iterator[str]:
    """Yield the document (docs/privacy.md) about the person whom the link was sent to."""
    people = person_at(link.recipient)
    ids = [UUID(one["id"]) for one in people]
    head = {
        "format": FORMAT,
        "exported_at": utc(timezone.now()),
        "brand": link.brand.slug,
        "brand_name": link.brand.name,
        "recipients": people,
    }
    yield json.dumps(head, ensure_ascii=False, indent=1).removesuffix("\n}") + ',\n "interactions": ['
    separator = "\n  "
    for row in interactions(ids):
        yield separator + json.dumps(row, ensure_ascii=False)
        separator = ",\n  "
    beside = json.dumps({name: list(_beside(name, ids)) for name in _BESIDE}, ensure_ascii=False, indent=1)
    yield "\n ],\n " + beside.removeprefix("{").strip() + "\n"


def _beside(name: str, recipient_ids: list[UUID]) -> Iterator[dict[str, Any]]:
    model, columns = _BESIDE[name]
    rows = model._default_manager.filter(recipient_id__in=recipient_ids).order_by("pk")
    for row in rows:
        yield {"recipient": str(row.recipient_id), **fields_of(row, columns)}


def interactions(recipient_ids: list[UUID]) -> Iterator[dict[str, Any]]:
    """Yield the visits to these recipients' links, oldest first, with every column that is stored."""
    # Page by page and not by a cursor of the server's: a pooler may give each statement another connection.
    rows = Interaction.objects.filter(recipient_id__in=recipient_ids).order_by("occurred_at", "id")
    after = Q()
    while batch := list(islice(rows.filter(after), _BATCH)):
        for row in batch:
            yield {"recipient": str(row.recipient_id), **fields_of(row, _COLUMNS)}
        last = batch[-1]
        after = Q(occurred_at__gt=last.occurred_at) | Q(occurred_at=last.occurred_at, id__gt=last.id)
