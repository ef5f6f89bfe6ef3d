"""What is to be counted, as a table of the transaction: each interaction once with +1, or with -1 as it was and +1 as
it is now. Everything is counted from it, so that new rows, revisions and recounts cannot differ."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from engagement.counting.ages import AGES
from engagement.counting.periods import zone
from engagement.counting.position import Place
from engagement.models import Revision


@dataclass(frozen=True, slots=True)
class Tables:
    """Where counts are kept; a recount has tables of its own."""

    tally: str = "engagement_tally"
    ranking: str = "engagement_ranking"
    reach: str = "engagement_reach"
    touch: str = "engagement_touch"
    page_view: str = "engagement_pageview"
    scanned: str = "engagement_scanned"


STORED = Tables()
_AGES = f"ARRAY[{', '.join(map(str, AGES))}]::bigint[]"

_TABLES = """
CREATE TEMP TABLE IF NOT EXISTS counting_change (
    sign smallint, id bigint, occurred_at timestamptz, hour timestamptz, day timestamptz, brand_id bigint,
    recipient_id uuid, domain text, channel text, topic text, mailing text, segment text, kind text, answer text,
    record text, verdict text, link bigint, age smallint, network text, agent text,
    is_cleaned boolean, is_machine boolean, visit bigint
) ON COMMIT DROP;
CREATE TEMP TABLE IF NOT EXISTS counting_touched (
    recipient_id uuid, mailing text, act text, link bigint, brand_id bigint, channel text,
    old_first_at timestamptz, old_cleaned_at timestamptz, old_topic text, old_segment text,
    first_at timestamptz, cleaned_at timestamptz, topic text, segment text
) ON COMMIT DROP;
TRUNCATE counting_change, counting_touched;
"""
# Rows that robots and mail programs make by themselves are judged; one-click and conversions come from providers and
# brands, and count whatever their programs look like. A network is called by its owner if known; versions of programs
# are cut to their first number, so that the lists stay short.
_COLUMNS = f"""
    i.id, i.occurred_at, date_trunc('hour', i.occurred_at, %(zone)s), date_trunc('day', i.occurred_at, %(zone)s),
    i.brand_id, i.recipient_id, i.domain, i.channel, i.topic, i.mailing, i.segment, i.kind, i.answer,
    judged.record, judged.verdict, i.link,
    COALESCE(width_bucket(i.send_age, {_AGES}) - 1, -1),
    COALESCE(NULLIF(i.facts -> 'request' ->> 'network', ''), host(i.network) || '/' ||
             CASE family(i.network) WHEN 4 THEN '24' ELSE '48' END, ''),
    left(regexp_replace(i.agent, '([0-9]+)([._][0-9]+)+', '\\1', 'g'), 120),
    judged.verdict IN ('human', 'unsure') OR i.kind IN ('one_click', 'conversion'),
    judged.verdict = 'machine' AND i.kind NOT IN ('one_click', 'conversion'),
    CASE WHEN i.kind IN ('visit', 'header_visit', 'arrive', 'confirm') THEN i.visit END
"""
_NEW = f"""
INSERT INTO counting_change
SELECT 1, {_COLUMNS}
FROM engagement_interaction AS i, LATERAL (SELECT i.record, i.verdict) AS judged(record, verdict)
WHERE (i.xid, i.id) > (%(after_xid)s, %(after_id)s) AND (i.xid, i.id) <= (%(xid)s, %(id)s)
"""  # noqa: S608
_REVISED = f"""
INSERT INTO counting_change
SELECT judged.sign, {_COLUMNS}
FROM unnest(%(ids)s::bigint[], %(kinds)s::text[], %(moments)s::timestamptz[], %(old_records)s::text[],
            %(old_verdicts)s::text[], %(new_records)s::text[], %(new_verdicts)s::text[])
    AS revised(id, kind, occurred_at, old_record, old_verdict, new_record, new_verdict)
JOIN engagement_interaction AS i
    ON i.occurred_at = revised.occurred_at AND i.kind = revised.kind AND i.id = revised.id
CROSS JOIN LATERAL (VALUES (-1, old_record, old_verdict), (1, new_record, new_verdict))
    AS judged(sign, record, verdict)
WHERE (i.xid, i.id) <= (%(xid)s, %(id)s) AND i.occurred_at BETWEEN %(first)s AND %(last)s
  AND (i.record, i.verdict) = (new_record, new_verdict)
"""  # noqa: S608
_STORED = f"""
INSERT INTO counting_change
SELECT 1, {_COLUMNS}
FROM engagement_interaction AS i, LATERAL (SELECT i.record, i.verdict) AS judged(record, verdict)
WHERE (i.xid, i.id) <= (%(xid)s, %(id)s) AND i.occurred_at >= %(first)s AND i.occurred_at < %(last)s
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Change:
    """A row whose verdict or record type was changed after it may have been counted."""

    id: int
    kind: str
    occurred_at: datetime
    old_record: str
    old_verdict: str
    new_record: str
    new_verdict: str

    @classmethod
    def of(cls, revision: Revision) -> Change:
        return cls(
            revision.interaction_id,
            revision.kind,
            revision.occurred_at,
            revision.old_record,
            revision.old_verdict,
            revision.new_record,
            revision.new_verdict,
        )


def gather_new(after: Place, to: Place) -> int:
    """Gather the rows after one place up to another; return how many."""
    return _gather(_NEW, {"after_xid": after.xid, "after_id": after.id, "xid": to.xid, "id": to.id})


def gather_revised(changes: Iterable[Change], counted: Place) -> int:
    """Gather those of the rows that are counted already and stored as `changes` says; return twice how many."""
    changes = list(changes)
    moments = [one.occurred_at for one in changes]
    values = {
        "ids": [one.id for one in changes],
        "kinds": [one.kind for one in changes],
        "moments": moments,
        "old_records": [one.old_record for one in changes],
        "old_verdicts": [one.old_verdict for one in changes],
        "new_records": [one.new_record for one in changes],
        "new_verdicts": [one.new_verdict for one in changes],
        "first": min(moments, default=None),
        "last": max(moments, default=None),
    }
    return _gather(_REVISED, values | {"xid": counted.xid, "id": counted.id})


def gather_stored(first: datetime, last: datetime, counted: Place) -> int:
    """Gather the rows of a time that are counted already; return how many."""
    return _gather(_STORED, {"first": first, "last": last, "xid": counted.xid, "id": counted.id})


def look_up_by_index(*, is_on: bool = True) -> None:
    """For the rest of the transaction: a few thousand cells are looked up one by one among millions, where a plan that
    was made over a young table would read all of these."""
    with connection.cursor() as cursor:
        for name in ("enable_hashjoin", "enable_mergejoin", "enable_seqscan", "jit"):
            cursor.execute(f"SET LOCAL {name} = {'off' if is_on else 'on'}")


def _gather(statement: str, values: dict[str, Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_TABLES)
        cursor.execute(statement, values | {"zone": zone().key})
        count: int = cursor.rowcount
        return count
