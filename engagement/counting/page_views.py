"""What came of page views: each is the request of the unsubscribe page, with the calls of its script and the press of
its button, by the number that they carry. It counts in the hour in which it began.

What came of one is told by words, each counted for itself:

    robot               a GET that looked like a robot's
    robot_left          such a one that ended with the recipient out all the same
    script_robot        a call of the script that looked like a robot's
    script_robot_left   such a one that ended with the recipient out
    asked               the button was shown
    asked_pressed       and pressed
    asked_needless      and not pressed, because a hand on the page made that needless
    script_<verdict>    by what was known when the script called last

Rows of one page view lie within a day, the life of the page's nonce. Each time one of them comes or is judged anew, the
view is read again from those that are counted, and its words are exchanged for what they were.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import connection

from engagement.counting.changes import STORED, Tables
from engagement.counting.position import Place
from engagement.counting.tallies import merge

_TABLE = """
CREATE TEMP TABLE IF NOT EXISTS counting_viewed (
    recipient_id uuid, visit bigint, brand_id bigint, channel text, mailing text, first_at timestamptz, results text,
    old_channel text, old_mailing text, old_first_at timestamptz, old_results text
) ON COMMIT DROP;
TRUNCATE counting_viewed;
"""
# Two days around what was gathered have all of a view; a day more than need be, for clocks that differ.
_VIEWED = """
INSERT INTO counting_viewed
SELECT asked.recipient_id, asked.visit, asked.brand_id, seen.channel, seen.mailing, seen.first_at, words.results,
       known.channel, known.mailing, known.first_at, COALESCE(known.results, '')
FROM (
    SELECT recipient_id, visit, min(brand_id) AS brand_id FROM counting_change WHERE visit IS NOT NULL GROUP BY 1, 2
) AS asked
LEFT JOIN {page_view} AS known ON known.recipient_id = asked.recipient_id AND known.visit = asked.visit
CROSS JOIN (
    SELECT min(occurred_at) - interval '2 days' AS first, max(occurred_at) + interval '2 days' AS last
    FROM counting_change WHERE visit IS NOT NULL
) AS span
CROSS JOIN LATERAL (
    SELECT min(occurred_at) AS first_at,
           (array_agg(channel ORDER BY occurred_at, id))[1] AS channel,
           (array_agg(mailing ORDER BY occurred_at, id))[1] AS mailing,
           bool_or(is_landing AND verdict = 'machine' AND facts -> 'request' ->> 'method' = 'GET') AS is_robot,
           bool_or(kind = 'arrive' AND verdict = 'machine') AS is_script_robot,
           bool_or(kind = 'arrive' AND answer = 'ask') AS is_asked,
           bool_or(kind = 'confirm') AS is_pressed,
           bool_or(kind = 'confirm' OR kind = 'arrive' AND answer = 'done') AS is_over,
           (array_agg(verdict ORDER BY occurred_at DESC, id DESC) FILTER (WHERE kind = 'arrive'))[1] AS last_verdict
    FROM engagement_interaction AS i CROSS JOIN LATERAL (SELECT kind IN ('visit', 'header_visit')) AS was(is_landing)
    WHERE i.recipient_id = asked.recipient_id AND i.visit = asked.visit
      AND kind IN ('visit', 'header_visit', 'arrive', 'confirm')
      AND i.occurred_at BETWEEN span.first AND span.last AND (i.xid, i.id) <= (%(xid)s, %(id)s)
) AS seen
CROSS JOIN LATERAL (SELECT concat_ws(' ',
    CASE WHEN is_robot THEN 'robot' END,
    CASE WHEN is_robot AND is_over THEN 'robot_left' END,
    CASE WHEN is_script_robot THEN 'script_robot' END,
    CASE WHEN is_script_robot AND is_over THEN 'script_robot_left' END,
    CASE WHEN is_asked THEN 'asked' END,
    CASE WHEN is_asked AND is_pressed THEN 'asked_pressed' END,
    CASE WHEN is_asked AND is_over AND NOT is_pressed THEN 'asked_needless' END,
    'script_' || last_verdict
)) AS words(results)
WHERE (words.results <> '' OR known.results IS NOT NULL)
  AND (known.first_at IS NULL OR known.first_at >= %(since)s)
  AND (seen.channel, seen.mailing, seen.first_at, words.results)
      IS DISTINCT FROM (known.channel, known.mailing, known.first_at, known.results)
"""
_DELETE = """
DELETE FROM {page_view} AS known USING counting_viewed AS gone
WHERE gone.results = '' AND known.recipient_id = gone.recipient_id AND known.visit = gone.visit
"""
_STORE = """
INSERT INTO {page_view} AS known (recipient_id, visit, brand_id, channel, mailing, first_at, results)
SELECT recipient_id, visit, brand_id, channel, mailing, first_at, results
FROM counting_viewed WHERE results <> ''
ORDER BY recipient_id, visit
ON CONFLICT (recipient_id, visit) DO UPDATE
SET channel = excluded.channel, mailing = excluded.mailing, first_at = excluded.first_at, results = excluded.results
"""
_FINE = """
    SELECT brand_id, cell.dimension, date_trunc('hour', at, %(zone)s) AS start, cell.mailing, '' AS value, told.channel,
           record, '' AS verdict, -1 AS age, sum(sign) AS events
    FROM counting_viewed AS viewed
    CROSS JOIN LATERAL (VALUES
        (-1, old_first_at, old_channel, old_mailing, old_results),
        (1, first_at, viewed.channel, viewed.mailing, results)
    ) AS told(sign, at, channel, mailing, results)
    CROSS JOIN LATERAL unnest(string_to_array(NULLIF(told.results, ''), ' ')) AS word(record)
    CROSS JOIN LATERAL (VALUES
        ('view', ''), (CASE WHEN told.mailing <> '' THEN 'mailview' END, told.mailing)
    ) AS cell(dimension, mailing)
    WHERE cell.dimension IS NOT NULL
    GROUP BY 1, 2, 3, 4, 5, 6, 7
    HAVING sum(sign) <> 0
"""


def look_at_views(counted: Place, tables: Tables = STORED, since: datetime | None = None) -> None:
    """Count the page views anew of which rows were gathered. With `since`, those that began before are left alone."""
    values = {"xid": counted.xid, "id": counted.id, "since": since or "-infinity"}
    _execute(_TABLE + _VIEWED, tables, **values)
    _execute(_DELETE, tables)
    _execute(_STORE, tables)
    merge(_FINE, tables)


def _execute(statement: str, tables: Tables, **values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement.format(page_view=tables.page_view), values or None)
