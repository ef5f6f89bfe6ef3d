"""Sums of what came from each domain, network and agent, and how soon, a row for each day and month: in the order of
machines' events, of which the first ones are read."""

from __future__ import annotations

from django.db import connection

from engagement.counting.changes import STORED, Tables
from engagement.counting.origins import PACE, SUMS
from engagement.counting.periods import zone


def _each(form: str, between: str = ", ") -> str:
    """`form` once for each column."""
    return between.join(form.format(name=name, of=condition) for name, condition in SUMS.items())


_KEYS = "brand_id, dimension, level, start, channel, value"
# People count at domains alone. By the day first: these cells are few, and make those of months, too. A row that comes
# to nothing goes: counting again would not make it.
_MERGE = f"""
MERGE INTO {{ranking}} AS cell
USING (
    SELECT brand_id, dimension, level, date_trunc(level, day, %(zone)s) AS start, channel, value,
           {_each("sum({name})::bigint AS {name}")}
    FROM (
        SELECT brand_id, dimension, day, channel, value, {_each("sum(CASE WHEN {of} THEN sign ELSE 0 END) AS {name}")}
        FROM counting_change CROSS JOIN LATERAL (VALUES
            ('domain', NULLIF(domain, '')),
            ('network', CASE WHEN is_machine THEN NULLIF(network, '') END),
            ('agent', CASE WHEN is_machine THEN agent END),
            ('pace', CASE WHEN is_machine AND mailing <> '' THEN {PACE} END)
        ) AS origin(dimension, value)
        WHERE value IS NOT NULL
        GROUP BY 1, 2, 3, 4, 5
    ) AS days CROSS JOIN (VALUES ('day'), ('month')) AS levels(level)
    GROUP BY 1, 2, 3, 4, 5, 6
    HAVING {_each("sum({name}) <> 0", " OR ")}
    ORDER BY 1, 2, 3, 4, 5, 6
) AS added
ON cell.brand_id = added.brand_id AND cell.dimension = added.dimension AND cell.level = added.level
   AND cell.start = added.start AND cell.channel = added.channel AND cell.value = added.value
WHEN MATCHED AND {_each("cell.{name} + added.{name} = 0", " AND ")} THEN DELETE
WHEN MATCHED THEN UPDATE SET {_each("{name} = cell.{name} + added.{name}")}
WHEN NOT MATCHED THEN INSERT ({_KEYS}, {_each("{name}")})
    VALUES (added.brand_id, added.dimension, added.level, added.start, added.channel, added.value,
            {_each("added.{name}")})
"""  # noqa: S608


def rank(tables: Tables = STORED) -> None:
    """Add what was gathered, in the caller's transaction."""
    with connection.cursor() as cursor:
        cursor.execute(_MERGE.format(ranking=tables.ranking), {"zone": zone().key})
