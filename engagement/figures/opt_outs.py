"""Opt-outs by door, as the counter has them of the ledger (engagement/counting/doors.py)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from engagement.figures.counted import Counted, TallyRow, tallies
from engagement.models import Dimension, Level
from preferences.models import Source

HOURLY_UP_TO = timedelta(days=3, hours=1)  # three days are 73 hours when a clock is put back
OF_PAGE = (Source.ARRIVAL, Source.CONFIRM_BUTTON)


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
    def counted(self) -> Counted:
        """The same of what is counted."""
        return Counted(self.start, self.end, self.brand_ids, self.channel, self.mailing)


@dataclass(frozen=True, slots=True)
class OptOuts:
    """Opt-outs through one door, or what put them back: topics, and how often people left (or came back), once for all
    that one leaves within an hour. A suppression has no topic."""

    source: Source
    topic_count: int
    count: int


def by_source(scope: Counted) -> list[OptOuts]:
    """Return the opt-outs by door, and what put some back (undo, reinstatement), the most first."""
    return by_door(doors(scope, "value", "record"))


def by_door(rows: Iterable[TallyRow]) -> list[OptOuts]:
    """The same of the counts of doors."""
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        found[row.value][row.record] += row.events
    sums = [OptOuts(Source(source), counts["topic"], counts["opt_out"]) for source, counts in found.items()]
    return sorted(sums, key=lambda row: (-row.count, -row.topic_count, row.source.value))


def doors(scope: Counted, *keys: str, unit: Level = Level.DAY) -> list[TallyRow]:
    """Return the counts of doors by keys: `value` is the source, `record` opt_out, topic or view."""
    return tallies(scope, Dimension.DOOR, *keys, unit=unit)
