"""Opt-outs by door, from the ledger's rows of a period, read by its index on brand and time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from preferences.models import Source

HOURLY_UP_TO = timedelta(days=3, hours=1)  # three days are 73 hours when a clock is put back


@dataclass(frozen=True, slots=True)
class Scope:
    """Which rows: from `start` up to `end`, of some brands and one mailing and channel or of all."""

    start: datetime
    end: datetime
    brand_ids: frozenset[int] | None = None
    mailing: str = ""
    channel: str = ""

    @property
    def is_hourly(self) -> bool:
        return self.end - self.start <= HOURLY_UP_TO

    @property
    def values(self) -> dict[str, Any]:
        """What the statements call it."""
        brands = None if self.brand_ids is None else sorted(self.brand_ids)
        period = {"start": self.start, "end": self.end}
        return period | {"brands": brands, "mailing": self.mailing, "channel": self.channel}


@dataclass(frozen=True, slots=True)
class OptOuts:
    """Opt-outs through one door, or what put them back: topics, and how many recipients of them there were (a
    suppression has no topic)."""

    source: Source
    topic_count: int
    recipient_count: int


# A final door that settles a provisional opt-out writes the ledger too; it is not an opt-out more. An undo that ends
# a suppression writes `out` for the topics that stay off.
_BY_SOURCE = """
SELECT source, sum(topics)::bigint, count(*)
FROM (
    SELECT source, recipient_id, count(topic_id) AS topics
    FROM preferences_preferencechange
    WHERE changed_at >= %(start)s AND changed_at < %(end)s
      AND CASE WHEN source IN ('undo', 'reinstatement') THEN state <> 'out' AND replaced ->> 'state' = 'out'
               ELSE state = 'out' AND replaced ->> 'state' IS DISTINCT FROM 'out' END
      AND (%(brands)s::bigint[] IS NULL OR brand_id = ANY(%(brands)s)) AND (%(mailing)s = '' OR mailing = %(mailing)s)
      AND (%(channel)s = '' OR channel = %(channel)s)
    GROUP BY source, recipient_id
) AS left_by
GROUP BY source
ORDER BY 3 DESC, 2 DESC, 1
"""


def by_source(scope: Scope) -> list[OptOuts]:
    """Return the opt-outs by door, and what put some back (undo, reinstatement), the most first."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL work_mem = '64MB'")  # a year's people stay in memory
        rows = rows_of(_BY_SOURCE, scope)
    return [OptOuts(Source(source), topics, recipients) for source, topics, recipients in rows]


def rows_of(statement: str, scope: Scope, **values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, scope.values | values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
