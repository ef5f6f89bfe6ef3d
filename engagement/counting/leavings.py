"""Who leaves, who stays and who comes back: the ledger's rows as cells of the tallies.

A *leaving* is one recipient who ends one topic, or everything, once, and what has come of it up to where the ledger is
counted. Its cell is that of its hour. What comes later changes the outcome, also a year later: so each stretch of the
ledger takes the cells of its recipients out as they were before it and puts them in as they are after it. That
telescopes: whatever the stretches are, the sum is that of the whole ledger up to there.

Nothing but the recipient's own rows is asked, so that they say tomorrow what they say today, in the order in which they
took effect, which is that of their ids. Whoever has few is read whole for each stretch. Of an address that a program
toggles without end only the last ones are, where they show that the others count the same before and after it (_START).

A row *moves* when it changes the state of a topic, or of everything, rather than settle it or set how often. An undo or
a reinstatement that restores `out` takes a return back: it is nobody's wish to leave. Rows of one cause, each within
two seconds of the one before, are one *deed*. (The transaction's number would say so too, but is lost with a dump.)
"""

from __future__ import annotations

from datetime import datetime

from django.db import connection

from engagement.counting.changes import STORED, Tables
from engagement.counting.position import Place
from engagement.counting.tallies import merge

_CHANGES = "preferences_preferencechange"
# What a row says by itself.
_CAUSE = "hash_record_extended(row(source, mailing, reason, actor, evidence), 0)"
_MOVES = "state <> coalesce(replaced ->> 'state', 'default')"
_TAKES_BACK = """(state = 'out' AND (source = 'reinstatement'
                                OR source = 'undo' AND (topic_id IS NULL OR replaced ? 'restored')))"""
_IS_NEW = """cause IS DISTINCT FROM lag(cause) OVER own
             OR abs(extract(epoch FROM changed_at - lag(changed_at) OVER own)) >= 2"""
_PAUSES = "(paused_until IS NOT NULL AND paused_until IS DISTINCT FROM (replaced ->> 'paused_until')::date)"
# From which row on someone with very many is read. Of the last %(most)s rows before the stretch the first deed that is
# there from its beginning begins at `begins`, the last one at `ends`. A topic is asked for if it moves in the latter or
# later. Where someone came back to it between the two and has left it again, all that was before is decided: a leaving
# has come to that return at the latest, which nothing takes back any more; and a later return is one from that leaving
# or a later one. Where one topic cannot show that, everything is read.
_START = f"""
    SELECT min(begins) AS start_id FROM (
        SELECT begins, bool_or(moves AND id >= ends) AS is_asked,
               bool_or(moves AND state <> 'out' AND id >= begins AND id < ends
                       AND next_leaves AND next_id < first_id) AS is_decided
        FROM (
            SELECT *, lead(id) OVER same AS next_id, lead(state = 'out' AND NOT takes_back) OVER same AS next_leaves
            FROM (
                SELECT *, min(id) FILTER (WHERE is_new AND id > far_id AND id < first_id) OVER () AS begins,
                       max(id) FILTER (WHERE is_new AND id > far_id AND id < first_id) OVER () AS ends
                FROM (
                    SELECT *, {_IS_NEW} AS is_new
                    FROM (
                        SELECT id, topic_id, state, changed_at, far_id, first_id, {_MOVES} AS moves,
                               {_TAKES_BACK} AS takes_back, {_CAUSE} AS cause
                        FROM {_CHANGES}
                        WHERE recipient_id = asked.recipient_id AND id >= far_id AND (xid, id) <= (%(xid)s, %(id)s)
                    ) AS row
                    WINDOW own AS (ORDER BY id)
                ) AS numbered
            ) AS bounded
            WINDOW same AS (PARTITION BY topic_id, moves ORDER BY id)
        ) AS series
        GROUP BY topic_id, begins
    ) AS topic
    HAVING bool_and(is_decided IS TRUE OR is_asked IS FALSE)"""  # noqa: S608
_NEAR = f"""coalesce(CASE WHEN far_id IS NOT NULL THEN ({_START}) END, 0)"""
_FAR = f"""(
        SELECT id FROM {_CHANGES} AS change
        WHERE change.recipient_id = touching.recipient_id AND id < first_id
          AND (xid, id) <= (%(after_xid)s, %(after_id)s)
        ORDER BY id DESC OFFSET %(most)s LIMIT 1
    )"""  # noqa: S608
