"""Geometry of the chart: shares of the width across, so that it fits any screen, and pixels upwards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle

from django.utils.formats import date_format

from engagement.prevented import Bucket, Verdicts

HEIGHT = 240
TOP = 12  # room for the label of the topmost line
VERDICTS = ("machine", "unsure", "human")  # from the bottom up
_MOST_TICKS = 5


@dataclass(frozen=True, slots=True)
class Part:
    """One verdict's share of a bar."""

    verdict: str
    y: str
    height: str


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
    bars: tuple[Bar, ...]
    lines: tuple[Line, ...]
    ticks: tuple[Tick, ...]
    height: int = HEIGHT


def draw(buckets: Sequence[Bucket], *, is_hourly: bool) -> Chart:
    top = scale_end(max((bucket.visits.total for bucket in buckets), default=0))
    step = 100 / max(len(buckets), 1)
    bars = tuple(
        Bar(
            x=f"{(index + 0.1) * step:.3f}%",
            width=f"{0.8 * step:.3f}%",
            parts=tuple(_parts(bucket.visits, top)),
            title=f"{moment_label(bucket, is_hourly=is_hourly)}: {spoken(bucket.visits)}",
        )
        for index, bucket in enumerate(buckets)
    )
    lines = tuple(Line(f"{_y(value, top):.1f}", f"{value:,}") for value in sorted({0, top // 2, top}))
    return Chart(bars, lines, tuple(_ticks(buckets, is_hourly=is_hourly)))


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


def _parts(visits: Verdicts, top: int) -> Iterator[Part]:
    below = 0
    for verdict in VERDICTS:
        if count := getattr(visits, verdict):
            y, base = _y(below + count, top), _y(below, top)
            yield Part(verdict, f"{y:.2f}", f"{base - y:.2f}")
            below += count


def _ticks(buckets: Sequence[Bucket], *, is_hourly: bool) -> Iterator[Tick]:
    count = min(_MOST_TICKS, len(buckets))
    for number in range(count):
        index = round(number * (len(buckets) - 1) / max(count - 1, 1))
        anchor = "middle" if count == 1 else {0: "start", count - 1: "end"}.get(number, "middle")
        x = 100 * {"start": index, "middle": index + 0.5, "end": index + 1}[anchor] / len(buckets)
        yield Tick(f"{x:.3f}%", anchor, moment_label(buckets[index], is_hourly=is_hourly))


def moment_label(bucket: Bucket, *, is_hourly: bool) -> str:
    return date_format(bucket.start, "j M H:i" if is_hourly else "j M")


def spoken(visits: Verdicts) -> str:
    return f"{visits.human:,} human, {visits.unsure:,} unsure, {visits.machine:,} machine"


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of the funnel, drawn as a bar across."""

    name: str
    meaning: str
    verdicts: Verdicts
    parts: tuple[tuple[str, str, str], ...]  # verdict, x, width


def funnel(stages: Sequence[tuple[str, str, Verdicts]]) -> list[Stage]:
    """All bars on the scale of the longest; people are drawn first, so that they start from one line."""
    most = max((verdicts.total for _, _, verdicts in stages), default=0) or 1
    return [Stage(name, meaning, verdicts, tuple(_across(verdicts, most))) for name, meaning, verdicts in stages]


def _across(verdicts: Verdicts, most: int) -> Iterator[tuple[str, str, str]]:
    before = 0
    for verdict in ("human", "unsure", "machine"):
        count = getattr(verdicts, verdict)
        if count:
            yield verdict, f"{100 * before / most:.3f}%", f"{100 * count / most:.3f}%"
        before += count
