"""Changing verdicts that may be counted already, so that readers see all of the old figures or all of the new ones.

What a run has found is staged as revisions, in small transactions. Then one transaction writes all of it: interactions,
what was changed about them, figures, and the switch that the run belongs to. Who reads meanwhile sees the old state.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import batched
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction

from engagement.counting import position
from engagement.counting.counter import Change, recount
from engagement.counting.zones import check_zone
from engagement.detection import RULES_VERSION
from engagement.models import CountingSwitch, Rejudgement, Revision
from engagement.recording.rows import signals_json

if TYPE_CHECKING:
    from engagement.rejudging.runs import Judged

_AT_ONCE = 5_000


def clear(run: Rejudgement) -> None:
    """Take back what an earlier attempt has staged."""
    Revision.objects.filter(rejudgement=run, applied_at=None).delete()


def stage(run: Rejudgement, found: Sequence[Judged]) -> int:
    """Keep what is to be changed, and return how many. Nothing is changed yet."""
    return len(Revision.objects.bulk_create([_revision(run, judged) for judged in found], batch_size=1_000))


def _revision(run: Rejudgement, judged: Judged) -> Revision:
    row, verdict = judged.row, judged.verdict
    return Revision.of(
        row,
        verdict.value.value,
        judged.record,
        rejudgement=run,
        new={
            "score": verdict.score,
            "is_hard": verdict.is_hard,
            "signals": signals_json(verdict.signals),
            "rules": RULES_VERSION,
            "facts": judged.unkept,
        },
    )


# A row that somebody else has judged again meanwhile is left as it is, so that two runs at once do no harm.
_UPDATE = """
UPDATE engagement_interaction AS row
SET verdict = revision.new_verdict, record = revision.new_record, score = (revision.new ->> 'score')::smallint,
    is_hard = (revision.new ->> 'is_hard')::boolean, signals = revision.new -> 'signals',
    rules = (revision.new ->> 'rules')::smallint,
    facts = row.facts || (revision.new -> 'facts') || jsonb_build_object(
        'before', COALESCE(row.facts -> 'before', '[]') || jsonb_build_object(
            'rules', row.rules, 'verdict', row.verdict, 'score', row.score, 'at', now()))
FROM engagement_revision AS revision
WHERE revision.id = ANY(%(ids)s) AND row.occurred_at BETWEEN %(first)s AND %(last)s
  AND row.occurred_at = revision.occurred_at AND row.kind = revision.kind AND row.id = revision.interaction_id
  AND (row.verdict, row.record) = (revision.old_verdict, revision.old_record)
RETURNING revision.id
"""
_APPLIED = """
UPDATE engagement_revision SET xid = pg_current_xact_id()::text::bigint, applied_at = now() WHERE id = ANY(%s)
"""


class StagedByTwoError(Exception):
    """Two workers had the same run; neither has all of it."""


def apply(run: Rejudgement, staged_count: int) -> None:
    """Write all that is staged, and let the run's switch hold from its first day on. Call it in a transaction: what
    else belongs to the run's end is then seen at the same moment. Counting waits meanwhile.

    Raises StagedByTwoError when other than `staged_count` revisions are there, or another worker was sooner; ZoneError
    when the figures are those of another time zone.
    """
    assert transaction.get_connection().in_atomic_block
    position.lock()
    check_zone()
    is_open = Rejudgement.objects.filter(pk=run.pk, state=Rejudgement.State.APPLYING).exists()
    if not is_open or Revision.objects.filter(rejudgement=run, applied_at=None).count() != staged_count:
        raise StagedByTwoError
    counted = position.place()
    ids = Revision.objects.filter(rejudgement=run, applied_at=None).order_by("occurred_at", "id")
    for batch in batched(ids.values_list("id", flat=True).iterator(chunk_size=_AT_ONCE), _AT_ONCE):
        recount([Change.of(revision) for revision in _write(list(batch))], counted)
    clear(run)  # what was left as it is
    CountingSwitch.objects.filter(rejudgement=run).update(since=run.since)


def _write(ids: list[int]) -> list[Revision]:
    revisions = {revision.id: revision for revision in Revision.objects.filter(id__in=ids).defer("old", "new")}
    moments = [revision.occurred_at for revision in revisions.values()]
    values: dict[str, Any] = {"ids": ids, "first": min(moments), "last": max(moments)}
    with connection.cursor() as cursor:
        cursor.execute(_UPDATE, values)
        written = [id for (id,) in cursor.fetchall()]
        cursor.execute(_APPLIED, [written])
    return [revisions[id] for id in written]