# `moment` is where the rows end: with a sign, before the stretch and after it. A barrier is a suppression that is no
# person's word, after which nothing can be left any more; it stands with the row's number in one, so that the last one
# can be asked for by its maximum.
_BARRIER = "2 * id + (state = 'out' AND suppression <> 'everything')::int"
_ROWS = f"""
touching AS MATERIALIZED (
    SELECT recipient_id, min(id) AS first_id, bool_or(source IN ('preference_page', 'undo')) AS may_choose
    FROM {_CHANGES} WHERE {{which}} GROUP BY recipient_id
),
asked AS MATERIALIZED (SELECT *, {{far}} AS far_id FROM touching),
begun AS MATERIALIZED (SELECT *, {{start}} AS start_id FROM asked),
touched AS MATERIALIZED (
    SELECT recipient_id, start_id, CASE WHEN start_id > 0 THEN (
               SELECT {_BARRIER} FROM {_CHANGES} AS change
               WHERE change.recipient_id = begun.recipient_id AND id < start_id AND topic_id IS NULL
                 AND (xid, id) <= (%(xid)s, %(id)s)
               ORDER BY id DESC LIMIT 1
           ) END AS barrier_before,
           may_choose AND (
               SELECT true FROM {_CHANGES} AS change
               WHERE change.recipient_id = begun.recipient_id AND source = 'preference_page' LIMIT 1) AS chooses
    FROM begun
),
told AS MATERIALIZED (
    SELECT sign, id, recipient_id, brand_id, topic_id, channel, source, changed_at, state = 'out' AS is_out, moves,
           {_TAKES_BACK} AS takes_back, coalesce(replaced ->> 'state', '') = 'out' AS was_out,
           {_PAUSES} AS pauses, barrier_before,
           CASE WHEN topic_id IS NULL THEN {_BARRIER} END AS barrier, {_CAUSE} AS cause
    FROM touched
    JOIN {_CHANGES} AS change USING (recipient_id)
    CROSS JOIN LATERAL (SELECT {_MOVES}) AS step(moves)
    JOIN (VALUES {{moments}}) AS moment(sign, last_xid, last_id) ON (xid, id) <= (last_xid, last_id)
    WHERE id >= start_id
)"""  # noqa: S608
_DEEDS = f"""
numbered AS (
    SELECT *, count(*) FILTER (WHERE is_new) OVER own AS deed,
           coalesce(max(barrier) OVER (own ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
                    barrier_before) %% 2 = 1 AS is_barred
    FROM (
        SELECT *, {_IS_NEW} AS is_new
        FROM told
        WINDOW own AS (PARTITION BY sign, recipient_id ORDER BY id)
    ) AS row
    WINDOW own AS (PARTITION BY sign, recipient_id ORDER BY id)
),
moved AS (
    SELECT *, is_out AND NOT takes_back AS leaves,
           topic_id IS NOT NULL AND is_of_everything AS is_part,
           NOT is_out AND lead(takes_back) OVER same IS NOT TRUE AS comes_back
    FROM (
        SELECT *, bool_or(topic_id IS NULL AND moves) OVER together AS is_of_everything,
               bool_or(source = 'offer' AND pauses) OVER together AS is_paused
        FROM numbered
        WINDOW together AS (PARTITION BY sign, recipient_id, deed)
    ) AS deeds
    WHERE moves
    WINDOW same AS (PARTITION BY sign, recipient_id, topic_id ORDER BY id)
)"""  # noqa: S608
# What came of a leaving is the first return after it that was not taken back: its row's number and its kind in one.
_OUTCOMES = "ARRAY['put_back', 'undone', 'back', 'paused', 'fewer']"
_LEFT = f"""
    SELECT sign, brand_id, 'left' AS dimension, changed_at, topic_id, channel, source AS record,
           coalesce(({_OUTCOMES})[came %% 8], 'away') AS verdict, -1 AS age
    FROM (
        SELECT *, min(CASE WHEN comes_back THEN 8 * id + CASE
                               WHEN source = 'reinstatement' THEN 1 WHEN source = 'undo' THEN 2
                               WHEN source <> 'offer' THEN 3 WHEN is_paused THEN 4 ELSE 5 END END) OVER later AS came
        FROM moved
        WINDOW later AS (PARTITION BY sign, recipient_id, topic_id ORDER BY id DESC
                         ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
    ) AS gone
    WHERE leaves AND NOT is_part AND is_barred IS NOT TRUE"""  # noqa: S608
