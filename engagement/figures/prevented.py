"""What robots would have done, and what people did: the figures of a period, from the stored rows.

Every query names a time range. A page view is one landing GET with its number; the script's calls and the button
carry the same number, at most a day later (the life of the page's nonce), so those are looked for until then.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import connection, transaction
from django.db.models import Sum
from django.utils import timezone

from engagement.figures.opt_outs import OptOuts, Scope, by_source, rows_of
from engagement.models import RecordingGap
from preferences.models import Source

NONCE_LIFE = timedelta(days=1)


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
    a press or by what the page saw later; the others are `prevented_count`, at the links of `recipient_count`."""

    found_count: int
    left_count: int
    recipient_count: int

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
            self.visits.total
            or self.script_runs.total
            or self.opt_outs
            or self.undone.recipient_count
            or self.reinstated.recipient_count
        )


def figures(scope: Scope) -> Figures:
    """Return the figures of `scope`."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL work_mem = '64MB'")  # sorts of a month's page views stay in memory
        return _figures(scope)


def _figures(scope: Scope) -> Figures:
    views = _page_views(scope)
    buckets = tuple(_buckets(scope))
    sources = {row.source: row for row in by_source(scope)}
    undone, reinstated = (sources.pop(source, OptOuts(source, 0, 0)) for source in (Source.UNDO, Source.REINSTATEMENT))
    return Figures(
        buckets=buckets,
        landings=Robots(*views[:3]),
        scripts=Robots(*views[3:6]),
        doubt=Doubt(*views[6:9]),
        opt_outs=tuple(sources.values()),
        undone=undone,
        reinstated=reinstated,
        delivered=_delivered(scope),
        visits=_sum(bucket.visits for bucket in buckets),
        script_runs=Verdicts(*views[9:12]),
        left=_left(scope),
        lost_count=_lost(scope),
    )


def _sum(parts: Iterable[Verdicts]) -> Verdicts:
    counts = [(part.human, part.unsure, part.machine) for part in parts]
    return Verdicts(*map(sum, zip(*counts, strict=True))) if counts else Verdicts()


_BUCKETS = """
SELECT date_trunc(%(unit)s, occurred_at, %(zone)s), count(*) FILTER (WHERE verdict = 'human'),
       count(*) FILTER (WHERE verdict = 'unsure'), count(*) FILTER (WHERE verdict = 'machine')
FROM engagement_interaction
WHERE occurred_at >= %(start)s AND occurred_at < %(end)s AND kind IN ('visit', 'header_visit')
  AND (%(brands)s::bigint[] IS NULL OR brand_id = ANY(%(brands)s)) AND (%(mailing)s = '' OR mailing = %(mailing)s)
  AND (%(channel)s = '' OR channel = %(channel)s)
