"""Numbers of messages: when each first got an act, and in which cell of the reach it counts for that."""

from __future__ import annotations

from typing import Any

from django.db import connection

from engagement.counting.changes import STORED, Tables
from engagement.counting.periods import zone
from engagement.counting.position import Place

# What an interaction does to its message.
_ACTS = """
    SELECT change.sign, change.id, change.recipient_id, change.mailing, change.brand_id, change.channel, change.topic,
           change.segment, change.occurred_at, deed.act, deed.link, deed.is_cleaned
    FROM counting_change AS change CROSS JOIN LATERAL (VALUES
        (CASE WHEN kind IN ('visit', 'header_visit') THEN 'visit' WHEN kind = 'arrive' THEN 'script'
              WHEN kind IN ('open', 'click', 'conversion') THEN kind END, 0::bigint, is_cleaned),
        (CASE WHEN kind IN ('click', 'conversion') AND change.link <> 0 THEN kind END, change.link, is_cleaned),
        (CASE WHEN kind IN ('arrive', 'confirm', 'one_click') AND answer = 'done' THEN 'left' END, 0, is_cleaned),
        (CASE WHEN is_machine THEN 'scan' END, 0, false)
    ) AS deed(act, link, is_cleaned)
    WHERE deed.act IS NOT NULL AND change.mailing <> ''
"""
# The first moment is that of the least (moment, topic, segment), so that it does not depend on the order of counting.
_NEW = f"""
INSERT INTO counting_touched
SELECT found.recipient_id, found.mailing, found.act, found.link, found.brand_id, found.channel,
       touch.first_at, touch.cleaned_at, touch.topic, touch.segment,
       CASE WHEN is_first THEN found.occurred_at ELSE touch.first_at END,
       LEAST(touch.cleaned_at, found.cleaned_at),
       CASE WHEN is_first THEN found.topic ELSE touch.topic END,
       CASE WHEN is_first THEN found.segment ELSE touch.segment END
FROM (
    SELECT DISTINCT ON (recipient_id, mailing, act, link) *,
           min(occurred_at) FILTER (WHERE is_cleaned) OVER (PARTITION BY recipient_id, mailing, act, link) AS cleaned_at
    FROM ({_ACTS}) AS acts
    ORDER BY recipient_id, mailing, act, link, occurred_at, topic COLLATE "C", segment COLLATE "C"
) AS found
LEFT JOIN {{touch}} AS touch USING (recipient_id, mailing, act, link)
CROSS JOIN LATERAL (SELECT touch.first_at IS NULL OR (found.occurred_at, found.topic COLLATE "C",
    found.segment COLLATE "C") < (touch.first_at, touch.topic, touch.segment)) AS compared(is_first)
WHERE is_first OR LEAST(touch.cleaned_at, found.cleaned_at) IS DISTINCT FROM touch.cleaned_at
"""  # noqa: S608
# Of a revised row that did an act which counts otherwise now (`gained` 1 or -1). Where one that stood first is lost,
# the next is looked for among the rows that are counted; a scan's new first row, too, because it gives the message's
# topic and segment.
_REVISED = f"""
WITH turned AS (
    SELECT recipient_id, mailing, act, link, brand_id, channel, occurred_at,
           sum(CASE WHEN act = 'scan' OR is_cleaned THEN sign ELSE 0 END) AS gained
    FROM ({_ACTS}) AS acts
    GROUP BY id, recipient_id, mailing, act, link, brand_id, channel, occurred_at
), found AS (
    SELECT recipient_id, mailing, act, link, brand_id, channel,
           min(occurred_at) FILTER (WHERE gained > 0) AS gained_at,
           min(occurred_at) FILTER (WHERE gained < 0) AS lost_at
    FROM turned
    WHERE gained <> 0
    GROUP BY 1, 2, 3, 4, 5, 6
)
INSERT INTO counting_touched
SELECT found.recipient_id, found.mailing, found.act, found.link, found.brand_id, found.channel,
       touch.first_at, touch.cleaned_at, touch.topic, touch.segment,
       CASE WHEN act = 'scan' AND is_sought THEN seen.occurred_at ELSE touch.first_at END,
       CASE WHEN act = 'scan' THEN NULL WHEN is_sought THEN seen.occurred_at
            ELSE LEAST(touch.cleaned_at, gained_at) END,
       CASE WHEN act = 'scan' AND is_sought THEN seen.topic ELSE touch.topic END,
       CASE WHEN act = 'scan' AND is_sought THEN seen.segment ELSE touch.segment END
FROM found
LEFT JOIN {{touch}} AS touch USING (recipient_id, mailing, act, link)
CROSS JOIN LATERAL (SELECT CASE WHEN act = 'scan' THEN touch.first_at ELSE touch.cleaned_at END) AS known(stood_at)
CROSS JOIN LATERAL (SELECT COALESCE(lost_at <= stood_at, false)) AS compared(is_lost)
CROSS JOIN LATERAL (SELECT is_lost OR act = 'scan' AND COALESCE(gained_at <= stood_at, stood_at IS NULL))
    AS weighed(is_sought)
LEFT JOIN LATERAL (
    SELECT i.occurred_at, i.topic, i.segment
    FROM engagement_interaction AS i
    WHERE is_sought AND i.recipient_id = found.recipient_id AND i.mailing = found.mailing
      AND i.occurred_at >= LEAST(stood_at, gained_at)
      AND i.occurred_at <= CASE WHEN is_lost THEN 'infinity' ELSE LEAST(stood_at, gained_at) END
      AND (i.xid, i.id) <= (%(xid)s, %(id)s)
      AND CASE found.act
          WHEN 'scan' THEN i.verdict = 'machine' AND i.kind NOT IN ('one_click', 'conversion')
          WHEN 'visit' THEN i.kind IN ('visit', 'header_visit')
          WHEN 'script' THEN i.kind = 'arrive'
          WHEN 'left' THEN i.kind IN ('arrive', 'confirm', 'one_click') AND i.answer = 'done'
          ELSE i.kind = found.act AND (found.link = 0 OR i.link = found.link) END
      AND (act = 'scan' OR i.verdict IN ('human', 'unsure') OR i.kind IN ('one_click', 'conversion'))
    ORDER BY i.occurred_at, i.topic COLLATE "C", i.segment COLLATE "C"
    LIMIT 1
) AS seen ON true
WHERE touch.first_at IS NOT NULL OR act = 'scan'
"""  # noqa: S608
_STORE = """
INSERT INTO {touch} AS touch
    (recipient_id, mailing, act, link, brand_id, channel, topic, segment, first_at, cleaned_at)
SELECT recipient_id, mailing, act, link, brand_id, channel, topic, segment, first_at, cleaned_at
FROM counting_touched
WHERE first_at IS NOT NULL
ORDER BY recipient_id, mailing, act, link
ON CONFLICT (recipient_id, mailing, act, link) DO UPDATE
SET first_at = excluded.first_at, cleaned_at = excluded.cleaned_at, topic = excluded.topic, segment = excluded.segment
"""
_DELETE = """
DELETE FROM {touch} AS touch USING counting_touched AS gone
WHERE gone.first_at IS NULL AND touch.recipient_id = gone.recipient_id AND touch.mailing = gone.mailing
  AND touch.act = gone.act AND touch.link = gone.link
"""
_REACH = """
MERGE INTO {reach} AS cell
USING (
    SELECT brand_id, dimension, level, date_trunc(level, hour, %(zone)s) AS start, mailing, value, channel, act,
           is_cleaned, sum(messages)::bigint AS messages
    FROM (
        SELECT brand_id, dimension, hour, cell.mailing, value, channel, act, is_cleaned, sum(sign) AS messages
        FROM (
            SELECT brand_id, channel, act, link, mailing, move.topic, move.segment, is_cleaned, sign,
                   date_trunc('hour', at, %(zone)s) AS hour
            FROM counting_touched AS touched CROSS JOIN LATERAL (VALUES
                (-1, false, old_first_at, old_topic, old_segment), (-1, true, old_cleaned_at, old_topic, old_segment),
                (1, false, first_at, touched.topic, touched.segment),
                (1, true, cleaned_at, touched.topic, touched.segment)
            ) AS move(sign, is_cleaned, at, topic, segment)
            WHERE at IS NOT NULL
        ) AS moved
        CROSS JOIN LATERAL (VALUES
            (CASE WHEN link = 0 THEN 'brand' END, '', ''),
            (CASE WHEN link = 0 THEN 'mailing' ELSE 'link' END, moved.mailing,
             CASE WHEN link = 0 THEN '' ELSE link::text END),
            (CASE WHEN link = 0 AND segment <> '' THEN 'segment' END, moved.mailing, segment),
            (CASE WHEN link = 0 AND topic <> '' THEN 'topic' END, '', topic)
        ) AS cell(dimension, mailing, value)
        WHERE dimension IS NOT NULL
        GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
        HAVING sum(sign) <> 0
    ) AS fine
    CROSS JOIN (VALUES ('hour'), ('day'), ('month')) AS levels(level)
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
    HAVING sum(messages) <> 0
    ORDER BY 1, 2, 3, 4, 5, 6, 7, 8, 9
) AS added
ON cell.brand_id = added.brand_id AND cell.dimension = added.dimension AND cell.level = added.level
   AND cell.start = added.start AND cell.mailing = added.mailing AND cell.value = added.value
   AND cell.channel = added.channel AND cell.act = added.act AND cell.is_cleaned = added.is_cleaned
WHEN MATCHED AND cell.messages + added.messages = 0 THEN DELETE
WHEN MATCHED THEN UPDATE SET messages = cell.messages + added.messages
WHEN NOT MATCHED THEN INSERT (brand_id, dimension, level, start, mailing, value, channel, act, is_cleaned, messages)
    VALUES (added.brand_id, added.dimension, added.level, added.start, added.mailing, added.value, added.channel,
            added.act, added.is_cleaned, added.messages)
"""


def touch_new(tables: Tables = STORED) -> None:
    """Let the rows that were gathered, all new, count for their messages."""
    _execute(_NEW, tables)
    _store(tables)


def touch_revised(counted: Place, tables: Tables = STORED) -> None:
    """Let the rows that were gathered count for their messages as they are now, and no longer as they were."""
    _execute(_REVISED, tables, xid=counted.xid, id=counted.id)
    _execute(_DELETE, tables)
    _store(tables)


def _store(tables: Tables) -> None:
    _execute(_STORE, tables)
    _execute(_REACH, tables, zone=zone().key)


def _execute(statement: str, tables: Tables, **values: Any) -> None:
    statement = statement.format(touch=tables.touch, reach=tables.reach)
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)
