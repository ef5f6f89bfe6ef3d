"""How soon after sending they came: fine in the first minutes, where robots come, coarse in the days after."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence

from engagement.admin.chart import Column, draw_columns
from engagement.admin.dashboards.series import OF_CLICKS, PREFETCHED, WHO, is_of, spoken
from engagement.admin.tables import Row, Table, capital
from engagement.counting.ages import AGES, UNKNOWN, age_range
from engagement.figures.counted import Counted, TallyRow, tallies
from engagement.models import Dimension

_STEPS = "Each bar is the next, longer step of time: seconds at first, then minutes, hours and days."
_VISITS = ("visit", "header_visit")
_LEAST = AGES.index(3_600)  # what is drawn at least: the first hour
_UNITS = ((86_400, "day", "days"), (3_600, "h", "h"), (60, "min", "min"), (1, "s", "s"))


def paces(scope: Counted, *, has_opens: bool) -> tuple[Table, ...]:
    """Opens, where there can be any, clicks and visits of the unsubscribe page by the time since sending."""
    rows = tallies(scope, Dimension.PACE, "age", "record", "verdict")
    opens = pace("open-pace", "Opens, by the time after sending", ["open"], rows, tuple(WHO))
    return (
        *([opens] if has_opens else []),
        pace("click-pace", "Clicks, by the time after sending", ["click"], rows, OF_CLICKS),
        pace("visit-pace", "Visits of the unsubscribe page, by the time after sending", _VISITS, rows, OF_CLICKS),
    )


def pace(slug: str, title: str, kinds: Collection[str], rows: Sequence[TallyRow], who: Collection[str]) -> Table:
    counts: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for row in rows:
        if is_of(row.record, *kinds):
            counts[row.age][row.verdict] += row.events
    sums: Counter[str] = sum(counts.values(), Counter())
    last = max([_LEAST, *counts]) if counts else UNKNOWN
    ages = range(last + 1)
    columns = [
        Column(age_words(age), spoken(counts[age], who), tuple((one, counts[age][one]) for one in who)) for age in ages
    ]
    shown = [*ages, UNKNOWN] if UNKNOWN in counts else [*ages]
    return Table(
        slug,
        title,
        ("After", *(capital(WHO[one]) for one in who), "All"),
        tuple(_row(age, counts[age], who) for age in shown),
        Row("All", (*(sums[one] for one in who), sums.total())),
        _STEPS + (f" {PREFETCHED}" if "prefetched" in who else ""),
        "None yet.",
        legend=tuple((one, WHO[one]) for one in who),
        chart=draw_columns(columns, title=title, description=f"{spoken(sums, who)}.", slug=slug),
    )


def _row(age: int, counts: Counter[str], who: Collection[str]) -> Row:
    return Row(age_words(age), (*(counts[one] for one in who), sum(counts[one] for one in who)))


def age_words(age: int) -> str:
    """Return a class of ages in words, such as "5 to 10 s", "45 s to 1 min" or "90 days and later"."""
    if age == UNKNOWN:
        return "Not known"
    since, until = age_range(age)
    if until is None:
        return f"{_spoken(since)} and later"
    (start, unit), (end, other) = _parts(since), _parts(until)
    nobody = "\N{NO-BREAK SPACE}"
    if not since:
        return f"0 to {end}{nobody}{other}"
    return f"{start} to {end}{nobody}{other}" if unit == other else f"{start}{nobody}{unit} to {end}{nobody}{other}"


def _spoken(seconds: int) -> str:
    number, unit = _parts(seconds)
    return f"{number}\N{NO-BREAK SPACE}{unit}"


def _parts(seconds: int) -> tuple[int, str]:
    """In the largest unit that it is a whole number of."""
    size, one, many = next(unit for unit in _UNITS if not seconds % unit[0] and (seconds or unit[0] == 1))
    return seconds // size, one if seconds == size else many
