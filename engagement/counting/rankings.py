"""Numbers of machines' events by domain, network and agent, in the order of which the first ones are read."""

from __future__ import annotations

from django.db import connection

from engagement.counting.changes import STORED, Tables
from engagement.counting.periods import zone

_MERGE = """
MERGE INTO {ranking} AS cell
USING (
    SELECT brand_id, dimension, level, date_trunc(level, day, %(zone)s) AS start, channel, value,
           sum(sign)::bigint AS events
    FROM counting_change
    CROSS JOIN LATERAL (VALUES
        ('domain', NULLIF(domain, '')), ('network', NULLIF(network, '')), ('agent', agent)
    ) AS origin(dimension, value)
    CROSS JOIN (VALUES ('day'), ('month')) AS levels(level)
    WHERE is_machine AND value IS NOT NULL
    GROUP BY 1, 2, 3, 4, 5, 6
    HAVING sum(sign) <> 0
    ORDER BY 1, 2, 3, 4, 5, 6
) AS added
ON cell.brand_id = added.brand_id AND cell.dimension = added.dimension AND cell.level = added.level
   AND cell.start = added.start AND cell.channel = added.channel AND cell.value = added.value
WHEN MATCHED AND cell.events + added.events = 0 THEN DELETE
WHEN MATCHED THEN UPDATE SET events = cell.events + added.events
WHEN NOT MATCHED THEN INSERT (brand_id, dimension, level, start, channel, value, events)
    VALUES (added.brand_id, added.dimension, added.level, added.start, added.channel, added.value, added.events)
"""


def rank(tables: Tables = STORED) -> None:
    """Add the machines' events that were gathered, in the caller's transaction."""
    with connection.cursor() as cursor:
        cursor.execute(_MERGE.format(ranking=tables.ranking), {"zone": zone().key})
