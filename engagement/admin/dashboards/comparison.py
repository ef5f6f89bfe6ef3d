"""What it would have been: the same visits at pages that leave on any request, by a bare script, or by a button."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from django.http import HttpRequest

from engagement.admin.chart import across
from engagement.admin.dashboards import mailings
from engagement.admin.dashboards.form import DashboardForm
from engagement.admin.dashboards.mailings import MOST_SHOWN, Sent
from engagement.admin.dashboards.pages import Dashboard, Shown
from engagement.admin.dashboards.state import From
from engagement.admin.dashboards.tiles import Reached, Tile, reached, single
from engagement.admin.tables import Row, Table, share
from engagement.figures.opt_outs import by_source
from engagement.models import Act
from preferences.models import Source

LEGEND = (("human", "people"), ("machine", "robots alone"))


@dataclass(frozen=True, slots=True)
class Way:
    """How many messages would have ended with an opt-out, of people or of robots alone; and how many more presses it
    would have taken of people."""

    name: str
    note: str
    people: int
    robots: int
    presses: int = 0

    @property
    def total(self) -> int:
        return self.people + self.robots


def ways(found: Reached, ledger: Counter[Source]) -> list[Way]:
    """`ledger` has the opt-outs by door: one-click works at every page, and what was put back did not stay."""
    left, one_click = found.cleaned[Act.LEFT], ledger[Source.ONE_CLICK]
    saved = max(ledger[Source.ARRIVAL] - ledger[Source.REINSTATEMENT], 0)  # what is put back was an arrival's
    slipped = max(found.by_robots_alone(Act.LEFT) - ledger[Source.REINSTATEMENT], 0)
    return [
        Way("As it was", "Farewell", left, slipped),
        _any("Opening is enough", "GET unsubscribes", found, Act.VISIT, one_click),
        _any("The script is enough", "on DOMContentLoaded, unchecked", found, Act.SCRIPT, one_click),
        Way("Always a button", "nobody leaves without a press", left, 0, saved),
    ]


def _any(name: str, note: str, found: Reached, act: Act, one_click: int) -> Way:
    return Way(name, note, found.cleaned[act] + one_click, found.by_robots_alone(act))


def build(request: HttpRequest, form: DashboardForm) -> Shown:
    found = reached(form.counted)
    ledger = Counter({row.source: row.count for row in by_source(form.counted)})
    found_ways = ways(found, ledger)
    sent = mailings.mailings(form.counted)
    tables = (table(found_ways), _mailings(sent, is_whole="csv" in request.GET, has_brands=len(form.brands) > 1))
    numbers = _numbers(found_ways, found.by_robots_alone(Act.LEFT))
    return Shown(tables, {"numbers": numbers}, is_empty=not any(way.total for way in found_ways))


def table(found: Sequence[Way]) -> Table:
    most = max((way.total for way in found), default=0) or 1
    return Table(
        "ways",
        "The same visits, four ways",
        ("Unsubscribe page", "Unsubscribed", "People", "Robots alone", "Robots’ share", "Presses more"),
        tuple(
            Row(
                way.name,
                (way.total, way.people, way.robots, share(way.robots, way.total), way.presses),
                across([("human", way.people), ("machine", way.robots)], most),
                way.total,
                note=way.note,
            )
            for way in found
        ),
        help="Messages that would have ended with an opt-out. “Robots alone” are those where no person did it.",
        legend=LEGEND,
    )


def _numbers(found: Sequence[Way], ended: int) -> list[Tile]:
    left, by_get, by_script, by_button = found
    return [
        single(
            "Unsubscribed by robots, if opening is enough",
            by_get.robots,
            f"{share(by_get.robots, by_get.total)} of all who would be gone. No person opened these pages.",
        ),
        single(
            "Unsubscribed by robots, if the script is enough",
            by_script.robots,
            f"{share(by_script.robots, by_script.total)} of all who would be gone. Scanners run scripts, too.",
        ),
        single(
            "Presses saved",
            by_button.presses,
            "Opt-outs by opening the page that stand, without a press more.",
        ),
        single(
            "Slipped through",
            left.robots,
            f"Robots alone ended {ended:,} at first; the others were put back by themselves.",
        ),
    ]


def _mailings(sent: Sequence[Sent], *, is_whole: bool, has_brands: bool) -> Table:
    found = [
        (one, ways(one.reached, Counter())) for one in sent if one.reached.raw[Act.VISIT] or one.reached.raw[Act.LEFT]
    ]
    found.sort(key=lambda item: (-item[1][1].robots, -item[1][1].total, item[0].slug))
    shown = found if is_whole else found[:MOST_SHOWN]
    cut = f" Shown are {MOST_SHOWN} of {len(found):,}; the file has all." if len(shown) < len(found) else ""
    return Table(
        "mailings",
        "By mailing",
        (
            *("Mailing", "Left, as it was", "If opening is enough", "of these robots"),
            *("If the script is enough", "of these robots"),
        ),
        tuple(_row(one, found_ways, has_brands=has_brands) for one, found_ways in shown),
        help="The mailing at which robots would have done the most stands first. One-click is in the first number "
        f"alone, which has what was put back, too.{cut}",
        empty="Nobody visited an unsubscribe page of a mailing in this period.",
        is_wide=True,
    )


def _row(one: Sent, found: Sequence[Way], *, has_brands: bool) -> Row:
    left, by_get, by_script, _ = found
    return one.row((left.total, by_get.total, by_get.robots, by_script.total, by_script.robots), has_brands=has_brands)


comparison = Dashboard(
    "comparison", "What it would have been", "comparison.html", build, comes_from=From.INTERACTIONS | From.LEDGER
)
