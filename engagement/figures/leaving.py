"""Who left, and who stayed: the figures of a period, from the ledger alone.

A *leaving* is one recipient who ends one topic, or everything, once. Whoever leaves everything ends its topics in the
same transaction; that is one leaving, of everything. What was put back by evidence (a robot ended it) is no leaving,
nor is what only takes a return back. So the leavings by topic, by door, by outcome and over time add up to one number.

Each statement (leaving_statements.py) reads the ledger's rows of the period, and for each leaving or return among them
the recipient's own rows by their index; nothing reads the ledger from the beginning.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import Enum
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from engagement.figures.leaving_statements import KEPT, LEFT, RETURNED
from preferences.models import Frequency, Source

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
    """How long someone was away who came back."""

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
        """The starts of all days, weeks or months of the period, in the current time zone."""
        return tuple(_pieces(timezone.localtime(self.start), self.end, self.unit))

    @property
    def values(self) -> dict[str, Any]:
        """What the statements call it."""
        return {
            "start": self.start,
            "end": self.end,
            "brands": None if self.brand_ids is None else sorted(self.brand_ids),
            "topic": self.topic_id,
            "everything": self.is_everything,
            "channel": self.channel,
        }


@dataclass(frozen=True, slots=True)
class Left:
    """How often a topic (None: everything) was left by one door, in one piece of the period, with one outcome."""

    brand_id: int
    topic_id: int | None
    door: Source
    outcome: Outcome
    start: datetime
    count: int


@dataclass(frozen=True, slots=True)
class Kept:
    """How many chose a pause or fewer mails of a topic (None: everything) on the preference page."""

    topic_id: int | None
    choice: Instead
    start: datetime
    count: int


@dataclass(frozen=True, slots=True)
class Returned:
    """How often someone who was out came back in one way, after how long."""

    topic_id: int | None
    way: Source
    away: Away
    start: datetime
    count: int


@dataclass(frozen=True, slots=True)
class Statistics:
    """`left` are leavings, by `person_count` recipients; `put_back_count` more were a robot's and not among them."""

    left: tuple[Left, ...]
    kept: tuple[Kept, ...]
    returned: tuple[Returned, ...]
    person_count: int
    put_back_count: int

    @property
    def is_empty(self) -> bool:
        return not (self.left or self.kept or self.returned or self.put_back_count)


def statistics(span: Span) -> Statistics:
    """Return the figures of `span`."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL work_mem = '64MB'")  # sorts of a year's leavings stay in memory
        left, person_count, put_back_count = _left(span)
        return Statistics(left, tuple(_kept(span)), tuple(_returned(span)), person_count, put_back_count)


def _left(span: Span) -> tuple[tuple[Left, ...], int, int]:
    """The leavings, of how many recipients they are, and how many more were put back."""
    left, person_count, put_back_count = [], 0, 0
    for brand_id, topic_id, door, came, start, count, persons, is_total in _rows(LEFT, span):
        if is_total:
            person_count = persons
        elif (outcome := Outcome(came)) is Outcome.PUT_BACK:
            put_back_count += count
        else:
            left.append(Left(brand_id, topic_id, Source(door), outcome, _piece(start, span), count))
    return tuple(left), person_count, put_back_count


def _kept(span: Span) -> Iterator[Kept]:
    for topic_id, choice, start, count in _rows(KEPT, span):
        yield Kept(topic_id, Instead(choice), _piece(start, span), count)


def _returned(span: Span) -> Iterator[Returned]:
    for topic_id, way, away, start, count in _rows(RETURNED, span):
        yield Returned(topic_id, Source(way), Away(away), _piece(start, span), count)


def _piece(start: datetime, span: Span) -> datetime:
    """The first week or month of a period begins with the period."""
    return timezone.localtime(max(start, span.start))


def _pieces(start: datetime, end: datetime, unit: str) -> Iterator[datetime]:
    while start < end:
        yield start
        start = timezone.make_aware(datetime.combine(_next(start.date(), unit), time.min))


def _next(day: date, unit: str) -> date:
    if unit == "day":
        return day + timedelta(days=1)
    if unit == "week":
        return day + timedelta(days=7 - day.weekday())
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1)


# From all mails to the fewest.
_RARER = [Frequency.EVERY, Frequency.DAILY, Frequency.WEEKLY, Frequency.MONTHLY]


def _rows(statement: str, span: Span) -> list[tuple[Any, ...]]:
    values = span.values | {
        "unit": span.unit,
        "zone": str(timezone.get_current_timezone()),
        "rarer": [frequency.value for frequency in _RARER],
    }
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
