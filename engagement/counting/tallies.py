"""Numbers of events: from what was gathered (engagement/counting/changes.py) into the cells of the tallies. What
else is counted is merged into cells of its own."""

from __future__ import annotations

from typing import Any

from django.db import connection

from engagement.counting.changes import STORED, Tables
from engagement.counting.periods import zone
from engagement.counting.rankings import rank

# First by the hour; these cells are few, and make those of days and months.
_FINE = """
    SELECT brand_id, cell.dimension, cell.start, cell.mailing, cell.value, channel, record, verdict, cell.age,
           sum(sign) AS events
    FROM counting_change AS change CROSS JOIN LATERAL (VALUES
        ('brand', hour, '', '', -1),
        ('mailing', CASE WHEN change.mailing <> '' THEN hour END, change.mailing, '', -1),
        ('segment', CASE WHEN change.mailing <> '' AND segment <> '' THEN hour END, change.mailing, segment, -1),
        ('link', CASE WHEN change.mailing <> '' AND link IS NOT NULL THEN hour END, change.mailing, link::text, -1),
        ('topic', CASE WHEN topic <> '' THEN hour END, '', topic, -1),
        ('pace', CASE WHEN change.mailing <> '' THEN hour END, change.mailing, '', change.age)
    ) AS cell(dimension, start, mailing, value, age)
    WHERE cell.start IS NOT NULL
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
    HAVING sum(sign) <> 0
"""
# A cell that comes to nothing goes: counting again would not make it.
_MERGE = """
MERGE INTO {tally} AS cell
USING (
    SELECT brand_id, dimension, level, date_trunc(level, start, %(zone)s) AS start, mailing, value, channel, record,
           verdict, age::smallint AS age, sum(events)::bigint AS events
    FROM ({fine}) AS fine, (VALUES ('hour'), ('day'), ('month')) AS levels(level)
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
    HAVING sum(events) <> 0
    ORDER BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
) AS added
ON cell.brand_id = added.brand_id AND cell.dimension = added.dimension AND cell.level = added.level
   AND cell.start = added.start AND cell.mailing = added.mailing AND cell.value = added.value
   AND cell.channel = added.channel AND cell.record = added.record AND cell.verdict = added.verdict
   AND cell.age = added.age
WHEN MATCHED AND cell.events + added.events = 0 THEN DELETE
WHEN MATCHED THEN UPDATE SET events = cell.events + added.events
WHEN NOT MATCHED THEN INSERT (brand_id, dimension, level, start, mailing, value, channel, record, verdict, age, events)
    VALUES (added.brand_id, added.dimension, added.level, added.start, added.mailing, added.value, added.channel,
            added.record, added.verdict, added.age, added.events)
"""


def add_events(tables: Tables = STORED) -> None:
    """Add what was gathered, in the caller's transaction."""
    merge(_FINE, tables)
    rank(tables)


def merge(fine: str, tables: Tables, **values: Any) -> None:
    """Add what the statement `fine` yields, cells by the hour, to those and to the larger ones. `zone` is among its
    values."""
    with connection.cursor() as cursor:
        cursor.execute(_MERGE.format(tally=tables.tally, fine=fine), values | {"zone": zone().key})
