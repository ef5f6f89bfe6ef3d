"""Who left, and who stayed: the figures of a period, as the counter has them (engagement/counting/leavings.py).

A *leaving* is one recipient who ends one topic, or everything, once. Whoever leaves everything ends its topics in the
same deed; that is one leaving, of everything. What was put back by evidence (a robot ended it) is no leaving, nor is
what only takes a return back. So the leavings by topic, by door, by outcome and over time add up to one number.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import Enum
from typing import Any

from engagement.counting.periods import zone
from engagement.figures.counted import Counted, TallyRow, tallies
from engagement.models import Dimension, Level
from preferences.models import Source

DAILY_UP_TO = timedelta(days=35, hours=1)  # a day more or less where a clock is changed
WEEKLY_UP_TO = timedelta(days=183, hours=1)


class Outcome(Enum):
    """What came of a leaving, up to today."""

    AWAY = "away"
    UNDONE = "undone"
    FEWER = "fewer"
    PAUSED = "paused"
    BACK = "back"
    PUT_BACK = "put_back"


class Instead(Enum):
    """What someone chose on the preference page rather than leaving."""

    PAUSED = "paused"
    FEWER = "fewer"


class Away(Enum):
    """How long someone was away who came back, in the order of the tallies' classes of `age`."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    LONGER = "longer"


@dataclass(frozen=True, slots=True)
class Span:
    """Which rows: from `start` up to `end`, of these brands (None: all), of one topic or of what ends everything, and
    of one channel or of all."""

    start: datetime
    end: datetime
    brand_ids: frozenset[int] | None = None
    topic_id: int | None = None
    is_everything: bool = False
    channel: str = ""

    @property
    def unit(self) -> str:
        """The pieces that the period is shown in."""
        length = self.end - self.start
        return "day" if length <= DAILY_UP_TO else "week" if length <= WEEKLY_UP_TO else "month"

    @property
    def pieces(self) -> tuple[datetime, ...]:
        """The starts of all days, weeks or months of the period, in the time zone that is counted in."""
        return tuple(_pieces(self.start.astimezone(zone()), self.end, self.unit))

    @property
    def counted(self) -> Counted:
        """The same of what is counted."""
        topics = frozenset({""}) if self.is_everything else frozenset({str(self.topic_id)}) if self.topic_id else None
        return Counted(self.start, self.end, self.brand_ids, self.channel, values=topics)


@dataclass(frozen=True, slots=True)
class Left:
    """How often a topic (None: everything) was left by one door, with one outcome."""

    brand_id: int
    topic_id: int | None
    door: Source
    outcome: Outcome
    count: int


@dataclass(frozen=True, slots=True)
class LeftAt:
    """How often anything was left in one piece of the period, with one outcome."""

    start: datetime
    outcome: Outcome
    count: int


@dataclass(frozen=True, slots=True)
class Kept:
    """How many chose a pause or fewer mails on the preference page, once for each topic and day."""

    start: datetime
    choice: Instead
    count: int


@dataclass(frozen=True, slots=True)
class Returned:
    """How often someone who was out came back in one way, after how long."""

    start: datetime
    way: Source
    away: Away
    count: int


@dataclass(frozen=True, slots=True)
class Statistics:
    """`left` and `left_at` are the same leavings; `put_back_count` more were a robot's and not among them."""

    left: tuple[Left, ...]
    left_at: tuple[LeftAt, ...]
    kept: tuple[Kept, ...]
    returned: tuple[Returned, ...]
    put_back_count: int

    @property
    def is_empty(self) -> bool:
        return not (self.left or self.kept or self.returned or self.put_back_count)


def statistics(span: Span) -> Statistics:
    """Return the figures of `span`, up to where the ledger is counted."""
    rows = tallies(span.counted, Dimension.LEFT, "brand_id", "value", "record", "verdict")
    put_back = Outcome.PUT_BACK.value
    return Statistics(
        left=tuple(_left(row) for row in rows if row.verdict != put_back),
        left_at=tuple(
            LeftAt(start, Outcome(verdict), count)
            for (start, verdict), count in _over_time(span, Dimension.LEFT, "verdict").items()
            if verdict != put_back
        ),
        kept=tuple(
            Kept(start, Instead(choice), count)
            for (start, choice), count in _over_time(span, Dimension.KEPT, "record").items()
        ),
        returned=tuple(
            Returned(start, Source(way), list(Away)[age], count)
            for (start, way, age), count in _over_time(span, Dimension.RETURNED, "record", "age").items()
        ),
        put_back_count=sum(row.events for row in rows if row.verdict == put_back),
    )


def _left(row: TallyRow) -> Left:
    topic_id = int(row.value) if row.value else None
    return Left(row.brand_id, topic_id, Source(row.record), Outcome(row.verdict), row.events)


def _over_time(span: Span, dimension: Dimension, *keys: str) -> Counter[tuple[Any, ...]]:
    """The numbers of a dimension by the pieces of the period and by `keys`. Weeks are summed of days."""
    found: Counter[tuple[Any, ...]] = Counter()
    pieces = span.pieces
    for row in tallies(
        span.counted, dimension, "start", *keys, unit=Level.MONTH if span.unit == "month" else Level.DAY
    ):
        assert row.start is not None
        # The first week or month of a period begins with the period.
        piece = pieces[max(0, bisect_right(pieces, row.start) - 1)]
        found[piece, *(getattr(row, key) for key in keys)] += row.events
    return found


def _pieces(start: datetime, end: datetime, unit: str) -> Iterator[datetime]:
    while start < end:
        yield start
        start = datetime.combine(_next(start.date(), unit), time.min, zone())


def _next(day: date, unit: str) -> date:
    if unit == "day":
        return day + timedelta(days=1)
    if unit == "week":
        return day + timedelta(days=7 - day.weekday())
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1)
