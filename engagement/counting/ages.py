"""Classes of the time between sending and an event: fine where robots come, coarse later."""

from __future__ import annotations

from bisect import bisect_right

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400

# In seconds, where each class begins. The number of a class is its place here.
AGES = (
    *(0, 5, 10, 20, 30, 45),
    *(minute * _MINUTE for minute in (1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45)),
    *(hour * _HOUR for hour in (1, 2, 3, 6, 12)),
    *(day * _DAY for day in (1, 2, 3, 7, 14, 30, 90)),
)
# Who scans, and how soon, needs no more than these; a class of them has the number of the class that begins with it.
COARSE = tuple(AGES.index(seconds) for seconds in (0, _MINUTE, 10 * _MINUTE, _HOUR, _DAY))
UNKNOWN = -1


def age_class(seconds: int | None) -> int:
    return UNKNOWN if seconds is None else bisect_right(AGES, seconds) - 1


def age_range(number: int) -> tuple[int, int | None]:
    """From when to when, in seconds after sending, the class `number` reaches; the last one has no end."""
    return AGES[number], AGES[number + 1] if number + 1 < len(AGES) else None
