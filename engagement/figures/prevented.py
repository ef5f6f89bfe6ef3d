"""What robots would have done, and what people did: the figures of a period, as they are counted.

A page view is one landing GET with its number; the script's calls and the button carry the same number, at most a day
later. It counts in the hour in which it began, with all that came of it up to now (engagement/counting/page_views.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import connection
from django.db.models import Sum

from engagement.counting.periods import zone
from engagement.figures.counted import ReachRow, reaches, tallies
from engagement.figures.opt_outs import OF_PAGE, OptOuts, Scope, by_door, doors
from engagement.models import Act, Dimension, Level, RecordingGap
from preferences.models import Source

_LANDINGS = frozenset({"visit", "header_visit"})


@dataclass(frozen=True, slots=True)
class Verdicts:
    """One count for each verdict."""

    human: int = 0
    unsure: int = 0
    machine: int = 0

    @property
    def total(self) -> int:
        return self.human + self.unsure + self.machine


@dataclass(frozen=True, slots=True)
class Bucket:
    """The visits of the hour or day that begins at `start`, in the current time zone."""

    start: datetime
    visits: Verdicts


@dataclass(frozen=True, slots=True)
class Robots:
    """Page views that looked like a robot's. `left_count` of them ended with the recipient out all the same, by
    a press or by what the page saw later; the others are `prevented_count`. `message_count` is another number: messages
    at which only robots did it."""

    found_count: int
    left_count: int
    message_count: int

    @property
    def prevented_count(self) -> int:
        return self.found_count - self.left_count


@dataclass(frozen=True, slots=True)
class Doubt:
    """Page views that were shown the button. Then it was pressed, or presence made it needless."""

    asked_count: int
    pressed_count: int
    needless_count: int


@dataclass(frozen=True, slots=True)
class Delivered:
    """`count` is None when it is known of no mailing; else the sum over those of which it is known."""

    count: int | None
    mailing_count: int
    unknown_count: int


@dataclass(frozen=True, slots=True)
class Figures:
    buckets: tuple[Bucket, ...]
    landings: Robots
    scripts: Robots
    doubt: Doubt
    opt_outs: tuple[OptOuts, ...]
    undone: OptOuts
    reinstated: OptOuts
    delivered: Delivered
    visits: Verdicts
    script_runs: Verdicts
    left: Verdicts
    lost_count: int

    @property
    def is_empty(self) -> bool:
        return not (
            self.visits.total or self.script_runs.total or self.opt_outs or self.undone.count or self.reinstated.count
        )


def figures(scope: Scope) -> Figures:
    """Return the figures of `scope`."""
    buckets, views, alone = tuple(_buckets(scope)), _page_views(scope), _by_robots_alone(scope)
    found = doors(scope.counted, "value", "record", "verdict")
    sources = {row.source: row for row in by_door(found)}
    undone, reinstated = (sources.pop(source, OptOuts(source, 0, 0)) for source in (Source.UNDO, Source.REINSTATEMENT))
    left: Counter[str] = Counter()
    for row in found:
        left[row.verdict] += row.events if row.value in OF_PAGE and row.record == "topic" else 0
    return Figures(
        buckets=buckets,
        landings=Robots(views["robot"], views["robot_left"], alone[Act.VISIT]),
        scripts=Robots(views["script_robot"], views["script_robot_left"], alone[Act.SCRIPT]),
        doubt=Doubt(views["asked"], views["asked_pressed"], views["asked_needless"]),
        opt_outs=tuple(sources.values()),
        undone=undone,
        reinstated=reinstated,
        delivered=_delivered(scope),
        visits=_sum(bucket.visits for bucket in buckets),
        script_runs=Verdicts(views["script_human"], views["script_unsure"], views["script_machine"]),
        left=Verdicts(left["human"], left["unsure"], left["machine"]),
        lost_count=_lost(scope),
    )


def _sum(parts: Iterable[Verdicts]) -> Verdicts:
    counts = [(part.human, part.unsure, part.machine) for part in parts]
    return Verdicts(*map(sum, zip(*counts, strict=True))) if counts else Verdicts()


def _buckets(scope: Scope) -> Iterator[Bucket]:
    unit = Level.HOUR if scope.is_hourly else Level.DAY
    counted: dict[datetime, Counter[str]] = {start: Counter() for start in _starts(scope)}
    for row in tallies(scope.counted, Dimension.BRAND, "start", "record", "verdict", unit=unit):
        if row.start and _is_landing(row.record):
            counted.setdefault(row.start.astimezone(UTC), Counter())[row.verdict] += row.events
    for start in sorted(counted):
        found = counted[start]
        yield Bucket(start.astimezone(zone()), Verdicts(found["human"], found["unsure"], found["machine"]))


def _is_landing(record: str) -> bool:
    return record.partition("_machine_")[0] in _LANDINGS


def _starts(scope: Scope) -> Iterator[datetime]:
    """The starts of all hours or days in `scope`, also of those without a visit."""
    start = scope.start.astimezone(zone()).replace(minute=0, second=0, microsecond=0)
    if scope.is_hourly:
        start = start.astimezone(UTC)
        while start < scope.end:
            yield start
            start += timedelta(hours=1)
        return
    start = start.replace(hour=0)
    while start < scope.end:
        yield start.astimezone(UTC)
        start += timedelta(days=1)  # of the wall clock: midnight stays midnight


def _page_views(scope: Scope) -> Counter[str]:
    """How many page views there were of which each word holds."""
    return Counter({row.record: row.events for row in tallies(scope.counted, Dimension.VIEW, "record")})


def _by_robots_alone(scope: Scope) -> Counter[str]:
    """Messages at which no person did it, by act. Not below zero where robots came before the period and people in
    it."""
    found: Counter[str] = Counter()
    rows: list[ReachRow] = reaches(scope.counted, Dimension.BRAND, "act", "is_cleaned")
    for row in rows:
        found[row.act] += -row.messages if row.is_cleaned else row.messages
    return +found


# Without a mailing chosen, those that had a visit in the period: a sum over all times would compare nothing.
_DELIVERED = """
SELECT sum(delivered_count)::bigint, count(*), count(*) - count(delivered_count)
FROM engagement_mailing
WHERE (%(brands)s::bigint[] IS NULL OR brand_id = ANY(%(brands)s)) AND (%(channel)s = '' OR channel = %(channel)s)
  AND CASE WHEN %(mailing)s <> '' THEN slug = %(mailing)s ELSE (brand_id, slug) IN (
      SELECT * FROM unnest(%(visited_brands)s::bigint[], %(visited)s::text[])
  ) END
"""


def _delivered(scope: Scope) -> Delivered:
    visited = set() if scope.mailing else _visited(scope)
    values = {
        "brands": None if scope.brand_ids is None else sorted(scope.brand_ids),
        "channel": scope.channel,
        "mailing": scope.mailing,
        "visited_brands": [brand_id for brand_id, _ in visited],
        "visited": [slug for _, slug in visited],
    }
    with connection.cursor() as cursor:
        cursor.execute(_DELIVERED, values)
        return Delivered(*cursor.fetchone())


def _visited(scope: Scope) -> set[tuple[int, str]]:
    rows = tallies(scope.counted, Dimension.MAILING, "brand_id", "mailing", "record")
    return {(row.brand_id, row.mailing) for row in rows if _is_landing(row.record)}


def _lost(scope: Scope) -> int:
    """Interactions that were not recorded for want of room in the recorder's queue, of whichever brand."""
    gaps = RecordingGap.objects.filter(started_at__lt=scope.end, ended_at__gte=scope.start)
    return gaps.aggregate(sum=Sum("lost_count"))["sum"] or 0
