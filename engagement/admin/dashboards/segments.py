"""The segments: what each did across the mailings, people's rates beside those with robots."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from django import forms
from django.http import HttpRequest
from django.utils.http import urlencode

from engagement.admin.chart import Piece, across
from engagement.admin.dashboards.form import DashboardForm
from engagement.admin.dashboards.mailings import MOST_SHOWN, Sent, names_of, rated, with_opens
from engagement.admin.dashboards.pages import Dashboard, Shown
from engagement.admin.dashboards.series import OF_CLICKS, Pieces, events_over_time, over_time
from engagement.admin.dashboards.sums import COLUMNS, HELP, cells, messages, tiles
from engagement.admin.dashboards.tiles import split
from engagement.admin.tables import Row, Table, share
from engagement.figures.counted import Counted, ReachRow, reaches
from engagement.figures.deliveries import DeliveryRow, deliveries
from engagement.models import Act, Dimension

_LEGEND = (("human", "people"), ("machine", "more, with robots"))
_FINENESS = 10_000  # steps of a bar that draws a share

type Segments = dict[str, list[Sent]]


class SegmentForm(DashboardForm):
    """What a dashboard counts, of one segment or all."""

    field_order = ("since", "until", "brand", "period", "segment", "channel")

    segment = forms.CharField(max_length=100, required=False, widget=forms.TextInput(attrs={"placeholder": "All"}))

    @property
    def segment_counted(self) -> Counted:
        chosen = self.cleaned_data["segment"]
        return replace(self.counted, values=frozenset({chosen})) if chosen else self.counted

    @property
    def own_parameters(self) -> dict[str, str]:
        chosen = self.cleaned_data["segment"]
        return super().own_parameters | ({"segment": chosen} if chosen else {})


def build(request: HttpRequest, form: DashboardForm) -> Shown:
    assert isinstance(form, SegmentForm)
    chosen, found = form.cleaned_data["segment"], _read(form.segment_counted)
    parameters = {name: value for name, value in form.own_parameters.items() if name != "segment"}
    more = {"chosen": chosen, "all_url": f"?{urlencode(parameters)}"}
    if chosen:
        parts = found.get(chosen, [])
        tables = _of_one(parts, form, is_whole="csv" in request.GET)
        return Shown(tables, more | {"rates": tiles(parts)}, is_empty=not found)
    tables = (
        _rates("open-rates", "Open rate", Act.OPEN, found),
        _rates("click-rates", "Click-through rate", Act.CLICK, found),
        _table(found, form),
    )
    return Shown(tables, more, is_empty=not found)


def _read(scope: Counted) -> Segments:
    """Each mailing's part in each segment, the segment with the most messages first. What names no segment, and what
    was fed without one, is left out."""
    reached: defaultdict[tuple[str, int, str], list[ReachRow]] = defaultdict(list)
    for row in reaches(scope, Dimension.SEGMENT, "value", "brand_id", "mailing", "act", "is_cleaned"):
        reached[row.value, row.brand_id, row.mailing].append(row)
    fed: dict[tuple[str, int, str], DeliveryRow] = {
        (day.segment, day.brand_id, day.mailing): day
        for day in deliveries(scope, "segment", "brand_id", "mailing")
        if day.segment
    }
    found: defaultdict[str, list[Sent]] = defaultdict(list)
    names = names_of({key[1:] for key in {*reached, *fed}})
    for part in sorted({*reached, *fed}):
        segment, *_ = part
        found[segment].append(Sent(*part[1:], fed.get(part), split(reached[part]), **names.get(part[1:], {})))
    return dict(sorted(found.items(), key=lambda item: (-_size(item[1]), item[0])))


def _size(parts: list[Sent]) -> int:
    return rated(parts).delivered or messages(parts, Act.OPEN, is_raw=True)


def _rates(slug: str, title: str, act: Act, found: Segments) -> Table:
    """Drawn with the highest rate as the whole width."""
    known = {name: rated(with_opens(parts) if act is Act.OPEN else parts) for name, parts in found.items()}
    shares = {
        name: (one.reached.cleaned[act] / one.delivered, one.reached.raw[act] / one.delivered)
        for name, one in known.items()
        if one.delivered
    }
    most = max((max(pair) for pair in shares.values()), default=0) or 1
    return Table(
        slug,
        f"{title}, by segment",
        ("Segment", "People", "With robots"),
        tuple(
            Row(
                name,
                (share(one.reached.cleaned[act], one.delivered), share(one.reached.raw[act], one.delivered)),
                _bar(*shares.get(name, (0, 0)), most),
                share(one.reached.cleaned[act], one.delivered),
            )
            for name, one in known.items()
        ),
        help="Of what was delivered to the segment in the period, of the mailings of which that is known.",
        empty="No segment in this period.",
        legend=_LEGEND,
    )


def _bar(people: float, everybody: float, most: float) -> tuple[Piece, ...]:
    parts = (people, max(everybody - people, 0))
    human, machine = (round(_FINENESS * part / most) for part in parts)
    return across([("human", human), ("machine", machine)], _FINENESS)


def _table(found: Segments, form: SegmentForm) -> Table:
    return Table(
        "segments",
        "In numbers",
        ("Segment", "Mailings", *COLUMNS),
        tuple(
            Row(name, (len(parts), *cells(parts)), url=f"?{urlencode(form.own_parameters | {'segment': name})}")
            for name, parts in found.items()
        ),
        help=HELP,
        empty="No segment in this period.",
        is_wide=True,
    )


def _of_one(parts: list[Sent], form: SegmentForm, *, is_whole: bool) -> tuple[Table, ...]:
    """What the chosen segment did over time, and with each mailing, the newest first."""
    scope, pieces = form.segment_counted, Pieces.of(form.counted)
    events = events_over_time(scope, pieces, Dimension.SEGMENT)
    ordered = sorted(parts, key=lambda one: (one.sent_at.timestamp() if one.sent_at else 0, one.slug), reverse=True)
    shown = ordered if is_whole else ordered[:MOST_SHOWN]
    cut = f" Shown are {MOST_SHOWN} of {len(ordered):,}; the file has all." if len(shown) < len(ordered) else ""
    return (
        over_time("opens", "Opens", "open", events, pieces, empty="No open in this period."),
        over_time("clicks", "Clicks", "click", events, pieces, OF_CLICKS, empty="No click in this period."),
        Table(
            "mailings",
            "Mailings to this segment",
            ("Mailing", *COLUMNS),
            tuple(one.row(cells([one]), has_brands=len(form.brands) > 1) for one in shown),
            help=f"{HELP}{cut}",
            empty="No mailing to this segment in this period.",
            is_wide=True,
        ),
    )


segments = Dashboard("segments", "Segments", "segments.html", build, SegmentForm)
