"""Forgetting a person: everything that was stored about them goes, in one transaction."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.db import connection

from engagement.models import Conversion, PageView, Rejudgement, Revision, Scanned, Touch
from preferences.erasing import erase_in_turn
from preferences.models import Outcome, Recipient
from preferences.models.writing import turn_of


def forget(recipient: Recipient, actor: str = "") -> Outcome:
    """Erase the recipient, who need not be stored, and all recorded visits to their links. Idempotent.

    What another process has recorded and not yet written comes a moment later; `sweep` takes that.
    """
    with turn_of(recipient.brand_id, recipient.id):
        change_id = erase_in_turn(recipient, actor)
        _cut_examples(_delete_interactions(recipient.id))
        forget_counts(recipient.id)
    return Outcome((change_id,) if change_id else ())


def forget_counts(recipient_id: UUID) -> None:
    """Forget what is kept of the recipient for counting. The counts stay: they are of nobody in particular."""
    Touch.objects.filter(recipient_id=recipient_id).delete()
    PageView.objects.filter(recipient_id=recipient_id).delete()
    Scanned.objects.filter(recipient_id=recipient_id).delete()
    Conversion.objects.filter(recipient_id=recipient_id).delete()
    Revision.objects.filter(recipient_id=recipient_id).delete()


_LATE = """
DELETE FROM engagement_interaction AS late USING preferences_preferencechange AS erasure
WHERE erasure.source = 'erasure' AND erasure.changed_at > now() - interval '1 day'
      AND late.recipient_id = erasure.recipient_id AND late.occurred_at <= erasure.changed_at
"""
# What a counter stored that had read the visits before they went.
_LATE_COUNTS = """
DELETE FROM {table} AS late USING preferences_preferencechange AS erasure
WHERE erasure.source = 'erasure' AND erasure.changed_at > now() - interval '1 day'
      AND late.recipient_id = erasure.recipient_id AND late.{moment} <= erasure.changed_at
"""
_COUNTED = {
    "engagement_touch": "first_at",
    "engagement_pageview": "first_at",
    "engagement_scanned": "first_at",
    "engagement_conversion": "occurred_at",
    "engagement_revision": "occurred_at",
}


def sweep() -> int:
    """Delete the visits from before an erasure of the last day that were written after it; return how many."""
    with connection.cursor() as cursor:
        cursor.execute(_LATE)
        count: int = cursor.rowcount
        for table, moment in _COUNTED.items():
            cursor.execute(_LATE_COUNTS.format(table=table, moment=moment))
        return count


def _delete_interactions(recipient_id: UUID) -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM engagement_interaction WHERE recipient_id = %s RETURNING id", [recipient_id])
        return {id for (id,) in cursor.fetchall()}


def _cut_examples(ids: Collection[int]) -> None:
    """Take the visits out of the examples that second looks at verdicts have kept."""
    if not ids:
        return
    for run in Rejudgement.objects.exclude(examples=[]).only("examples"):
        kept = [example for example in run.examples if example["id"] not in ids]
        if len(kept) < len(run.examples):
            run.examples = kept
            run.save(update_fields=["examples"])