# It was away since the last leaving before: its row's number, and then when that was, in one.
_RETURNED = """
    SELECT sign, brand_id, 'returned', changed_at, topic_id, channel, source, '',
           CASE WHEN away < 3600 THEN 0 WHEN away < 86400 THEN 1 WHEN away < 604800 THEN 2 WHEN away < 2592000 THEN 3
                ELSE 4 END
    FROM (
        SELECT *, at - (max(ARRAY[id, at]) FILTER (WHERE leaves) OVER earlier)[2] AS away
        FROM moved CROSS JOIN LATERAL (SELECT extract(epoch FROM changed_at)) AS moment(at)
        WINDOW earlier AS (PARTITION BY sign, recipient_id, topic_id ORDER BY id)
    ) AS back
    WHERE comes_back AND was_out AND source <> 'reinstatement' AND NOT is_part"""
# A pause or fewer mails counts once for each recipient, topic and day, unless the page view that chose it was undone.
# Only a choice and an undo change that; then all of somebody's are read, however many rows lie between.
_KEPT = f"""
    SELECT * FROM (
        SELECT DISTINCT ON (sign, recipient_id, topic_id, choice, date_trunc('day', changed_at, %(zone)s))
               sign, brand_id, 'kept', changed_at, topic_id, channel, choice, '', -1
        FROM (
            SELECT *, max(CASE WHEN source = 'undo' THEN id END) OVER (
                       PARTITION BY sign, recipient_id, topic_id, visit) AS undone_id
            FROM (
                SELECT sign, id, recipient_id, brand_id, topic_id, channel, source, changed_at,
                       evidence -> 'visit' AS visit,
                       source = 'preference_page' AND state <> 'out' AND NOT {_MOVES} AS is_choice, {_PAUSES} AS pauses,
                       array_position(%(rarer)s::text[], coalesce(nullif(frequency, ''), 'every')::text)
                           > array_position(%(rarer)s::text[],
                                            coalesce(nullif(replaced ->> 'frequency', ''), 'every')) AS is_rarer
                FROM touched
                JOIN {_CHANGES} AS change USING (recipient_id)
                JOIN (VALUES {{moments}}) AS moment(sign, last_xid, last_id) ON (xid, id) <= (last_xid, last_id)
                WHERE chooses AND source IN ('preference_page', 'undo')
            ) AS chosen
        ) AS seen
        CROSS JOIN LATERAL (VALUES ('paused', pauses), ('fewer', is_rarer)) AS offered(choice, is_taken)
        WHERE is_choice AND is_taken AND (visit IS NULL OR undone_id IS NULL OR undone_id < id)
        ORDER BY sign, recipient_id, topic_id, choice, date_trunc('day', changed_at, %(zone)s), id
    ) AS taken"""  # noqa: S608
_FINE = f"""
    WITH {_ROWS}, {_DEEDS}
    SELECT brand_id, dimension, date_trunc('hour', changed_at, %(zone)s) AS start, '' AS mailing,
           coalesce(topic_id::text, '') AS value, channel, record, verdict, age, sum(sign) AS events
    FROM ({_LEFT} UNION ALL {_RETURNED} UNION ALL {_KEPT}) AS counted
    WHERE {{since}}
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
    HAVING sum(sign) <> 0
"""  # noqa: S608
_NEW = _FINE.format(
    which="(xid, id) > (%(after_xid)s, %(after_id)s) AND (xid, id) <= (%(xid)s, %(id)s)",
    far=_FAR,
    start=_NEAR,
    moments="(-1, %(after_xid)s, %(after_id)s), (1, %(xid)s, %(id)s)",
    since="true",
)
_STORED = _FINE.format(
    which="changed_at >= %(since)s AND (xid, id) <= (%(xid)s, %(id)s)",
    far="NULL::bigint",
    start="0",
    moments="(1, %(xid)s, %(id)s)",
    since="changed_at >= %(since)s",
)
MOST = 1_000  # rows before a stretch that are read of somebody who has more
_RARER = ["every", "daily", "weekly", "monthly"]  # from all mails to the fewest


def count_leavings(after: Place, to: Place) -> None:
    """Exchange what the recipients of the ledger's rows after one place up to another count: as they were for as they
    are now. In the caller's transaction."""
    between = {"after_xid": after.xid, "after_id": after.id, "xid": to.xid, "id": to.id}
    merge(_NEW, STORED, rarer=_RARER, most=MOST, **between)


def count_stored_leavings(since: datetime, to: Place, tables: Tables) -> None:
    """Count what happened from `since` on, with what has come of it by the rows up to `to`, into other tables."""
    merge(_STORED, tables, rarer=_RARER, since=since, xid=to.xid, id=to.id)


def sort_in_memory() -> None:
    """For the rest of the transaction, as far as the rows of a stretch go."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL work_mem = '64MB'")
