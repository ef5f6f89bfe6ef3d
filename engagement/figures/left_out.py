"""When a brand leaves non-human interactions out of its figures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from engagement.models import CountingSwitch


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Non-human interactions are left out from `since` up to `until` (None: up to now)."""

    brand_id: int
    channel: str
    since: datetime
    until: datetime | None


def left_out(brand_ids: Collection[int], before: datetime) -> list[LeftOut]:
    """Return the times in which they are left out, as far as they begin before `before`.

    Of several switches that reach a moment the one decided last holds: each ends those that begin after it.
    """
    rows = CountingSwitch.objects.filter(brand_id__in=brand_ids, since__isnull=False)
    turns: defaultdict[tuple[int, str], list[tuple[datetime, bool]]] = defaultdict(list)
    for row in rows.order_by("decided_at", "id"):
        assert row.since
        earlier = turns[row.brand_id, row.channel]
        earlier[:] = [turn for turn in earlier if turn[0] < row.since] + [(row.since, row.leaves_out)]
    found = []
    for (brand_id, channel), steps in sorted(turns.items()):
        ends = [since for since, _ in steps[1:]] + [None]
        for (since, leaves_out), until in zip(steps, ends, strict=True):
            if leaves_out and since < before:
                found.append(LeftOut(brand_id, channel, since, until))
    return found


def is_left_out(brand_id: int, channel: str, moment: datetime) -> bool:
    return any(
        one.channel == channel and one.since <= moment and (one.until is None or moment < one.until)
        for one in left_out([brand_id], moment.max.replace(tzinfo=moment.tzinfo))
    )
