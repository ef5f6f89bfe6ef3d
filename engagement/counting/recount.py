"""Counting again from the stored rows: to compare, or to put in the place of what was counted.

Everything is counted into tables of the transaction first, by the same statements; readers see the old figures until
the new ones are there. It holds the counter's lock, so nothing is counted meanwhile.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Max, Min
from django.utils import timezone

from engagement.counting.changes import STORED, Tables, gather_stored, look_up_by_index
from engagement.counting.doors import count_stored
from engagement.counting.origins import SUMS
from engagement.counting.page_views import look_at_views
from engagement.counting.periods import begin, following
from engagement.counting.position import Place, lock, place
from engagement.counting.scans import note_scans
from engagement.counting.tallies import add_events
from engagement.counting.touches import touch_new
from engagement.kept import nobody_since
from engagement.models import Dimension, Interaction, Level, Tally
from engagement.recording.partitions import PARTS
from preferences.models import PreferenceChange, Source

_SHOWN = 20  # differences of each table
_ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)
_NAMES = ("tally", "reach", "ranking", "touch", "page_view", "scanned")
_CELLS = 3  # the first ones have a start
_RECOUNTED = Tables(**{name: f"recounted_{name}" for name in _NAMES})
_PAIRS = [(getattr(STORED, name), getattr(_RECOUNTED, name)) for name in _NAMES]
_MONTH = re.compile(r"_(\d{4})_(\d{2})(?:_(\w+))?$")


@dataclass(frozen=True, slots=True)
class Difference:
    """A cell of a table that counts otherwise than its rows: None where there is no cell. `is_excess`: nothing in it is
    less than what is stored, and something more, which may be of somebody who was erased since."""

    table: str
    cell: str
    counted: int | None
    recounted: int | None
    is_excess: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a recount has found. `examples` are some of the differences; erasures explain excess, and that alone."""

    since: datetime | None
    row_count: int
    missing_count: int
    excess_count: int
    erasure_count: int
    examples: tuple[Difference, ...]

    @property
    def is_exact(self) -> bool:
        return not self.missing_count and (not self.excess_count or bool(self.erasure_count))


def covered_since(now: datetime | None = None) -> datetime | None:
    """Return the first month from which on all that was counted is still stored, and tells of whom; None where that is
    everything."""
    oldest = Tally.objects.filter(dimension=Dimension.BRAND, level=Level.MONTH).aggregate(start=Min("start"))["start"]
    if oldest is None:
        return None
    complete, known = _first_complete_month(), nobody_since(now or timezone.now())
    starts = [complete] if complete and oldest < begin(complete, Level.MONTH) else []
    starts += [known] if known and oldest < known else []
    return max((_month_after(start) for start in starts), default=None)


def _month_after(moment: datetime) -> datetime:
    month = begin(moment, Level.MONTH)
    return month if month == moment else following(month, Level.MONTH)


def _first_complete_month() -> datetime | None:
    months: defaultdict[datetime, set[str]] = defaultdict(set)
    with connection.cursor() as cursor:
        cursor.execute("SELECT relid::regclass::text FROM pg_partition_tree('engagement_interaction') WHERE isleaf")
        for (name,) in cursor.fetchall():
            if match := _MONTH.search(name):
                months[datetime(int(match[1]), int(match[2]), 1, tzinfo=UTC)].add(match[3] or "")
    lacking = [month for month, parts in months.items() if not parts >= set(PARTS) and "" not in parts]
    return _next_month(max(lacking)) if lacking else min(months, default=None)


def _next_month(month: datetime) -> datetime:
    return month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)


def compare(since: datetime | None, progress: Callable[[int], object] = int) -> Comparison:
    """Count again from the beginning of the month of `since` on, or everything, and compare. Changes nothing."""
    since = since and begin(since, Level.MONTH)
    with transaction.atomic():
        lock()
        count = _recount(since, progress)
        differences = [one for pair in _PAIRS[:_CELLS] for one in _differences(*pair, since or _ALWAYS)]
        differences += [] if since else [one for pair in _PAIRS[_CELLS:] for one in _differences(*pair, _ALWAYS)]
    excess = [one for one in differences if one.is_excess]
    erasures = PreferenceChange.objects.filter(source=Source.ERASURE, changed_at__gte=since or _ALWAYS).count()
    missing = [one for one in differences if not one.is_excess]
    examples = tuple(missing[:_SHOWN] + excess[:_SHOWN])
    return Comparison(since, count, len(missing), len(excess), erasures, examples)


