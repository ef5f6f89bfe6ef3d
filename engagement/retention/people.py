"""What is kept beside the interactions and speaks of people, or may: gone with them, or when nobody is told any more.

Tallies and reach stay for ever: no person is in them. A recipient's mail domain, a network and an agent may be one
person's, so that what is counted by them goes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from engagement.feed.positions import PRUNED_REVISIONS, raise_position
from engagement.kept import kept_since, nobody_since
from engagement.models import Act, Dimension
from engagement.retention.expiry import KINDS, Step
from preferences.feed import Cursor
from preferences.models import Brand

TRACKED_ACTS = [Act.OPEN.value, Act.CLICK.value, Act.CONVERSION.value]
OF_FEW = [Dimension.DOMAIN.value, Dimension.NETWORK.value, Dimension.AGENT.value]

_TOUCHES = """
FROM engagement_touch
WHERE act = ANY(%(tracked)s) AND first_at < %(nobody)s OR act <> ALL(%(tracked)s) AND first_at < %(visits)s
"""
# As long as a month of visits is stored, what is judged anew in it needs to know how it counted before.
_PAGE_VIEWS = "FROM engagement_pageview WHERE first_at < date_trunc('month', %(visits)s::timestamptz, 'UTC')"
_SCANNED = "FROM engagement_scanned WHERE last_at < %(nobody)s"
_CONVERSIONS = "FROM engagement_conversion WHERE occurred_at < %(clicks)s"
# A cell goes when all of its time is past: a month that begins before the border may end after it. Months begin by the
# server's clock and not by the database's, hence a few days more.
_RANKINGS = """
FROM engagement_ranking
WHERE brand_id = ANY(%(brands)s) AND dimension = ANY(%(dimensions)s)
  AND start <= %(nobody)s::timestamptz - CASE level WHEN 'month' THEN interval '1 month 4 days'
                                                    ELSE interval '1 day' END
"""
_STATEMENTS = {
    "engagement_touch": _TOUCHES,
    "engagement_pageview": _PAGE_VIEWS,
    "engagement_scanned": _SCANNED,
    "engagement_conversion": _CONVERSIONS,
    "engagement_ranking": _RANKINGS,
}
_REVISIONS = """
FROM engagement_revision
WHERE kind = ANY(%(open_kinds)s) AND occurred_at < %(opens)s OR kind = ANY(%(click_kinds)s) AND occurred_at < %(clicks)s
   OR kind = ANY(%(visit_kinds)s) AND occurred_at < %(visits)s
"""
_LAST = "WITH gone AS (DELETE {} RETURNING xid, id) SELECT xid, id, count(*) OVER () FROM gone ORDER BY 1 DESC, 2 DESC"


def delete_past(now: datetime, *, is_dry_run: bool = False) -> Iterator[Step]:
    """Delete what is past its time and yield what went, or would go. Idempotent; a comparison with NULL, where
    something is kept for ever, finds nothing."""
    values: Mapping[str, Any] = {
        "nobody": nobody_since(now) or kept_since("opens", now),
        **{part: kept_since(part, now) for part in KINDS},
        **{f"{part[:-1]}_kinds": list(kinds) for part, kinds in KINDS.items()},
        "tracked": TRACKED_ACTS,
        "dimensions": OF_FEW,
        "brands": list(Brand.objects.values_list("id", flat=True)),
    }
    for table, condition in _STATEMENTS.items():
        rows = _count(condition, values) if is_dry_run else _delete(condition, values)
        if rows:
            yield Step(table, rows)
    if rows := _count(_REVISIONS, values) if is_dry_run else _delete_revisions(values):
        yield Step("engagement_revision", rows)


def _count(condition: str, values: Mapping[str, Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) {condition}", values)
        return int(cursor.fetchone()[0])


def _delete(condition: str, values: Mapping[str, Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE {condition}", values)
        count: int = cursor.rowcount
    return count


def _delete_revisions(values: Mapping[str, Any]) -> int:
    """Delete revisions together with what they are about, and keep up to where the feed has lost some."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_LAST.format(_REVISIONS), values)
        if not (rows := cursor.fetchmany(1)):
            return 0
        xid, id, count = rows[0]
        raise_position(PRUNED_REVISIONS, Cursor(xid or 0, id))
        return int(count)
