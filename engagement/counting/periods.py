"""A period cut into whole months, days and hours of the server's time zone."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from django.conf import settings

from engagement.models import Level

_FINENESS = {Level.HOUR: 0, Level.DAY: 1, Level.MONTH: 2}


@dataclass(frozen=True, slots=True)
class Piece:
    """The buckets of one level that begin from `start` up to `end`."""

    level: Level
    start: datetime
    end: datetime


def zone() -> ZoneInfo:
    """Whose days are counted: the server's, whoever looks."""
    return ZoneInfo(settings.TIME_ZONE)


def begin(moment: datetime, level: Level) -> datetime:
    """The beginning of the month, day or hour of `moment`."""
    local = moment.astimezone(zone()).replace(minute=0, second=0, microsecond=0)
    if level == Level.HOUR:
        return local.astimezone(UTC)
    return local.replace(day=1 if level == Level.MONTH else local.day, hour=0, fold=0).astimezone(UTC)


def following(start: datetime, level: Level) -> datetime:
    """The beginning of the bucket after the one that begins at `start`."""
    longest = {Level.HOUR: timedelta(hours=1), Level.DAY: timedelta(hours=36), Level.MONTH: timedelta(days=32)}
    return begin(start + longest[level], level)


def pieces(
    start: datetime, end: datetime, finest: Level, coarsest: Level | None = None, cuts: Collection[datetime] = ()
) -> list[Piece]:
    """Cut the period into as few pieces as there can be. None is of a finer level than `finest` or of a coarser one
    than `coarsest`, and none reaches over a moment of `cuts`. Where there are no hours, the days of `start` and of
    `end` are taken whole."""
    start = begin(start, finest) if finest == Level.DAY else _rounded_up(start, finest)
    end = _rounded_up(end, finest)
    edges = [start, *sorted(cut for cut in cuts if start < cut < end), end]
    largest = _FINENESS[Level.MONTH if coarsest is None else Level(coarsest)]
    levels = [level for level in Level if _FINENESS[finest] <= _FINENESS[level] <= max(largest, _FINENESS[finest])]
    return [piece for first, last in pairwise(edges) for piece in _pieces(first, last, levels[::-1]) if first < last]


def _rounded_up(moment: datetime, level: Level) -> datetime:
    whole = begin(moment, level)
    return whole if whole == moment else following(whole, level)


def _pieces(start: datetime, end: datetime, levels: list[Level]) -> Iterator[Piece]:
    """Those of the coarsest level in the middle, and what is left of it on both sides by the finer ones."""
    level, *finer = levels
    first = begin(start, level)
    first = first if first == start else following(first, level)
    last = begin(end, level)
    if not finer:
        yield Piece(level, start, end)
    elif first >= last:
        yield from _pieces(start, end, finer)
    else:
        if start < first:
            yield from _pieces(start, first, finer)
        yield Piece(level, first, last)
        if last < end:
            yield from _pieces(last, end, finer)
