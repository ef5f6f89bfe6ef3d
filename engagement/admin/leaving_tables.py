"""What the page of leaving shows: tables of numbers, each with what is drawn beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.utils.formats import date_format

from engagement.admin.chart import Column, across, draw_columns
from engagement.admin.tables import Row, Table, capital, share
from engagement.figures.leaving import Away, Instead, Left, LeftAt, Outcome, Returned, Span, Statistics
from engagement.figures.leaving_answers import Given
from preferences.leaving import BUILT_IN_REASONS
from preferences.models import LeavingReason, Source, Topic

# What an outcome comes to, from the start of a bar on. Saved is who took fewer mails or a pause.
KINDS = {"away": "stayed away", "saved": "saved", "back": "back again"}
_KIND_OF = {
    Outcome.AWAY: "away",
    Outcome.FEWER: "saved",
    Outcome.PAUSED: "saved",
    Outcome.UNDONE: "back",
    Outcome.BACK: "back",
}
_OUTCOMES = {
    Outcome.AWAY: "Stayed away",
    Outcome.FEWER: "Took fewer mails after leaving",
    Outcome.PAUSED: "Took a pause after leaving",
    Outcome.UNDONE: "Undid it",
    Outcome.BACK: "Came back later",
}
_INSTEAD = {
    Instead.FEWER: "Chose fewer mails instead of leaving",
    Instead.PAUSED: "Chose a pause instead of leaving",
}
_AWAY = {
    Away.HOUR: "Within an hour",
    Away.DAY: "Within a day",
    Away.WEEK: "Within 7 days",
    Away.MONTH: "Within 30 days",
    Away.LONGER: "Later",
}
_LEGEND = tuple(KINDS.items())


def kinds_of(cells: Iterable[Left | LeftAt]) -> Counter[str]:
    found: Counter[str] = Counter()
    for cell in cells:
        found[_KIND_OF[cell.outcome]] += cell.count
    return found


def outcomes(told: Statistics) -> Table:
    """Saved against left."""
    counts: Counter[Outcome | Instead] = Counter()
    for cell in told.left:
        counts[cell.outcome] += cell.count
    for kept in told.kept:
        counts[kept.choice] += kept.count
    rows = [(name, counts[outcome], _KIND_OF[outcome]) for outcome, name in _OUTCOMES.items()]
    rows += [(name, counts[choice], "saved") for choice, name in _INSTEAD.items()]
    most, total = max(count for _, count, _ in rows) or 1, sum(counts.values())
    return Table(
        "outcomes",
        "Saved against left",
        ("What they did", "Times", "Share"),
        tuple(Row(name, (n, share(n, total)), across([(kind, n)], most), n) for name, n, kind in rows),
        Row("All", (total, share(total, total))),
        "Who left is told by the first thing that came of it, up to today. Who chose fewer mails or a pause on the "
        "preference page had not left; they count once for each topic and day, unless they undid it.",
        legend=_LEGEND,
    )


def by_topic(told: Statistics, topics: Mapping[int, Topic], brands: Mapping[int, str]) -> Table:
    def name(key: tuple[int, int | None]) -> str:
        brand_id, topic_id = key
        topic = "Everything at once" if topic_id is None else topics[topic_id].name if topic_id in topics else "?"
        return f"{topic} ({brands.get(brand_id, '?')})" if len(brands) > 1 else topic

    return _split(
        "topics",
        "Left, by topic",
        "Topic",
        told.left,
        lambda cell: (cell.brand_id, cell.topic_id),
        name,
        help="Who leaves everything ends every topic; that is counted once, as everything.",
    )


def by_door(told: Statistics, url: Callable[[str], str]) -> Table:
    return _split(
        "doors",
        "Left, by door",
        "Through",
        told.left,
        lambda cell: cell.door,
        lambda door: capital(str(Source(door).label)),
        url=lambda door: url(Source(door).value),
        help="Through which door they left. The links lead to the ledger’s rows of that door; there, who leaves "
        "everything has a row for each topic.",
    )


def _split(
    slug: str,
    title: str,
    head: str,
    cells: Sequence[Left],
    key: Callable[[Left], Any],
    name: Callable[[Any], str],
    url: Callable[[Any], str] = lambda key: "",
    help: str = "",
) -> Table:
    """Leavings by whatever `key` says, each split by what came of them, the most first."""
    grouped: dict[Any, list[Left]] = {}
    for cell in cells:
        grouped.setdefault(key(cell), []).append(cell)
    found = [(name(key), kinds_of(own), url(key)) for key, own in grouped.items()]
    found.sort(key=lambda item: (-item[1].total(), item[0]))
    most = max((kinds.total() for _, kinds, _ in found), default=1)
    rows = tuple(_split_row(label, kinds, most, link) for label, kinds, link in found)
    total = kinds_of(cells)
    columns = (head, "Left", *(capital(words) for words in KINDS.values()))
    return Table(slug, title, columns, rows, _split_row("All", total, 0, ""), help, legend=_LEGEND)


def _split_row(label: str, kinds: Counter[str], most: int, url: str) -> Row:
    counts = [(kind, kinds[kind]) for kind in KINDS]
    pieces = across(counts, most) if most else ()
    return Row(label, (kinds.total(), *(count for _, count in counts)), pieces, kinds.total(), url)


def over_time(told: Statistics, span: Span) -> Table:
    left: dict[datetime, list[LeftAt]] = {}
    for cell in told.left_at:
        left.setdefault(cell.start, []).append(cell)
    kept, back = _sums(told.kept), _sums(told.returned)
    starts = sorted({*span.pieces, *left, *kept, *back})
    columns, rows = [], []
    for start in starts:
        kinds = kinds_of(left.get(start, []))
        counts = tuple((kind, kinds[kind]) for kind in KINDS)
        label = piece_label(start, span.unit)
        words = ", ".join(f"{kinds[kind]:,} {words}" for kind, words in KINDS.items())
        columns.append(Column(label, words, counts))
        numbers = (kinds.total(), *(n for _, n in counts), kept[start], back[start])
        rows.append(Row(label, numbers, file_label=start.date().isoformat()))
    sums = [sum(int(row.cells[index]) for row in rows) for index in range(6)]
    title = f"Left, each {span.unit}"
    return Table(
        "time",
        title,
        (capital(span.unit), "Left", *(capital(words) for words in KINDS.values()), "Chose less instead", "Came back"),
        tuple(rows),
        Row("All", tuple(sums)),
        "The bars are those who left, by when they left; “Came back” is by when they came back, whenever they left.",
        legend=_LEGEND,
        chart=draw_columns(columns, title=title, description=f"{sums[0]:,} in all. The table has each {span.unit}."),
    )


def _sums(cells: Iterable[Any]) -> Counter[datetime]:
    sums: Counter[datetime] = Counter()
    for cell in cells:
        sums[cell.start] += cell.count
    return sums


def piece_label(start: datetime, unit: str) -> str:
    return date_format(start, {"day": "j M", "week": "j M", "month": "M Y"}[unit]).replace(" ", "\N{NO-BREAK SPACE}")


def comebacks(told: Statistics) -> Table:
    grouped: dict[Source, list[Returned]] = {}
    for cell in told.returned:
        grouped.setdefault(cell.way, []).append(cell)
    found = sorted(((way, _by_away(own)) for way, own in grouped.items()), key=lambda item: (-item[1].total(), item[0]))
    most = max((counts.total() for _, counts in found), default=1)
    rows = tuple(
        Row(
            capital(str(way.label)),
            (counts.total(), *(counts[away] for away in _AWAY)),
            across([("back", counts.total())], most),
            counts.total(),
        )
        for way, counts in found
    )
    total = _by_away(told.returned)
    return Table(
        "comebacks",
        "Came back",
        ("By", "All", *_AWAY.values()),
        rows,
        Row("All", (total.total(), *(total[away] for away in _AWAY))),
        "Who came back in this period, whenever they had left, by the time that they were away.",
        "Nobody came back in this period.",
        legend=(("back", KINDS["back"]),),
    )


def _by_away(cells: Iterable[Returned]) -> Counter[Away]:
    counts: Counter[Away] = Counter()
    for cell in cells:
        counts[cell.away] += cell.count
    return counts


def reasons(found: Sequence[Given], brands: Mapping[int, str]) -> Table:
    """A brand's own reasons are its own; the built-in ones are the same for all brands."""
    own = {
        (reason.brand_id, reason.slug): reason.text
        for reason in LeavingReason.objects.filter(brand_id__in={given.brand_id for given in found})
    }
    counts: Counter[str] = Counter()
    for given in found:
        counts[_reason_name(given, own, brands)] += given.count
    total, most = counts.total(), max(counts.values(), default=1)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return Table(
        "reasons",
        "Reasons given",
        ("Reason", "Times", "Share"),
        tuple(Row(name, (n, share(n, total)), across([("saved", n)], most), n) for name, n in ordered),
        Row("All", (total, share(total, total))),
        "By who liked to answer, after leaving; by when they answered. Days older than 30 days are by UTC.",
        "Nobody gave a reason in this period.",
    )


def _reason_name(given: Given, own: Mapping[tuple[int, str], str], brands: Mapping[int, str]) -> str:
    if (text := own.get((given.brand_id, given.reason))) is not None:
        return f"{text} ({brands.get(given.brand_id, '?')})" if len(brands) > 1 else text
    if not given.reason:
        return "In their own words alone"
    return str(BUILT_IN_REASONS.get(given.reason, given.reason))