def rebuild(since: datetime | None, progress: Callable[[int], object] = int) -> int:
    """Count again from the beginning of the month of `since` on, or everything, and let that be what is counted; return
    of how many rows. Erased people go from the figures."""
    since = since and begin(since, Level.MONTH)
    with transaction.atomic(), connection.cursor() as cursor:
        lock()
        count = _recount(since, progress)
        for stored, _ in _PAIRS[:_CELLS]:
            cursor.execute(f"DELETE FROM {stored} WHERE start >= %s", [since or _ALWAYS])  # noqa: S608
        if since is None:
            cursor.execute("TRUNCATE engagement_touch, engagement_pageview, engagement_scanned")
        else:
            cursor.execute("DELETE FROM engagement_touch; DELETE FROM engagement_pageview")
        for stored, recounted in _PAIRS if since is None else _PAIRS[:-1]:
            cursor.execute(f"INSERT INTO {stored} SELECT * FROM {recounted}")  # noqa: S608
    return count


# What a message got before then, it got first, and a page view that began before then counts there; only later rows
# are counted again.
_KEPT = """
INSERT INTO recounted_touch
SELECT recipient_id, mailing, act, link, brand_id, channel, topic, segment, first_at,
       CASE WHEN cleaned_at < %(since)s THEN cleaned_at END
FROM engagement_touch WHERE first_at < %(since)s;
INSERT INTO recounted_page_view SELECT * FROM engagement_pageview WHERE first_at < %(since)s;
"""


def _recount(since: datetime | None, progress: Callable[[int], object]) -> int:
    with connection.cursor() as cursor:
        for stored, recounted in _PAIRS:
            cursor.execute(f"DROP TABLE IF EXISTS pg_temp.{recounted}")
            cursor.execute(f"CREATE TEMP TABLE {recounted} (LIKE {stored} INCLUDING ALL) ON COMMIT DROP")
        if since:
            cursor.execute(_KEPT, {"since": since})
    count_stored(since or _ALWAYS, _RECOUNTED)
    counted, total = place(), 0
    span = Interaction.objects.filter(occurred_at__gte=since or _ALWAYS).aggregate(
        first=Min("occurred_at"), last=Max("occurred_at")
    )
    if span["first"] is None:
        return 0
    start = begin(span["first"], Level.DAY)
    look_up_by_index()
    while start <= span["last"]:
        end = start + timedelta(days=1)
        total += (count := _recount_day(start, end, counted, since))
        progress(count)
        start = end
    look_up_by_index(is_on=False)
    return total


def _recount_day(start: datetime, end: datetime, counted: Place, since: datetime | None) -> int:
    if count := gather_stored(start, end, counted):
        add_events(_RECOUNTED)
        touch_new(_RECOUNTED)
        look_at_views(counted, _RECOUNTED, since)
        note_scans(counted, _RECOUNTED)
    return count


_NUMBERS = {
    "engagement_tally": ("events",),
    "engagement_reach": ("messages",),
    "engagement_ranking": tuple(SUMS),
    "engagement_scanned": ("events",),
}
_DIFFERENCES = """
SELECT to_jsonb(stored)::text, to_jsonb(recounted)::text
FROM (SELECT * FROM {stored} WHERE {moment} >= %s) AS stored
FULL JOIN {recounted} AS recounted USING ({keys})
WHERE stored IS DISTINCT FROM recounted
LIMIT 100000
"""


def _differences(stored: str, recounted: str, since: datetime) -> list[Difference]:
    keys = _keys(stored)
    moment = "start" if "start" in keys else "first_at"
    statement = _DIFFERENCES.format(stored=stored, recounted=recounted, keys=", ".join(keys), moment=moment)
    found = []
    with connection.cursor() as cursor:
        cursor.execute(statement, [since])
        for texts in cursor.fetchall():
            was, now = (text and json.loads(text) for text in texts)
            found.append(
                _difference(stored, [str((was or now)[key]) for key in keys if key != "recipient_id"], was, now)
            )
    return found


def _difference(stored: str, cell: list[str], was: Any, now: Any) -> Difference:
    """With the first of its numbers that is not the same. What has none counts as one."""
    names = _NUMBERS.get(stored, ())
    counts = [((was[name] if was else 0), (now[name] if now else 0)) for name in names]
    unlike = next((name for name, (old, new) in zip(names, counts, strict=True) if old != new), "")
    cell += [unlike] if unlike and len(names) > 1 else []
    first, second = (row and (row[unlike] if unlike else 1) for row in (was, now))
    is_excess = all(old >= new for old, new in counts) if unlike else was is not None and now is None
    return Difference(stored.removeprefix("engagement_"), " ".join(cell), first, second, is_excess)


def _keys(table: str) -> list[str]:
    with connection.cursor() as cursor:
        return connection.introspection.get_primary_key_columns(cursor, table) or []
