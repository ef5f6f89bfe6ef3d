"""The second look at opens and clicks: judged again with what happened around them, before they are counted.

At recording only the request is known, so that no door waits for a query. Minutes later the burst is complete, the
hidden link has been followed, and a batch is looked at with a few queries for all of it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from engagement.detection import RULES_VERSION, Verdict, judge_facts
from engagement.judging import arrays
from engagement.judging.loading import load
from engagement.judging.stored_facts import context_of_row, facts_of
from engagement.judging.surroundings import Surroundings
from engagement.models import Interaction, Kind
from engagement.recording.records import record_of_verdict
from engagement.recording.rows import known_context, signals_json

LOOKED_AT = frozenset({Kind.OPEN.value, Kind.CLICK.value})


@dataclass(frozen=True, slots=True)
class Relooked:
    """A row that is judged otherwise now: its new verdict and record type, and `known`, what its facts get beside."""

    row: Interaction
    verdict: Verdict
    record: str
    known: dict[str, Any]

    @property
    def is_counted_otherwise(self) -> bool:
        """Whether figures change, and not only points and reasons."""
        return (self.row.verdict, self.row.record) != (self.verdict.value.value, self.record)


def look_again(rows: Sequence[Interaction]) -> list[Relooked]:
    """Return those of the opens and clicks, loaded with all their columns, that are judged otherwise when what
    happened around them is known. Other kinds are passed over. Asks the database some questions for all of them."""
    rows = [row for row in rows if row.kind in LOOKED_AT]
    if not rows:
        return []
    surroundings = Surroundings(rows)
    return [relooked for row in rows if (relooked := _look(row, surroundings))]


def _look(row: Interaction, surroundings: Surroundings) -> Relooked | None:
    before = context_of_row(row)
    context = surroundings.context(row, before)
    if context == before:
        return None
    facts = facts_of(row)
    verdict = judge_facts(row.kind, replace(facts, context=context))
    was = (row.verdict, row.score, row.is_hard, row.signals)
    if was == (verdict.value.value, verdict.score, verdict.is_hard, signals_json(verdict.signals)):
        return None
    return Relooked(row, verdict, record_of_verdict(row.kind, verdict), {"context": known_context(context)})


_UPDATE = """
UPDATE engagement_interaction AS row
SET verdict = new.verdict, score = new.score, is_hard = new.is_hard, signals = new.signals, rules = %(rules)s,
    record = new.record, facts = row.facts || new.known
FROM jsonb_to_recordset(%(rows)s::jsonb) AS new(
    id bigint, kind text, occurred_at timestamptz, verdict text, score smallint, is_hard boolean, signals jsonb,
    record text, known jsonb
)
WHERE row.occurred_at BETWEEN %(first)s AND %(last)s AND row.kind IN ('open', 'click')
  AND row.occurred_at = new.occurred_at AND row.kind = new.kind AND row.id = new.id
"""


def write(relooked: Sequence[Relooked]) -> None:
    """Store the new judgements, in one statement of the caller's transaction."""
    if not relooked:
        return
    moments = [one.row.occurred_at for one in relooked]
    values: dict[str, Any] = {
        "rows": json.dumps([_fields(one) for one in relooked]),
        "rules": RULES_VERSION,
        "first": min(moments),
        "last": max(moments),
    }
    with connection.cursor() as cursor:
        cursor.execute(_UPDATE, values)


def _fields(one: Relooked) -> dict[str, Any]:
    return {
        "id": one.row.id,
        "kind": one.row.kind,
        "occurred_at": one.row.occurred_at.isoformat(),
        "verdict": one.verdict.value.value,
        "score": one.verdict.score,
        "is_hard": one.verdict.is_hard,
        "signals": signals_json(one.verdict.signals),
        "record": one.record,
        "known": one.known,
    }


_EVIDENCE_SPAN = timedelta(hours=1)
# The opens and clicks of the same visitors at the same messages that came earlier and lie before the batch in the feed.
# `IS TRUE` keeps the feed's index out of the choice, which would read all that was ever counted.
_EARLIER = """
SELECT DISTINCT ON (earlier.id) earlier.*
FROM unnest(%(recipients)s::uuid[], %(mailings)s::text[], %(visitors)s::bytea[], %(firsts)s::timestamptz[],
            %(lasts)s::timestamptz[]) AS seen(recipient_id, mailing, visitor, first_at, last_at)
CROSS JOIN LATERAL (
    SELECT *
    FROM engagement_interaction
    WHERE recipient_id = seen.recipient_id AND occurred_at BETWEEN seen.first_at AND seen.last_at
      AND kind IN ('open', 'click') AND mailing = seen.mailing AND (visitor = seen.visitor) IS TRUE
      AND ((xid, id) < (%(xid)s, %(id)s)) IS TRUE AND NOT is_hard
    ORDER BY occurred_at DESC LIMIT 200
) AS earlier
ORDER BY earlier.id
"""


def earlier_affected(rows: Sequence[Interaction]) -> list[Interaction]:
    """Return the opens and clicks that were counted before these rows (of any kind, a whole stretch of the feed), and
    may be judged otherwise now, because the same visitor did more at the same message within the hour after.
    `look_again` says which of them are."""
    evidence = [row for row in rows if row.network and row.kind not in (Kind.OPEN, Kind.CONVERSION)]
    if not evidence:
        return []
    spans: dict[tuple[UUID, str, bytes], tuple[datetime, datetime]] = {}
    for row in evidence:
        key, at = (row.recipient_id, row.mailing, bytes(row.visitor)), row.occurred_at
        first, last = spans.get(key, (at, at))
        spans[key] = (min(first, at), max(last, at))
    xid, id = min((row.xid, row.id) for row in rows)
    values = {
        "recipients": arrays.uuids(recipient for recipient, _, _ in spans),
        "mailings": arrays.texts(mailing for _, mailing, _ in spans),
        "visitors": arrays.blobs(visitor for _, _, visitor in spans),
        "firsts": arrays.moments(first - _EVIDENCE_SPAN for first, _ in spans.values()),
        "lasts": arrays.moments(last + _EVIDENCE_SPAN for _, last in spans.values()),
        "xid": xid,
        "id": id,
    }
    return load(_EARLIER, values)
