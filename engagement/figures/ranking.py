"""What came from the domains, networks and programs of a long list in a period, and which have the most events of
machines.

A period is read as whole months and days (engagement/counting/rankings.py), each of them a list in order. What is first
in all of it is found by the threshold algorithm (Fagin, Lotem and Naor, "Optimal aggregation algorithms for
middleware", 2001): of each list only the top is read, the deeper the longer a value below could still be among the
first. So it is exact, and what it costs grows neither with the events nor with the length of the lists. Only where
thousands of values are alike all is read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from engagement.counting.origins import SUMS
from engagement.counting.periods import Piece, following, pieces
from engagement.figures.counted import Counted
from engagement.figures.scanning import Scanner, of_sums
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
    SELECT top.* FROM list CROSS JOIN LATERAL (
        SELECT array_agg(value) AS names, array_agg(events) AS numbers,
               CASE WHEN count(*) = %(depth)s THEN min(events) ELSE 0 END AS below
        FROM (SELECT value, events FROM engagement_ranking AS cell WHERE {_OF_LIST} AND events > 0
              ORDER BY events DESC, value LIMIT %(depth)s) AS one
    ) AS top
), bound AS (
    SELECT coalesce(sum(below), 0) AS below FROM head
), seen AS (
    SELECT value, sum(events) AS least, sum(events - below) + (SELECT below FROM bound) AS most
    FROM head CROSS JOIN LATERAL unnest(names, numbers) AS one(value, events) GROUP BY value
), threshold AS (
    SELECT coalesce((SELECT least FROM seen ORDER BY least DESC OFFSET %(limit)s - 1 LIMIT 1), 0) AS least
)
SELECT array_agg(value) FILTER (WHERE most >= threshold.least), count(*),
       min(bound.below) > 0 AND min(bound.below) >= min(threshold.least)
FROM seen, bound, threshold
"""  # noqa: S608
_ALL = f"""
SELECT value
FROM ({_LISTS}) AS list
CROSS JOIN LATERAL (SELECT * FROM engagement_ranking AS cell WHERE {_OF_LIST} AND events > 0 OFFSET 0) AS one
GROUP BY value ORDER BY sum(events) DESC, value COLLATE "C" LIMIT %(limit)s + 1
"""  # noqa: S608
# Each list is asked by the index (OFFSET keeps the planner from reading them all at once, with those of other times).
_SUMS = f"""
SELECT value, {", ".join(f"sum({name})::bigint" for name in SUMS)}
FROM ({_LISTS}) AS list
CROSS JOIN LATERAL (SELECT * FROM engagement_ranking AS cell WHERE {_OF_LIST} {{of_these}} OFFSET 0) AS one
GROUP BY value HAVING sum(events) > 0
ORDER BY sum(events) DESC, value COLLATE "C" LIMIT %(limit)s
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class First:
    """The first origins, the most first, and whether there are more."""

    origins: tuple[Scanner, ...] = ()
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
    """Return the `limit` origins with the most events of machines, or all that have any."""
    values = _values(scope, dimension, limit)
    with connection.cursor() as cursor:
        if limit is None:
            return First(_sums(cursor, values))
        for depth in _DEPTHS:
            # A list that goes on below its top has more values than are shown.
            cursor.execute(_TOPS, values | {"depth": max(depth, limit + 1)})
            names, count, is_open = cursor.fetchone()
            if not is_open:
                return First(_sums(cursor, values, names or []), count > limit)
        cursor.execute(_ALL, values)
        names = [name for (name,) in cursor.fetchall()]
        return First(_sums(cursor, values, names), len(names) > limit)


def named(scope: Counted, dimension: Dimension, names: Collection[str]) -> dict[str, Scanner]:
    """Return those of these origins that machines came from, by name."""
    with connection.cursor() as cursor:
        return {one.name: one for one in _sums(cursor, _values(scope, dimension, None), names)}


def _values(scope: Counted, dimension: Dimension, limit: int | None) -> dict[str, Any]:
    parts = buckets(scope)
    return {
        "brands": scope.brands,
        "dimension": dimension.value,
        "channels": [scope.channel] if scope.channel else [channel.value for channel in Channel],
        "levels": [level for level, _ in parts],
        "starts": [start for _, start in parts],
        "limit": limit,
    }


def _sums(cursor: Any, values: dict[str, Any], names: Collection[str] | None = None) -> tuple[Scanner, ...]:
    of_these = "" if names is None else "AND value = ANY(%(names)s)"
    cursor.execute(_SUMS.format(of_these=of_these), values | {"names": names and list(names)})
    return tuple(of_sums(name, dict(zip(SUMS, sums, strict=True))) for name, *sums in cursor.fetchall())
