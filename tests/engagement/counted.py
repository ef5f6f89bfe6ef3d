"""Makers of rows that the counter may count, and what happens to them later."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from engagement.counting import position
from engagement.counting.counter import Change, count_all, recount
from engagement.forgetting import forget_counts
from engagement.models import Interaction
from engagement.recording.records import record_of
from preferences.models import PreferenceChange
from tests.engagement.counts import Counts
from tests.engagement.makers import NOON, make_interaction

LATER = NOON + timedelta(days=100)
_xids = count(1)


def make_row(**fields: Any) -> Interaction:
    """A row that an earlier transaction has written: in a test's own nothing is complete yet."""
    fields = {"xid": next(_xids), "network": None, "domain": "example.org"} | fields
    kind, verdict = fields.get("kind", "visit"), fields.get("verdict", "unsure")
    return make_interaction(**{"record": record_of(kind, verdict, ())} | fields)


def revise(rows: list[Interaction], verdict: str) -> None:
    """As a rejudgement does it."""
    with transaction.atomic():
        position.lock()
        changes = []
        for row in rows:
            record = record_of(row.kind, verdict, ())
            changes.append(Change(row.id, row.kind, row.occurred_at, row.record, row.verdict, record, verdict))
            Interaction.objects.filter(pk=row.id).update(verdict=verdict, record=record)
        recount(changes)


def erase(person: UUID) -> None:
    Interaction.objects.filter(recipient_id=person).delete()
    forget_counts(person)


def counted_rows() -> list[Interaction]:
    place = position.place()
    return [row for row in Interaction.objects.all() if (row.xid, row.id) <= (place.xid, place.id)]


def same(found: Counts, wanted: Counts) -> None:
    assert found.tally == wanted.tally
    assert found.reach == wanted.reach
    assert found.ranking == wanted.ranking
    assert found.touches == wanted.touches
    assert found.scanned == wanted.scanned
    assert found.views == wanted.views


LONG_AGO = 3  # the first transaction that a new PostgreSQL cluster may run


def commit_changes() -> None:
    """Let the ledger's rows be those of earlier transactions: in a test's own nothing is complete yet."""
    PreferenceChange.objects.exclude(xid=LONG_AGO).update(xid=LONG_AGO)


def count_everything_now() -> None:
    """All that is stored, as if it had been committed long ago."""
    Interaction.objects.update(xid=LONG_AGO)
    commit_changes()
    count_all(timezone.now() + timedelta(days=1000))


def counted_changes() -> list[PreferenceChange]:
    place = position.ledger_place()
    return [row for row in PreferenceChange.objects.all() if (row.xid, row.id) <= (place.xid, place.id)]
