"""The statements of `engagement.leaving`, which says what a leaving is.

A row *moves* when it changes the state of a topic, or of everything, rather than settle it or set how often. An undo or
a reinstatement that restores `out` takes a return back: it is nobody's wish to leave.
"""

from __future__ import annotations

_MOVES = "state <> coalesce(replaced ->> 'state', 'default')"
_TAKES_BACK = """
    state = 'out' AND (source = 'reinstatement' OR source = 'undo' AND (topic_id IS NULL OR replaced ? 'restored'))"""
_OF_PERIOD = """
    changed_at >= %(start)s AND changed_at < %(end)s
    AND (%(brands)s::bigint[] IS NULL OR brand_id = ANY (%(brands)s::bigint[]))
    AND CASE WHEN %(everything)s THEN topic_id IS NULL ELSE %(topic)s::bigint IS NULL OR topic_id = %(topic)s END
    AND (%(channel)s = '' OR channel = %(channel)s)"""
_OF_THE_SAME = "recipient_id = moved.recipient_id AND topic_id IS NOT DISTINCT FROM moved.topic_id"

# What the recipient's rows about everything say of a topic's row: whether it is a part of one of them (that ended or
# lifted all in the same transaction), and whether the recipient was out of everything before.
# Each look-up is limited to one row, so that it is done by the recipient's index and never for the whole ledger.
_ABOVE = """
LEFT JOIN LATERAL (
    SELECT true AS is_part FROM preferences_preferencechange
    WHERE recipient_id = moved.recipient_id AND topic_id IS NULL AND moved.topic_id IS NOT NULL
      AND xid = moved.xid AND {moves} LIMIT 1
) AS above ON true"""
_BEFORE = """
LEFT JOIN LATERAL (
    SELECT state = 'out' AS is_out, suppression FROM preferences_preferencechange
    WHERE recipient_id = moved.recipient_id AND topic_id IS NULL AND moved.topic_id IS NOT NULL AND id < moved.id
    ORDER BY id DESC LIMIT 1
) AS before ON true"""

# `back` is the first return after a leaving that was not itself taken back.
_LEFT = """
SELECT moved.brand_id, topic_id, moved.source, outcome, date_trunc(%(unit)s, changed_at, %(zone)s) AS piece, count(*),
       count(DISTINCT recipient_id) FILTER (WHERE outcome <> 'put_back'), grouping(moved.source) = 1
FROM (
    SELECT * FROM preferences_preferencechange
    WHERE {of_period} AND state = 'out' AND {moves} AND NOT ({takes_back})
) AS moved
LEFT JOIN preferences_topic AS topic ON topic.id = topic_id
{above}
{before}
LEFT JOIN LATERAL (
    SELECT source, xid FROM (
        SELECT *, lead({takes_back}) OVER (ORDER BY id) AS is_taken_back FROM preferences_preferencechange
        WHERE {of_the_same} AND id > moved.id AND {moves}
    ) AS step
    WHERE state <> 'out' AND is_taken_back IS NOT TRUE
    ORDER BY id LIMIT 1
) AS back ON true
CROSS JOIN LATERAL (SELECT CASE
    WHEN back.source IS NULL THEN 'away'
    WHEN back.source = 'reinstatement' THEN 'put_back'
    WHEN back.source = 'undo' THEN 'undone'
    WHEN back.source <> 'offer' THEN 'back'
    WHEN EXISTS (
        SELECT FROM preferences_preferencechange
        WHERE recipient_id = moved.recipient_id AND id > moved.id AND xid = back.xid AND source = 'offer'
          AND paused_until IS NOT NULL AND paused_until IS DISTINCT FROM (replaced ->> 'paused_until')::date
    ) THEN 'paused' ELSE 'fewer' END) AS came (outcome)
WHERE is_part IS NULL
  AND (before.is_out IS NOT TRUE OR topic.is_required AND before.suppression = 'everything')
GROUP BY GROUPING SETS ((moved.brand_id, topic_id, moved.source, outcome, piece), ())
"""

# A pause or fewer mails counts once for each recipient and topic, unless the page view that chose it was undone.
_KEPT = """
SELECT topic_id, choice, date_trunc(%(unit)s, changed_at, %(zone)s), count(*)
FROM (
    SELECT DISTINCT ON (recipient_id, topic_id, choice) topic_id, choice, changed_at
    FROM (
        SELECT * FROM preferences_preferencechange
        WHERE {of_period} AND source = 'preference_page' AND state <> 'out' AND NOT {moves}
    ) AS moved
    CROSS JOIN LATERAL (VALUES
        ('paused', paused_until IS NOT NULL AND paused_until IS DISTINCT FROM (replaced ->> 'paused_until')::date),
        ('fewer', array_position(%(rarer)s, coalesce(nullif(frequency, ''), 'every')::text)
                  > array_position(%(rarer)s, coalesce(nullif(replaced ->> 'frequency', ''), 'every')))
    ) AS offered (choice, is_taken)
    WHERE is_taken AND NOT EXISTS (
        SELECT FROM preferences_preferencechange AS later
        WHERE {of_the_same} AND id > moved.id AND source = 'undo'
          AND later.evidence -> 'visit' = moved.evidence -> 'visit'
    )
    ORDER BY recipient_id, topic_id, choice, id
) AS kept
GROUP BY 1, 2, 3
"""

# `gone` is the leaving that a return ends.
_RETURNED = """
SELECT topic_id, source, away, date_trunc(%(unit)s, changed_at, %(zone)s), count(*)
FROM (
    SELECT topic_id, source, changed_at, CASE
        WHEN changed_at - gone.at < interval '1 hour' THEN 'hour'
        WHEN changed_at - gone.at < interval '24 hours' THEN 'day'
        WHEN changed_at - gone.at < interval '168 hours' THEN 'week'
        WHEN changed_at - gone.at < interval '720 hours' THEN 'month' ELSE 'longer' END AS away
    FROM (
        SELECT * FROM preferences_preferencechange
        WHERE {of_period} AND state <> 'out' AND replaced ->> 'state' = 'out' AND source <> 'reinstatement'
    ) AS moved
    {above}
    LEFT JOIN LATERAL (
        SELECT {takes_back} AS is_taken_back FROM preferences_preferencechange
        WHERE {of_the_same} AND id > moved.id AND {moves}
        ORDER BY id LIMIT 1
    ) AS next ON true
    LEFT JOIN LATERAL (
        SELECT changed_at AS at FROM preferences_preferencechange
        WHERE {of_the_same} AND id < moved.id AND state = 'out' AND {moves} AND NOT ({takes_back})
        ORDER BY id DESC LIMIT 1
    ) AS gone ON true
    WHERE is_part IS NULL AND next.is_taken_back IS NOT TRUE
) AS returned
GROUP BY 1, 2, 3, 4
"""

_PARTS = {"moves": _MOVES, "takes_back": _TAKES_BACK, "of_period": _OF_PERIOD, "of_the_same": _OF_THE_SAME}
_PARTS |= {"above": _ABOVE.format_map(_PARTS), "before": _BEFORE}
LEFT, KEPT, RETURNED = (statement.format_map(_PARTS) for statement in (_LEFT, _KEPT, _RETURNED))
