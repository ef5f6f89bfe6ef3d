"""The time zone whose hours, days and months are counted. What was counted in another one cannot be added to.

Its name stands among the positions. Where that is another name than `TIME_ZONE`, or none, the figures decide: two zones
whose days begin at the same moments are one to them.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Min

from engagement.counting.periods import begin
from engagement.counting.position import forget_ledger, lock
from engagement.counting.recount import rebuild
from engagement.models import Dimension, Level, Position, Ranking, Reach, Tally

_PREFIX = "zone:"
_FARTHEST = timedelta(hours=26)  # between two zones


class ZoneError(Exception):
    """The figures are those of another time zone; the message says what to do."""


def counted_zone() -> str:
    """Return the name of the zone that was counted in last; "" where none is known."""
    name = Position.objects.filter(name__startswith=_PREFIX).values_list("name", flat=True).first() or ""
    return name.removeprefix(_PREFIX)


def is_of_another_zone() -> bool:
    """Whether some of the figures are of days that are none in `TIME_ZONE`. Costs little where the name is the same."""
    if counted_zone() == settings.TIME_ZONE:
        return False
    days = Tally.objects.filter(dimension__in=[Dimension.BRAND, Dimension.DOOR], level=Level.DAY)
    return any(begin(start, Level.DAY) != start for start in days.values_list("start", flat=True).distinct())


def check_zone() -> None:
    """Keep the zone before something is counted in it. Raises ZoneError."""
    if counted_zone() == settings.TIME_ZONE:
        return
    if is_of_another_zone():
        raise ZoneError(
            f"The figures were counted in {counted_zone() or 'another time zone'}, and TIME_ZONE is now"
            f" {settings.TIME_ZONE}: their days are not the same. Run `manage.py count_interactions --rebuild` once, or"
            " set TIME_ZONE back. Until then nothing is counted."
        )
    _keep_zone()


def rebuild_in_zone(since: datetime | None, progress: Callable[[int], object] = int) -> int:
    """Rebuild from the month of `since` on, the earliest that can be, or everything; return the number of rows.

    From now on `TIME_ZONE` is counted in. Figures from before then keep the days of their zone, but for those of the
    ledger, which is stored whole: what comes of an old leaving has to find it where this zone has it.
    """
    since = since and begin(since, Level.MONTH)
    with transaction.atomic():
        lock()
        is_other = is_of_another_zone()
        if since and is_other:
            _drop_across(since)
        count = rebuild(since, progress)
        if is_other:
            forget_ledger()
        _keep_zone()
    return count


def _drop_across(since: datetime) -> None:
    """The other zone's month may have begun some hours before this one's: its days would count twice."""
    months = Tally.objects.filter(dimension=Dimension.BRAND, level=Level.MONTH)
    found = months.filter(start__gt=since - _FARTHEST, start__lt=since).aggregate(start=Min("start"))["start"]
    if found:
        for table in (Tally, Reach, Ranking):
            table._default_manager.filter(start__gte=found).delete()


def _keep_zone() -> None:
    name = _PREFIX + settings.TIME_ZONE
    Position.objects.bulk_create([Position(name=name)], ignore_conflicts=True)
    Position.objects.filter(name__startswith=_PREFIX).exclude(name=name).delete()
