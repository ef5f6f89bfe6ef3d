"""The figures: sums over what is counted, whose cost does not grow with what is stored.

Whole months and days of a period are read as such, only its edges by the hour, so that a year costs a dozen rows for
each cell. Periods count by whole hours: an hour belongs to the period if it begins in it. docs/counting.md says what
is counted how.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.db import connection

from engagement.counting.periods import Piece, pieces, zone
from engagement.counting.position import counted_until
from engagement.figures.left_out import LeftOut, left_out
from engagement.models import Dimension, Level
from preferences.models import Brand

__all__ = ["Counted", "ReachRow", "TallyRow", "Which", "counted_until", "reaches", "tallies"]

CLEANED = ("human", "unsure")
UNJUDGED = ("one_click", "conversion")  # records that count whatever program made them
_RANKED = frozenset({Dimension.DOMAIN, Dimension.NETWORK, Dimension.AGENT})
_OF_MAILINGS = frozenset({Dimension.MAILING, Dimension.SEGMENT, Dimension.LINK, Dimension.PACE})
_BY_MAILING = {  # what is kept without mailings, and with them
    Dimension.BRAND: Dimension.MAILING,
    Dimension.DOOR: Dimension.MAIL_DOOR,
    Dimension.VIEW: Dimension.MAIL_VIEW,
}
_TALLY_KEYS = ("brand_id", "start", "mailing", "value", "channel", "record", "verdict", "age")
_REACH_KEYS = ("brand_id", "start", "mailing", "value", "channel", "act", "is_cleaned")


class Which(StrEnum):
    """Which events or messages: every one, those not by machines, or what each brand has chosen for each channel."""

    RAW = "raw"
    CLEANED = "cleaned"
    CHOSEN = "chosen"


@dataclass(frozen=True, slots=True)
class Counted:
    """What to sum: from `start` up to `end`, of some brands or all, of one channel, mailing or set of mailings, or of
    all. `values` narrows the dimension's value (a segment, a domain, a link's number as text)."""

    start: datetime
    end: datetime
    brand_ids: frozenset[int] | None = None
    channel: str = ""
    mailing: str = ""
    mailings: frozenset[str] | None = None
    values: frozenset[str] | None = None

    @property
    def named_mailings(self) -> list[str] | None:
        return [self.mailing] if self.mailing else None if self.mailings is None else sorted(self.mailings)

    @property
    def brands(self) -> list[int]:
        """Always by number: the tables are read by brand."""
        return list(Brand.objects.values_list("id", flat=True)) if self.brand_ids is None else sorted(self.brand_ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class TallyRow:
    """A number of events. What was not asked for by key has no meaning."""

    events: int
    brand_id: int = 0
    start: datetime | None = None
    mailing: str = ""
    value: str = ""
    channel: str = ""
    record: str = ""
    verdict: str = ""
    age: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class ReachRow:
    """A number of messages, each in the hour in which it got the act for the first time. What was not asked for by key
    has no meaning."""

    messages: int
    brand_id: int = 0
    start: datetime | None = None
    mailing: str = ""
    value: str = ""
    channel: str = ""
    act: str = ""
    is_cleaned: bool = False


def tallies(
    scope: Counted, dimension: Dimension, *keys: str, unit: Level = Level.DAY, which: Which = Which.RAW
) -> list[TallyRow]:
    """Return numbers of events by `keys`: brand_id, start, mailing, value, channel, record, verdict, age.

    `start` is the beginning of an hour, day or month, as `unit` says. A scope with mailings turns the dimensions brand,
    door and view into what is kept of them by mailing; raises ValueError for topics, which are not kept so. Domains,
    networks and agents have no tallies (figures/ranking.py).
    """
    _check(keys, _TALLY_KEYS)
    query = _Query("engagement_tally", "events", scope, dimension, keys, unit)
    if which is Which.CLEANED:
        query.add(_CLEANED, cleaned=list(CLEANED), unjudged=list(UNJUDGED))
    if which is Which.CHOSEN and query.split_at(out := left_out(scope.brands, scope.end)):
        query.add(f"({_CLEANED} OR NOT {_LEFT_OUT})", cleaned=list(CLEANED), unjudged=list(UNJUDGED), **_columns(out))
    return [TallyRow(**row) for row in query.rows()]


def reaches(
    scope: Counted, dimension: Dimension, *keys: str, unit: Level = Level.DAY, which: Which | None = None
) -> list[ReachRow]:
    """Return numbers of messages by `keys`: brand_id, start, mailing, value, channel, act, is_cleaned.

    There are such for the dimensions brand, mailing, segment, link and topic. Without `which`, ask for the key
    `is_cleaned`: a message that a person opened counts both raw and cleaned.
    """
    _check(keys, _REACH_KEYS)
    if which is None and "is_cleaned" not in keys:
        raise ValueError("Raw or cleaned? Name one, or the key is_cleaned.")
    query = _Query("engagement_reach", "messages", scope, dimension, keys, unit)
    if which in (Which.RAW, Which.CLEANED):
        query.add("is_cleaned = %(is_cleaned)s", is_cleaned=which is Which.CLEANED)
    if which is Which.CHOSEN:
        query.split_at(out := left_out(scope.brands, scope.end))
        query.add(f"is_cleaned = {_LEFT_OUT}", **_columns(out))
    return [ReachRow(**row) for row in query.rows()]


_CLEANED = "(verdict = ANY(%(cleaned)s) OR record = ANY(%(unjudged)s))"
_LEFT_OUT = """EXISTS (
    SELECT FROM unnest(%(out_brands)s::bigint[], %(out_channels)s::text[], %(out_from)s::timestamptz[],
                       %(out_until)s::timestamptz[]) AS left_out(brand_id, channel, since, until)
    WHERE left_out.brand_id = cell.brand_id AND left_out.channel = cell.channel AND cell.start >= since
      AND (until IS NULL OR cell.start < until))"""


def _columns(out: Collection[LeftOut]) -> dict[str, Any]:
    return {
        "out_brands": [one.brand_id for one in out],
        "out_channels": [one.channel for one in out],
        "out_from": [one.since for one in out],
        "out_until": [one.until for one in out],
    }


def _check(keys: Collection[str], known: Collection[str]) -> None:
    if unknown := set(keys) - set(known):
        raise ValueError(f"There is no key {', '.join(sorted(unknown))}; there are {', '.join(known)}.")


class _Query:
    """A sum over the pieces of a period. Every name in the statement is one of ours, every value a parameter."""

    def __init__(
        self, table: str, sum_of: str, scope: Counted, dimension: Dimension, keys: tuple[str, ...], unit: Level
    ) -> None:
        names = scope.named_mailings
        if names is not None:
            dimension = _BY_MAILING.get(dimension, dimension)
        if names is not None and dimension not in (*_OF_MAILINGS, *_BY_MAILING.values()):
            raise ValueError(f"{dimension.label} is not counted by mailing.")
        if dimension in _RANKED:
            raise ValueError(f"{dimension.label} has a ranking, and no tallies.")
        self._period = (scope.start, scope.end, Level.HOUR, unit if "start" in keys else None)
        self._pieces: list[Piece] = pieces(*self._period)
        self._table, self._sum_of, self._keys, self._unit = table, sum_of, keys, unit
        self._conditions: list[str] = []
        self._values: dict[str, Any] = {"brands": scope.brands, "dimension": dimension.value, "zone": zone().key}
        if names is not None:  # a mailing's index leaves out what has none
            self.add("mailing = ANY(%(mailings)s) AND mailing <> ''", mailings=names)
        if scope.channel:
            self.add("channel = %(channel)s", channel=scope.channel)
        if scope.values is not None:
            self.add("value = ANY(%(wanted)s)", wanted=sorted(scope.values))

    def add(self, condition: str, **values: Any) -> None:
        self._conditions.append(condition)
        self._values |= values

    def split_at(self, out: Collection[LeftOut]) -> bool:
        """No piece may reach over a day from which something else holds; return whether anything is left out."""
        moments = {moment for one in out for moment in (one.since, one.until) if moment}
        self._pieces = pieces(*self._period, moments)
        return bool(out)

    def rows(self) -> list[dict[str, Any]]:
        if not self._pieces or not self._values["brands"]:
            return []
        with connection.cursor() as cursor:
            cursor.execute(self._statement(), self._values)
            return [dict(zip((*self._keys, self._sum_of), row, strict=True)) for row in cursor.fetchall()]

    def _statement(self) -> str:
        columns = [f"date_trunc('{self._unit}', start, %(zone)s)" if key == "start" else key for key in self._keys]
        where = " AND ".join(["brand_id = ANY(%(brands)s)", "dimension = %(dimension)s", *self._conditions])
        parts = []
        for number, piece in enumerate(self._pieces):
            self._values |= {f"from{number}": piece.start, f"until{number}": piece.end}
            parts.append(
                f"SELECT * FROM {self._table} AS cell WHERE {where} AND level = '{piece.level}'"  # noqa: S608
                f" AND start >= %(from{number})s AND start < %(until{number})s"
            )
        groups = ", ".join(str(number) for number in range(1, len(columns) + 1))
        sums = ", ".join([*columns, f"sum({self._sum_of})::bigint"])
        end = f"GROUP BY {groups} ORDER BY {groups}" if columns else f"HAVING sum({self._sum_of}) IS NOT NULL"
        return f"SELECT {sums} FROM ({' UNION ALL '.join(parts)}) AS cells {end}"  # noqa: S608
