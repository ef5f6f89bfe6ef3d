"""Geometry of the chart: shares of the width across, so that it fits any screen, and pixels upwards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, cycle

from django.utils.formats import date_format

from engagement.figures.prevented import Bucket, Verdicts

HEIGHT = 240
TOP = 12  # room for the label of the topmost line
VERDICTS = ("machine", "unsure", "human")  # from the bottom up
_MOST_TICKS = 5


# Kinds differ in colour, and in a pattern for whom colours do not tell apart; the rest are plain.
PATTERNS = {"machine": "stripes", "unsure": "dots", "prefetched": "lines", "away": "stripes", "back": "dots"}


def pattern_of(kind: str) -> str:
    return PATTERNS.get(kind, "")


@dataclass(frozen=True, slots=True)
class Part:
    """One kind's share of an upright bar."""

    kind: str
    y: str
    height: str

    @property
    def pattern(self) -> str:
        return pattern_of(self.kind)


@dataclass(frozen=True, slots=True)
class Bar:
    x: str
    width: str
    parts: tuple[Part, ...]
    title: str


@dataclass(frozen=True, slots=True)
class Line:
    y: str
    label: str


@dataclass(frozen=True, slots=True)
class Tick:
    x: str
    anchor: str
    label: str


@dataclass(frozen=True, slots=True)
class Chart:
    """`title` and `description` are for whom cannot see it. `slug` tells it from others on the same page."""

    title: str
    description: str
    bars: tuple[Bar, ...]
    lines: tuple[Line, ...]
    ticks: tuple[Tick, ...]
    slug: str = "chart"
    height: int = HEIGHT


@dataclass(frozen=True, slots=True)
class Column:
    """One bar to draw upright: its name, what it says in words, and the counts of its kinds from the bottom up."""

    label: str
    words: str
    counts: tuple[tuple[str, int], ...]

    @property
    def total(self) -> int:
        return sum(count for _, count in self.counts)


def draw(buckets: Sequence[Bucket], *, is_hourly: bool) -> Chart:
    unit = "hour" if is_hourly else "day"
    sums = (sum(getattr(bucket.visits, verdict) for bucket in buckets) for verdict in reversed(VERDICTS))
    return draw_columns(
        [
            Column(
                moment_label(bucket, is_hourly=is_hourly),
                spoken(bucket.visits),
                tuple((verdict, getattr(bucket.visits, verdict)) for verdict in VERDICTS),
            )
            for bucket in buckets
        ],
        title=f"Visits by verdict, each {unit}",
        description=f"{spoken(Verdicts(*sums))}. The table has each {unit}.",
    )


def draw_columns(columns: Sequence[Column], *, title: str, description: str, slug: str = "chart") -> Chart:
    top = scale_end(max((column.total for column in columns), default=0))
    step = 100 / max(len(columns), 1)
    bars = tuple(
        Bar(
            x=f"{(index + 0.1) * step:.3f}%",
            width=f"{0.8 * step:.3f}%",
            parts=tuple(_parts(column.counts, top)),
            title=f"{column.label}: {column.words}",
        )
        for index, column in enumerate(columns)
    )
    lines = tuple(Line(f"{_y(value, top):.1f}", f"{value:,}") for value in sorted({0, top // 2, top}))
    return Chart(title, description, bars, lines, tuple(_ticks([column.label for column in columns])), slug)


def scale_end(most: int) -> int:
    """Return the first of 2, 4, 10, 20, 40, 100, ... that is not below `most`: it and its half are round."""
    end = 2
    for factor in cycle((4, 5, 4)):
        if end >= most:
            break
        end = end * factor // 2
    return end


def _y(value: float, top: int) -> float:
    return HEIGHT - (HEIGHT - TOP) * value / top


def _parts(counts: Sequence[tuple[str, int]], top: int) -> Iterator[Part]:
    below = 0
    for kind, count in counts:
        if count:
            y, base = _y(below + count, top), _y(below, top)
            yield Part(kind, f"{y:.2f}", f"{base - y:.2f}")
            below += count


def _ticks(labels: Sequence[str]) -> Iterator[Tick]:
    count = min(_MOST_TICKS, len(labels))
    for number in range(count):
        index = round(number * (len(labels) - 1) / max(count - 1, 1))
        anchor = "middle" if count == 1 else {0: "start", count - 1: "end"}.get(number, "middle")
        x = 100 * {"start": index, "middle": index + 0.5, "end": index + 1}[anchor] / len(labels)
        yield Tick(f"{x:.3f}%", anchor, labels[index])


def moment_label(bucket: Bucket, *, is_hourly: bool) -> str:
    return date_format(bucket.start, "j M H:i" if is_hourly else "j M")


def spoken(visits: Verdicts) -> str:
    return f"{visits.human:,} human, {visits.unsure:,} unsure, {visits.machine:,} machine"


@dataclass(frozen=True, slots=True)
class Piece:
    """One kind's share of a bar across."""

    kind: str
    x: str
    width: str

    @property
    def pattern(self) -> str:
        return pattern_of(self.kind)


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of the funnel, drawn as a bar across."""

    name: str
    meaning: str
    verdicts: Verdicts
    parts: tuple[Piece, ...]


def funnel(stages: Sequence[tuple[str, str, Verdicts]]) -> list[Stage]:
    """All bars on the scale of the longest; people are drawn first, so that they start from one line."""
    most = max((verdicts.total for _, _, verdicts in stages), default=0) or 1
    return [
        Stage(name, meaning, verdicts, across([(v, getattr(verdicts, v)) for v in reversed(VERDICTS)], most))
        for name, meaning, verdicts in stages
    ]


def across(counts: Sequence[tuple[str, int]], most: int) -> tuple[Piece, ...]:
    """A bar across, of these kinds from the start on, where `most` is the whole width."""
    befores = accumulate((count for _, count in counts), initial=0)
    return tuple(
        Piece(kind, f"{100 * before / most:.3f}%", f"{100 * count / most:.3f}%")
        for (kind, count), before in zip(counts, befores, strict=False)
        if count
    )
