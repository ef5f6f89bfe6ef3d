"""The first of a long list: the domains, networks or programs with the most events of machines in a period.

A period is read as whole months and days (engagement/counting/rankings.py), each of them a list in order. What is first
in all of it is found by the threshold algorithm (Fagin, Lotem and Naor, "Optimal aggregation algorithms for
middleware", 2001): of each list only the top is read, the deeper the longer a value below could still be among the
first. So it is exact, and what it costs grows neither with the events nor with the length of the lists. Only where
thousands of values are alike all is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from engagement.counting.periods import Piece, following, pieces
from engagement.figures.counted import Counted
from engagement.models import Dimension, Level
from preferences.links import Channel

_DEPTHS = (100, 1_000)  # what is read of each list, some times what a page shows; at last all

_LISTS = """
    SELECT brand_id, bucket.*, channel
    FROM unnest(%(brands)s::bigint[]) AS brand(brand_id),
         unnest(%(levels)s::text[], %(starts)s::timestamptz[]) AS bucket(level, start),
         unnest(%(channels)s::text[]) AS channel(channel)
"""
_OF_LIST = """cell.brand_id = list.brand_id AND cell.dimension = %(dimension)s AND cell.level = list.level
              AND cell.start = list.start AND cell.channel = list.channel"""
# A value has at least what its tops say, and at most as much more in the other lists as the last of their tops has.
_TOPS = f"""
WITH list AS ({_LISTS}), head AS (
    SELECT brand_id, level, start, channel, value, events,
           CASE WHEN count(*) OVER of_list = %(depth)s THEN min(events) OVER of_list ELSE 0 END AS below
    FROM list CROSS JOIN LATERAL (
        SELECT value, events FROM engagement_ranking AS cell WHERE {_OF_LIST}
        ORDER BY events DESC, value LIMIT %(depth)s
    ) AS top
    WINDOW of_list AS (PARTITION BY brand_id, level, start, channel)
), bound AS (
    SELECT coalesce(sum(below), 0) AS below
    FROM (SELECT DISTINCT brand_id, level, start, channel, below FROM head) AS lists
), seen AS (
    SELECT value, sum(events) AS least, sum(events) - sum(head.below) + bound.below AS most
    FROM head, bound GROUP BY value, bound.below
), threshold AS (
    SELECT coalesce((SELECT least FROM seen ORDER BY least DESC OFFSET %(limit)s - 1 LIMIT 1), 0) AS least
)
SELECT array_agg(value) FILTER (WHERE most >= threshold.least), count(*),
       min(bound.below) > 0 AND min(bound.below) >= min(threshold.least)
FROM seen, bound, threshold
"""  # noqa: S608
_SUMS = f"""
SELECT value, sum(events) AS events FROM ({_LISTS}) AS list
JOIN engagement_ranking AS cell ON {_OF_LIST} {{of_these}}
GROUP BY value ORDER BY 2 DESC, value COLLATE "C" LIMIT %(limit)s
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class First:
    """The first values, the most first, and whether there are more."""

    values: tuple[str, ...] = ()
    is_cut: bool = False


def buckets(scope: Counted) -> list[tuple[str, datetime]]:
    """Return the whole months and days of a period, each by its level and start."""
    cut = pieces(scope.start, scope.end, Level.DAY)
    return [(piece.level.value, start) for piece in cut for start in _starts(piece)]


def _starts(piece: Piece) -> Iterator[datetime]:
    start = piece.start
    while start < piece.end:
        yield start
        start = following(start, piece.level)


def first(scope: Counted, dimension: Dimension, limit: int | None) -> First:
    """Return the `limit` first of a dimension's values, or all of them."""
    parts = buckets(scope)
    values: dict[str, Any] = {
        "brands": scope.brands,
        "dimension": dimension.value,
        "channels": [scope.channel] if scope.channel else [channel.value for channel in Channel],
        "levels": [level for level, _ in parts],
        "starts": [start for _, start in parts],
        "limit": limit,
    }
    with connection.cursor() as cursor:
        for depth in _DEPTHS if limit else ():
            cursor.execute(_TOPS, values | {"depth": depth})
            named, count, is_open = cursor.fetchone()
            if not is_open:
                return First(
                    _sums(cursor, values | {"named": named or []}, "AND value = ANY(%(named)s)"), count > limit
                )
        found = _sums(cursor, values | {"limit": limit and limit + 1})
        return First(found[:limit], limit is not None and len(found) > limit)


def _sums(cursor: Any, values: dict[str, Any], of_these: str = "") -> tuple[str, ...]:
    cursor.execute(_SUMS.format(of_these=of_these), values)
    return tuple(value for value, _ in cursor.fetchall())
