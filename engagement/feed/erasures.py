"""The erasures, as the feed of interactions tells them: whose rows a reader has to delete as well, and nothing more.

They are the ledger's rows of that source, in the ledger's order. The keyed hash is all that names the person, and only
to readers who have rows of theirs.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.db import connection

from engagement.feed.lines import Line, erasure_line
from engagement.feed.positions import FeedCursor
from preferences.feed import Cursor, FeedError

LEDGER = "preferences_preferencechange"
_NEWEST = """
SELECT xid, id FROM preferences_preferencechange
WHERE (xid, id) <= (%(xid)s, %(id)s) ORDER BY xid DESC, id DESC LIMIT 1
"""
_ERASURES = """
SELECT change.xid, change.id, change.changed_at, brand.slug, change.channel, change.recipient_id
FROM preferences_preferencechange AS change JOIN preferences_brand AS brand ON brand.id = change.brand_id
WHERE change.source = 'erasure'
  AND (change.xid, change.id) > (%(xid)s, %(id)s) AND (change.xid, change.id) <= (%(end_xid)s, %(end_id)s)
  AND (%(brand)s::bigint IS NULL OR change.brand_id = %(brand)s)
ORDER BY change.xid, change.id
"""


def newest(end: Cursor) -> Cursor:
    """Return the last place of the ledger up to `end`: who reads from there on is told of erasures to come."""
    rows = _fetch(_NEWEST, {"xid": end.xid, "id": end.id})
    return Cursor(*rows[0]) if rows else Cursor()


def erasures_between(after: FeedCursor, end: Cursor, brand_id: int | None) -> list[Line]:
    """Return what is to be erased of one brand, or of all, behind the reader's place and up to `end`."""
    start = after.erasures
    values = {"xid": start.xid, "id": start.id, "end_xid": end.xid, "end_id": end.id, "brand": brand_id}
    return [
        erasure_line(str(replace(after, erasures=Cursor(xid, id))), *about)
        for xid, id, *about in _fetch(_ERASURES, values)
    ]


def check_cluster(next_xid: int) -> None:
    """Raises FeedError when the ledger's rows are another cluster's, so that some would never be told."""
    newest_xid = _fetch("SELECT max(xid) FROM preferences_preferencechange", {})[0][0]
    if newest_xid is not None and newest_xid >= next_xid:
        raise FeedError(
            "The ledger's rows come from another database cluster, as after a restore from a dump. Run"
            " `manage.py changes --after-restore` and `manage.py interactions --after-restore` once, then start over"
            " without a cursor."
        )


def _fetch(statement: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
