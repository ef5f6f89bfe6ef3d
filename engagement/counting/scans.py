"""Whose mails robots open: how often, at how many messages, from when to when."""

from __future__ import annotations

from django.db import connection

from engagement.counting.changes import STORED, Tables
from engagement.counting.position import Place

# A recipient is of one brand. Where an edge of the time is lost, it is looked for among the rows that are counted.
_MERGE = """
MERGE INTO {scanned} AS stored
USING (
    SELECT found.*,
           CASE WHEN is_lost THEN edge.first_at ELSE LEAST(known.first_at, gained_from) END AS first_at,
           CASE WHEN is_lost THEN edge.last_at ELSE GREATEST(known.last_at, gained_until) END AS last_at
    FROM (
        SELECT brand_id, recipient_id, max(domain) AS domain, sum(gained)::bigint AS events,
               sum(messages)::bigint AS messages,
               min(occurred_at) FILTER (WHERE gained > 0) AS gained_from,
               max(occurred_at) FILTER (WHERE gained > 0) AS gained_until,
               min(occurred_at) FILTER (WHERE gained < 0) AS lost_from,
               max(occurred_at) FILTER (WHERE gained < 0) AS lost_until
        FROM (
            SELECT id, brand_id, recipient_id, domain, occurred_at, sum(sign) AS gained, 0 AS messages
            FROM counting_change WHERE is_machine
            GROUP BY 1, 2, 3, 4, 5
            HAVING sum(sign) <> 0
            UNION ALL
            SELECT NULL, brand_id, recipient_id, '', NULL, 0,
                   (first_at IS NOT NULL)::int - (old_first_at IS NOT NULL)::int
            FROM counting_touched WHERE act = 'scan'
        ) AS turned
        GROUP BY 1, 2
    ) AS found
    LEFT JOIN {scanned} AS known ON known.recipient_id = found.recipient_id
    CROSS JOIN LATERAL (
        SELECT COALESCE(lost_from <= known.first_at OR lost_until >= known.last_at, false)
    ) AS compared(is_lost)
    LEFT JOIN LATERAL (
        SELECT min(occurred_at) AS first_at, max(occurred_at) AS last_at
        FROM engagement_interaction AS i
        WHERE is_lost AND i.recipient_id = found.recipient_id AND i.verdict = 'machine'
          AND i.kind NOT IN ('one_click', 'conversion') AND (i.xid, i.id) <= (%(xid)s, %(id)s)
    ) AS edge ON true
) AS added
ON stored.recipient_id = added.recipient_id
WHEN MATCHED AND stored.events + added.events <= 0 THEN DELETE
WHEN MATCHED THEN UPDATE SET events = stored.events + added.events, messages = stored.messages + added.messages,
    first_at = added.first_at, last_at = added.last_at
WHEN NOT MATCHED AND added.events > 0 THEN
    INSERT (brand_id, recipient_id, domain, first_at, last_at, events, messages)
    VALUES (added.brand_id, added.recipient_id, added.domain, added.first_at, added.last_at, added.events,
            added.messages)
"""


def note_scans(counted: Place, tables: Tables = STORED) -> None:
    """Let the machines' rows that were gathered count for their recipients, after their messages were touched."""
    with connection.cursor() as cursor:
        cursor.execute(_MERGE.format(scanned=tables.scanned), {"xid": counted.xid, "id": counted.id})