GROUP BY 1
"""


def _buckets(scope: Scope) -> Iterator[Bucket]:
    unit = "hour" if scope.is_hourly else "day"
    zone = timezone.get_current_timezone()
    rows = rows_of(_BUCKETS, scope, unit=unit, zone=str(zone))
    counted = {start: Verdicts(*counts) for start, *counts in rows}
    for start in sorted({*_starts(scope), *counted}):
        yield Bucket(start.astimezone(zone), counted.get(start, Verdicts()))


def _starts(scope: Scope) -> Iterator[datetime]:
    """The starts of all hours or days in `scope`, also of those without a visit."""
    start = timezone.localtime(scope.start).replace(minute=0, second=0, microsecond=0)
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


# `calls` has one row for each page view that its script or its button told of; `is_over` says that at its end the
# recipient was out.
_PAGE_VIEWS = """
WITH calls AS MATERIALIZED (
    SELECT visit, (array_agg(recipient_id))[1] AS recipient_id,
           bool_or(kind = 'confirm') AS is_pressed,
           bool_or(kind = 'arrive' AND answer = 'done') AS is_done,
           bool_or(kind = 'confirm' OR answer = 'done') AS is_over,
           bool_or(kind = 'arrive' AND occurred_at < %(end)s AND answer = 'ask') AS is_asked,
           bool_or(kind = 'arrive' AND occurred_at < %(end)s AND verdict = 'machine') AS is_machine,
           (array_agg(verdict ORDER BY occurred_at DESC, id DESC)
               FILTER (WHERE kind = 'arrive' AND occurred_at < %(end)s))[1] AS last_verdict
    FROM engagement_interaction
    WHERE occurred_at >= %(start)s AND occurred_at < %(late)s AND kind IN ('arrive', 'confirm') AND visit IS NOT NULL
      AND (%(brands)s::bigint[] IS NULL OR brand_id = ANY(%(brands)s)) AND (%(mailing)s = '' OR mailing = %(mailing)s)
      AND (%(channel)s = '' OR channel = %(channel)s)
    GROUP BY visit
), landings AS (
    SELECT count(*), count(ended.visit), count(DISTINCT recipient_id) FILTER (WHERE ended.visit IS NULL)
    FROM engagement_interaction LEFT JOIN (SELECT visit FROM calls WHERE is_over) AS ended USING (visit)
    WHERE occurred_at >= %(start)s AND occurred_at < %(end)s AND kind IN ('visit', 'header_visit')
      AND verdict = 'machine' AND facts -> 'request' ->> 'method' = 'GET'
      AND (%(brands)s::bigint[] IS NULL OR brand_id = ANY(%(brands)s)) AND (%(mailing)s = '' OR mailing = %(mailing)s)
      AND (%(channel)s = '' OR channel = %(channel)s)
), others AS (
    SELECT count(*) FILTER (WHERE is_machine),
           count(*) FILTER (WHERE is_machine AND is_over),
           count(DISTINCT recipient_id) FILTER (WHERE is_machine AND NOT is_over),
           count(*) FILTER (WHERE is_asked),
           count(*) FILTER (WHERE is_asked AND is_pressed),
           count(*) FILTER (WHERE is_asked AND is_done AND NOT is_pressed),
           count(*) FILTER (WHERE last_verdict = 'human'),
           count(*) FILTER (WHERE last_verdict = 'unsure'),
           count(*) FILTER (WHERE last_verdict = 'machine')
    FROM calls
)
SELECT * FROM landings, others
"""

_LEFT = """
SELECT count(*) FILTER (WHERE evidence ->> 'verdict' = 'human'),
       count(*) FILTER (WHERE evidence ->> 'verdict' IS NULL OR evidence ->> 'verdict' NOT IN ('human', 'machine')),
       count(*) FILTER (WHERE evidence ->> 'verdict' = 'machine')
FROM preferences_preferencechange
WHERE changed_at >= %(start)s AND changed_at < %(end)s AND topic_id IS NOT NULL
  AND source IN ('arrival', 'confirm_button') AND state = 'out' AND replaced ->> 'state' IS DISTINCT FROM 'out'
  AND (%(brands)s::bigint[] IS NULL OR brand_id = ANY(%(brands)s)) AND (%(mailing)s = '' OR mailing = %(mailing)s)
  AND (%(channel)s = '' OR channel = %(channel)s)
"""


def _page_views(scope: Scope) -> tuple[int, ...]:
    return rows_of(_PAGE_VIEWS, scope, late=scope.end + NONCE_LIFE)[0]


def _left(scope: Scope) -> Verdicts:
    return Verdicts(*rows_of(_LEFT, scope)[0])


# Without a mailing chosen, those that had a visit in the period: a sum over all times would compare nothing.
_DELIVERED = """
SELECT sum(delivered_count)::bigint, count(*), count(*) - count(delivered_count)
FROM engagement_mailing
WHERE (%(brands)s::bigint[] IS NULL OR brand_id = ANY(%(brands)s)) AND (%(channel)s = '' OR channel = %(channel)s)
  AND CASE WHEN %(mailing)s <> '' THEN slug = %(mailing)s ELSE (brand_id, slug) IN (
      SELECT DISTINCT brand_id, mailing FROM engagement_interaction
      WHERE occurred_at >= %(start)s AND occurred_at < %(end)s AND kind IN ('visit', 'header_visit')
        AND (%(brands)s::bigint[] IS NULL OR brand_id = ANY(%(brands)s)) AND (%(mailing)s = '' OR mailing = %(mailing)s)
        AND (%(channel)s = '' OR channel = %(channel)s)
  ) END
"""


def _delivered(scope: Scope) -> Delivered:
    return Delivered(*rows_of(_DELIVERED, scope)[0])


def _lost(scope: Scope) -> int:
    """Interactions that were not recorded for want of room in the recorder's queue, of whichever brand."""
    gaps = RecordingGap.objects.filter(started_at__lt=scope.end, ended_at__gte=scope.start)
    return gaps.aggregate(sum=Sum("lost_count"))["sum"] or 0
