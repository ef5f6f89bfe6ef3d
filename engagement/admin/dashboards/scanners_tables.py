"""The tables of the page "Who scans us"."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format

from engagement.admin.chart import Piece, across
from engagement.admin.tables import NOT_KNOWN, Row, Table, capital, share
from engagement.figures.scanned import gateways, has_gateways
from engagement.figures.scanning import COARSE_SOON, DEEDS, NEVER_SAID, SOON, SURE_SIGNS, Scanner
from engagement.models import Learned

_WORDS = {
    "0": "within 10 s",
    "10": "10 s to a minute",
    "60": "1 to 10 minutes",
    "600": "10 to 60 minutes",
    "3600": "1 to 24 hours",
    "86400": "later",
    NEVER_SAID: "not known",
}
_COARSE_WORDS = _WORDS | {"0": "within a minute"}
_LEGEND = (*((f"soon-{name}", _COARSE_WORDS[name]) for name in COARSE_SOON), ("unsure", "not known"))


def soon(found: Scanner, *, is_coarse: bool = False) -> Table:
    """`is_coarse`: a domain's classes of time."""
    words_of, shown = (_COARSE_WORDS, COARSE_SOON) if is_coarse else (_WORDS, SOON)
    total, most = found.soon.total(), max(found.soon.values(), default=0)
    return Table(
        "soon",
        "How soon they come after sending",
        ("After", "Robots’ events", "Share"),
        tuple(
            Row(
                capital(words),
                (found.soon[name], share(found.soon[name], total)),
                across([("machine", found.soon[name])], most),
                found.soon[name],
            )
            for name, words in words_of.items()
            if name in shown or found.soon[name]
        )
        if total
        else (),
        Row("All", (total, share(total, total))),
        "" if is_coarse else "Of the events at mailings that have a name.",
        "No robot came to a mailing that has a name.",
    )


def deeds(found: Scanner) -> Table:
    most = max(found.deeds.values(), default=0)
    return Table(
        "deeds",
        "What they do",
        ("What", "Robots’ events", "Share"),
        tuple(
            Row(
                words,
                (found.deeds[name], share(found.deeds[name], found.events)),
                across([("machine", found.deeds[name])], most),
                found.deeds[name],
            )
            for name, words in DEEDS.items()
        ),
        Row("All", (found.events, share(found.events, found.events))),
        _signs(found.signs),
    )


def _signs(signs: Counter[str]) -> str:
    """By what they were recognised, in a sentence."""
    agent, learned, behaviour = (signs[name] for name in SURE_SIGNS)
    return (
        f"Of clicks and visits, {agent:,} were by programs that say what they are, {learned:,} by learned ones, and "
        f"{behaviour:,} were recognised by what they did."
    )


def _bar(found: Scanner, most: int) -> tuple[Piece, ...]:
    counts = [(f"soon-{name}", found.soon[name]) for name in COARSE_SOON]
    return across([*counts, ("unsure", found.soon[NEVER_SAID])], most or 1)


def _cells(found: Scanner) -> tuple[int | str, ...]:
    """The columns that all origins have."""
    return (*(found.deeds[name] for name in DEEDS), *(found.soon[name] for name in (*COARSE_SOON, NEVER_SAID)))


_COLUMNS = (*DEEDS.values(), *(capital(_COARSE_WORDS[name]) for name in COARSE_SOON), "Time not known")


def domains(
    found: Sequence[Scanner],
    recipients: Mapping[str, int],
    url_of: Callable[[str], str] | None = None,
    *,
    is_cut: bool = False,
) -> Table:
    """`recipients` are those at whom robots were seen; `url_of` says where there is more of a domain."""
    known = gateways(one.name for one in found)
    most = found[0].events if found else 0
    return Table(
        "domains",
        "Domains of the recipients",
        (
            *("Domain", "Robots’ events", "Of all from there", "Recipients", *_COLUMNS),
            *(("Gateway",) if has_gateways() else ()),
        ),
        tuple(
            Row(
                one.name,
                (
                    *(one.events, share(one.events, one.everybody)),
                    *(recipients[one.name], *_cells(one)),
                    *((known.get(one.name, NOT_KNOWN),) if has_gateways() else ()),
                ),
                _bar(one, most),
                one.events,
                url_of(one.name) if url_of else "",
            )
            for one in found
        ),
        help="“Of all from there” is the share of robots among everything that this domain’s recipients, and robots at "
        f"them, did. Recipients are those at whom robots were seen.{_first(found, is_cut=is_cut)}",
        empty="No robot was seen at a mail domain in this period.",
        legend=_LEGEND,
        is_wide=True,
    )


def sources(
    slug: str, title: str, column: str, found: Sequence[Scanner], total: int, help: str = "", *, is_cut: bool = False
) -> Table:
    most = found[0].events if found else 0
    return Table(
        slug,
        title,
        (column, "Robots’ events", "Of all robots’", *_COLUMNS),
        tuple(
            Row(
                one.name or "(does not say)",
                (one.events, share(one.events, total), *_cells(one)),
                _bar(one, most),
                one.events,
            )
            for one in found
        ),
        help=help
        or f"Only robots’ {title.lower()} are counted, so that there is no share of people."
        f"{_first(found, is_cut=is_cut)}",
        empty="No robot came from anywhere in this period.",
        legend=_LEGEND,
        is_wide=True,
    )


def _first(found: Sequence[object], *, is_cut: bool) -> str:
    return f" Shown are the first {len(found)}; the file has all." if is_cut else ""


def learned(rows: Sequence[Learned], events: Mapping[str, int], count: int) -> Table:
    """The busiest first, of `count` in all."""
    most = max((events.get(row.value, 0) for row in rows), default=0)
    return Table(
        "learned",
        "Learned robots",
        ("Robot", "Kind", "Learned on", "State", "Robots’ events"),
        tuple(
            Row(
                row.value,
                (
                    str(row.get_kind_display()),
                    date_format(timezone.localtime(row.learned_at), "j M Y").replace(" ", "\N{NO-BREAK SPACE}"),
                    "refused" if row.is_refused else "in force",
                    events.get(row.value, 0),
                ),
                across([("machine", events.get(row.value, 0))], most or 1),
                events.get(row.value, 0),
                reverse("admin:engagement_learned_change", args=[row.pk]),
            )
            for row in rows
        ),
        help="In this period, of a program all versions together. A network whose owner is known is counted among the "
        f"networks, by the owner’s name.{_first(rows, is_cut=len(rows) < count)}",
        empty="Nothing has been learned yet. It is looked for once a week.",
        is_wide=True,
    )
