"""The unsubscribes that robots would have made and did not, over time."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode

from engagement.admin.chart import Column, draw_columns
from engagement.admin.dashboards.form import DashboardForm
from engagement.admin.dashboards.pages import Dashboard, Shown
from engagement.admin.dashboards.series import Pieces, is_of
from engagement.admin.dashboards.state import From
from engagement.admin.dashboards.tiles import Reached, Tile, single, split
from engagement.admin.tables import Row, Table, share
from engagement.figures.counted import ReachRow, reaches, tallies
from engagement.figures.prevented_over_time import Ended, ended
from engagement.models import Act, Dimension

_LEGEND = (
    ("saved", "page views, prevented"),
    ("back", "opt-outs put back by itself"),
    ("machine", "page views that ended with an opt-out"),
)


class TrendForm(DashboardForm):
    """A year, unless chosen."""

    default_period = "365"


@dataclass(frozen=True, slots=True)
class Trend:
    """What there was in one piece of the period, or in all of it: page views and script runs of robots, what of it
    ended, and messages."""

    views: int
    scripts: int
    ended: Ended
    reached: Reached

    @property
    def ended_views(self) -> int:
        """Not more than there were: an opt-out may come a day after the page view, in the next piece."""
        return min(self.ended.views, self.views)

    @property
    def prevented(self) -> int:
        return self.views - self.ended_views

    @property
    def cells(self) -> tuple[int | str, ...]:
        return (
            *(self.views, self.ended_views, self.prevented, self.scripts),
            *(self.reached.by_robots_alone(Act.VISIT), self.ended.put_back, self.reached.cleaned[Act.LEFT]),
        )

    @property
    def words(self) -> str:
        return (
            f"{self.prevented:,} prevented, {self.ended.put_back:,} put back by itself, "
            f"{self.ended_views:,} ended with an opt-out"
        )

    @property
    def column(self) -> tuple[tuple[str, int], ...]:
        """From the bottom of a bar up."""
        return ("saved", self.prevented), ("back", self.ended.put_back), ("machine", self.ended_views)


def build(request: HttpRequest, form: DashboardForm) -> Shown:
    pieces = Pieces.of(form.counted)
    found, whole = _read(form, pieces)
    url = _prevented_url(form) if request.user.has_perm("engagement.view_interaction") else ""
    return Shown(
        (_table(found, whole, pieces),),
        {"numbers": _numbers(whole, form, url), "prevented_url": url},
        is_empty=not (whole.views or whole.scripts or whole.ended.views or whole.ended.put_back),
    )


def _read(form: DashboardForm, pieces: Pieces) -> tuple[dict[datetime, Trend], Trend]:
    views: Counter[datetime] = Counter()
    scripts: Counter[datetime] = Counter()
    for row in tallies(form.counted, Dimension.BRAND, "start", "record", "verdict", unit=pieces.level):
        if row.start and row.verdict == "machine":
            start = pieces.start_of(row.start)
            views[start] += row.events if is_of(row.record, "visit", "header_visit") else 0
            scripts[start] += row.events if is_of(row.record, "arrive") else 0
    messages: dict[datetime, list[ReachRow]] = {start: [] for start in pieces.starts}
    for reach in reaches(form.counted, Dimension.BRAND, "start", "act", "is_cleaned", unit=pieces.level):
        if reach.start:
            messages[pieces.start_of(reach.start)].append(reach)
    ends = dict.fromkeys(pieces.starts, Ended())
    for at, one in ended(form.counted, pieces.level):
        ends[pieces.start_of(at)] += one
    found = {start: Trend(views[start], scripts[start], ends[start], split(messages[start])) for start in pieces.starts}
    everything = split(row for rows in messages.values() for row in rows)
    return found, Trend(views.total(), scripts.total(), sum(ends.values(), Ended()), everything)


def _numbers(whole: Trend, form: DashboardForm, prevented_url: str) -> list[Tile]:
    alone = whole.reached.by_robots_alone(Act.VISIT)
    back = whole.ended.put_back
    return [
        single(
            "Robot visits that unsubscribed nobody",
            whole.prevented,
            f"{share(whole.prevented, whole.views)} of {whole.views:,} page views of the unsubscribe link by robots.",
            prevented_url,
            "What robots would have done",
        ),
        single("Robots that ran the page’s script", whole.scripts, "Calls of the script by robots."),
        single(
            "Prevented robot unsubscribes",
            alone,
            "Messages whose unsubscribe page only robots opened. Where opening is enough, each of them would have "
            "unsubscribed someone.",
            f"{reverse('admin:engagement_comparison')}?{urlencode(form.own_parameters)}",
            "What it would have been",
        ),
        single("Put back by itself", back, "Opt-outs that a robot had made at first."),
    ]


def _prevented_url(form: DashboardForm) -> str:
    """The page with finer numbers, for the same choice; it takes a year at most and knows no channel."""
    cleaned = form.cleaned_data
    if cleaned["channel"] or cleaned["until"].toordinal() - cleaned["since"].toordinal() >= 366:
        return reverse("admin:engagement_interaction_prevented")
    chosen = {name: value for name, value in form.own_parameters.items() if name != "channel"}
    return f"{reverse('admin:engagement_interaction_prevented')}?{urlencode(chosen)}"


def _table(found: dict[datetime, Trend], whole: Trend, pieces: Pieces) -> Table:
    title = f"What came of robots at the unsubscribe page, each {pieces.unit}"
    columns = [Column(pieces.label(start), one.words, one.column) for start, one in found.items()]
    return Table(
        "trend",
        title,
        (
            *(pieces.unit.capitalize(), "Page views by robots", "Ended with an opt-out", "Prevented", "Ran the script"),
            *("Messages, robots alone", "Put back by itself", "Left by people"),
        ),
        tuple(Row(pieces.label(start), one.cells, file_label=pieces.file_label(start)) for start, one in found.items()),
        Row("All", whole.cells),
        "“Messages, robots alone” are those whose page only robots opened. “Put back by itself” are opt-outs that a "
        "robot had made at first. “Left by people” are messages.",
        "No robot opened an unsubscribe page in this period.",
        _LEGEND,
        draw_columns(
            columns, title=title, description=f"{whole.words}. The table has each {pieces.unit}.", slug="trend"
        ),
        is_wide=True,
    )


trend = Dashboard(
    "prevented",
    "Prevented robot unsubscribes over time",
    "trend.html",
    build,
    TrendForm,
    comes_from=From.INTERACTIONS | From.LEDGER,
)
