"""Opt-outs by door: the ledger's changes become figures, each exactly once, in the order of the ledger's feed.

Through each door (the change's source) are counted

    opt_out   who left through it: a recipient, once for all that it leaves within an hour
    topic     topics left
    view      page views that ended so, of the page's own doors (arrival and button)

By undo and reinstatement the same is counted of what they put back. A door of the page is told apart by the verdict on
the visit, where `unsure` is also what nobody judged. An opt-out that another door settles, or that an undo leaves in
place, is none; nor is a topic that stays off when someone comes back to another and a suppression gives way, which is
written down within two seconds.

Who left, stayed and came back is counted along with it (engagement/counting/leavings.py).

Whether a row is the first of its hour or of its page view is said by the ledger's earlier rows of the recipient alone.
Nobody writes between those, so a row counts today as it does in any recount.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import connection, transaction

from engagement.counting.changes import STORED, Tables, look_up_by_index
from engagement.counting.leavings import count_leavings, count_stored_leavings, sort_in_memory
from engagement.counting.position import Place, ledger_place, move_ledger, try_lock
from engagement.counting.tallies import merge

_ENDS = """CASE WHEN {row}.source IN ('undo', 'reinstatement')
                THEN {row}.state <> 'out' AND {row}.replaced ->> 'state' = 'out'
                ELSE {row}.state = 'out' AND {row}.replaced ->> 'state' IS DISTINCT FROM 'out' END"""
_VERDICT = """CASE WHEN {row}.source NOT IN ('arrival', 'confirm_button') THEN ''
                   WHEN {row}.evidence ->> 'verdict' IN ('human', 'machine') THEN {row}.evidence ->> 'verdict'
                   ELSE 'unsure' END"""
_LIFTS = "{row}.topic_id IS NULL AND {row}.state <> 'out' AND {row}.replaced ->> 'state' = 'out'"
_STAYS_OFF = f"""(other.topic_id IS NOT NULL AND other.state = 'out' AND EXISTS (
                              SELECT FROM preferences_preferencechange AS lifting
                              WHERE lifting.recipient_id = other.recipient_id AND lifting.source = other.source
                                AND lifting.changed_at >= other.changed_at - interval '2 seconds'
                                AND lifting.changed_at <= other.changed_at AND {_LIFTS.format(row="lifting")}))"""
# Each row is held against the one before it through the same door: that decides, but where a clock was ahead and has
# been put right. So one pass does. Of what somebody ever did, the hour before the first of the new rows is asked for,
# and of page views all, if there is a new one: a page can be kept open.
_FINE = f"""
    WITH touched AS MATERIALIZED (
        SELECT recipient_id, min(changed_at) - interval '1 hour 2 seconds' AS since,
               bool_or(source IN ('arrival', 'confirm_button')) AS is_viewing
        FROM preferences_preferencechange AS change WHERE {{which}}
        GROUP BY recipient_id
    ), told AS MATERIALIZED (
        SELECT id, xid, recipient_id, brand_id, channel, topic_id, mailing, source, changed_at,
               {_ENDS.format(row="change")} AS ends, {_VERDICT.format(row="change")} AS verdict,
               is_of_page AND topic_id IS NOT NULL AS is_of_page,
               CASE WHEN is_of_page THEN evidence ->> 'visit' END AS visit,
               topic_id IS NOT NULL AND state = 'out'
                   AND bool_or({_LIFTS.format(row="change")}) OVER just_before AS stays_off
        FROM touched
        JOIN preferences_preferencechange AS change USING (recipient_id)
        CROSS JOIN LATERAL (SELECT source IN ('arrival', 'confirm_button')) AS door(is_of_page)
        WHERE (xid, id) <= (%(xid)s, %(id)s) AND (changed_at >= since OR is_viewing AND is_of_page)
        WINDOW just_before AS (PARTITION BY recipient_id, source ORDER BY changed_at
                               RANGE BETWEEN interval '2 seconds' PRECEDING AND CURRENT ROW)
    ), ended AS (
        SELECT *, lag(changed_at) OVER alike AS before_at,
               max(changed_at) OVER (alike ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS latest_at
        FROM told
        WHERE ends AND NOT stays_off
        WINDOW alike AS (PARTITION BY recipient_id, source ORDER BY id)
    )
    SELECT brand_id, cell.dimension, hour AS start, cell.mailing, source AS value, channel, counted.record, verdict,
           -1 AS age, sum(counted.number) AS events
    FROM (
        SELECT change.brand_id, date_trunc('hour', change.changed_at, %(zone)s) AS hour, change.mailing, change.source,
               change.channel, verdict, change.topic_id,
               CASE WHEN before_at > change.changed_at - interval '1 hour'
                         AND before_at < change.changed_at + interval '1 hour' THEN false
                    WHEN latest_at IS NULL OR latest_at <= change.changed_at - interval '1 hour' THEN true
                    ELSE NOT EXISTS (
                        SELECT FROM preferences_preferencechange AS other
                        WHERE other.recipient_id = change.recipient_id AND other.id < change.id
                          AND other.source = change.source AND other.changed_at > change.changed_at - interval '1 hour'
                          AND other.changed_at < change.changed_at + interval '1 hour'
                          AND {_ENDS.format(row="other")} AND NOT {_STAYS_OFF})
               END AS is_first,
               is_of_page AND (visit IS NULL OR nth = 1) AS is_view
        FROM (
            SELECT *, row_number() OVER (PARTITION BY recipient_id, is_of_page, visit, verdict ORDER BY id) AS nth
            FROM ended
        ) AS change
        WHERE {{which}}
    ) AS gone
    CROSS JOIN LATERAL (VALUES
        ('opt_out', is_first::int), ('topic', (topic_id IS NOT NULL)::int), ('view', is_view::int)
    ) AS counted(record, number)
    CROSS JOIN LATERAL (VALUES
        ('door', ''), (CASE WHEN gone.mailing <> '' THEN 'maildoor' END, gone.mailing)
    ) AS cell(dimension, mailing)
    WHERE counted.number > 0 AND cell.dimension IS NOT NULL
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
"""  # noqa: S608
_NEW = _FINE.format(
    which="(change.xid, change.id) > (%(after_xid)s, %(after_id)s) AND (change.xid, change.id) <= (%(xid)s, %(id)s)"
)
_STORED = _FINE.format(which="change.changed_at >= %(since)s AND (change.xid, change.id) <= (%(xid)s, %(id)s)")
# A place that no row reaches any more, or whose row has another transaction now, is of another cluster, or of before
# `changes --after-restore`.
_IS_OTHERS = """
SELECT max(xid) < %(xid)s OR EXISTS (SELECT FROM preferences_preferencechange WHERE id = %(id)s AND xid <> %(xid)s)
FROM preferences_preferencechange
"""
_START_OVER = "DELETE FROM engagement_tally WHERE dimension IN ('door', 'maildoor', 'left', 'returned', 'kept')"
_END = """
SELECT xid, id FROM (
    SELECT xid, id FROM preferences_preferencechange
    WHERE (xid, id) > (%(after_xid)s, %(after_id)s) AND xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
    ORDER BY xid, id LIMIT %(size)s
) AS next
ORDER BY xid DESC, id DESC LIMIT 1
"""


def count_changes(size: int) -> bool | None:
    """Count the next stretch of the ledger; return whether there was any, None if somebody else is counting."""
    with transaction.atomic(), connection.cursor() as cursor:
        if not try_lock():
            return None
        after = _place(cursor)
        values: dict[str, Any] = {"after_xid": after.xid, "after_id": after.id}
        cursor.execute(_END, values | {"size": size})
        if not (row := cursor.fetchone()):
            return False
        if after == Place():
            cursor.execute(_START_OVER)
        to = Place(*row)
        look_up_by_index()
        sort_in_memory()
        merge(_NEW, STORED, **values, xid=to.xid, id=to.id)
        count_leavings(after, to)
        move_ledger(to)
        return True


def _place(cursor: Any) -> Place:
    after = ledger_place()
    cursor.execute(_IS_OTHERS, {"xid": after.xid, "id": after.id})
    return Place() if cursor.fetchone()[0] else after


def count_stored(since: datetime, tables: Tables) -> None:
    """Count the changes from `since` on that are counted already, into other tables."""
    to = ledger_place()
    sort_in_memory()
    merge(_STORED, tables, since=since, xid=to.xid, id=to.id)
    count_stored_leavings(since, to, tables)
