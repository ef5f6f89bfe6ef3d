"""Opens, clicks and visits over time, by who it was, drawn as stacked bars."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.utils import timezone
from django.utils.formats import date_format

from engagement.admin.chart import Column, draw_columns
from engagement.admin.leaving_tables import piece_label
from engagement.admin.tables import Row, Table, capital
from engagement.figures.counted import Counted, TallyRow, tallies
from engagement.figures.leaving import Span
from engagement.figures.opt_outs import HOURLY_UP_TO
from engagement.models import Dimension, Level

# From the bottom of a bar up, with what it is in words.
WHO = {"human": "people", "unsure": "unsure", "prefetched": "prefetched", "machine": "robots"}
OF_CLICKS = ("human", "unsure", "machine")
PREFETCHED = (
    "“Prefetched” is a picture that Apple Mail or another program loaded by itself: it says nothing about a person, "
    "and is neither a person’s nor a robot’s."
)


@dataclass(frozen=True, slots=True)
class Pieces:
    """The hours, days, weeks or months that a period is shown in."""

    unit: str
    starts: tuple[datetime, ...]

    @classmethod
    def of(cls, scope: Counted) -> Pieces:
        if scope.end - scope.start > HOURLY_UP_TO:
            span = Span(scope.start, scope.end)
            return cls(span.unit, span.pieces)
        count = int((scope.end - scope.start) / timedelta(hours=1))
        first = scope.start.astimezone(UTC)
        return cls("hour", tuple(timezone.localtime(first + timedelta(hours=number)) for number in range(count)))

    @property
    def level(self) -> Level:
        return {"hour": Level.HOUR, "month": Level.MONTH}.get(self.unit, Level.DAY)

    def start_of(self, moment: datetime) -> datetime:
        """The beginning of the piece that the moment lies in."""
        return self.starts[max(bisect_right(self.starts, moment) - 1, 0)]

    def label(self, start: datetime) -> str:
        return date_format(start, "j M H:i") if self.unit == "hour" else piece_label(start, self.unit)

    def file_label(self, start: datetime) -> str:
        return start.isoformat(timespec="minutes") if self.unit == "hour" else start.date().isoformat()


def is_of(record: str, *kinds: str) -> bool:
    """Whether the record type is one of these kinds'."""
    return any(record == kind or record.startswith(f"{kind}_") for kind in kinds)


def events_over_time(scope: Counted, pieces: Pieces, dimension: Dimension = Dimension.BRAND) -> list[TallyRow]:
    """The rows for `over_time`."""
    return tallies(scope, dimension, "start", "record", "verdict", unit=pieces.level)


def over_time(
    slug: str,
    title: str,
    kind: str,
    rows: Sequence[TallyRow],
    pieces: Pieces,
    who: Collection[str] = tuple(WHO),
    help: str = "",
    empty: str = "Nothing in this period.",
) -> Table:
    """Events of a kind in each piece, by who it was; `title` is what they are called."""
    counts: defaultdict[datetime, Counter[str]] = defaultdict(Counter)
    for row in rows:
        if is_of(row.record, kind) and row.start:
            counts[pieces.start_of(row.start)][row.verdict] += row.events
    sums: Counter[str] = sum(counts.values(), Counter())
    columns = [_column(pieces.label(start), counts[start], who) for start in pieces.starts]
    title = f"{title}, each {pieces.unit}"
    return Table(
        slug,
        title,
        (capital(pieces.unit), *(capital(WHO[one]) for one in who), "All"),
        tuple(_row(pieces, start, counts[start], who) for start in pieces.starts) if sums else (),
        Row("All", (*(sums[one] for one in who), sums.total())),
        help,
        empty,
        legend=tuple((one, WHO[one]) for one in who),
        chart=draw_columns(
            columns, title=title, description=f"{spoken(sums, who)}. The table has each {pieces.unit}.", slug=slug
        ),
    )


def spoken(counts: Counter[str], who: Collection[str]) -> str:
    return ", ".join(f"{counts[one]:,} {WHO[one]}" for one in who)


def _column(label: str, counts: Counter[str], who: Collection[str]) -> Column:
    return Column(label, spoken(counts, who), tuple((one, counts[one]) for one in who))


def _row(pieces: Pieces, start: datetime, counts: Counter[str], who: Collection[str]) -> Row:
    cells = (*(counts[one] for one in who), sum(counts[one] for one in who))
    return Row(pieces.label(start), cells, file_label=pieces.file_label(start))
