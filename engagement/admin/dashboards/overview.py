"""The overview: opens, clicks and unsubscribes of a period, people's and all side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode

from engagement.admin.chart import across
from engagement.admin.dashboards import mailings
from engagement.admin.dashboards.form import DashboardForm
from engagement.admin.dashboards.links import https_tile
from engagement.admin.dashboards.mailings import SORTS, Rated
from engagement.admin.dashboards.pages import Dashboard, Shown
from engagement.admin.dashboards.series import OF_CLICKS, Pieces, events_over_time, is_of, over_time
from engagement.admin.dashboards.state import From
from engagement.admin.dashboards.tiles import Reached, Tile, counts, rates, reached, single
from engagement.admin.tables import NOT_KNOWN, Row, Table, capital, share
from engagement.figures.counted import TallyRow
from engagement.figures.opt_outs import OptOuts, by_source
from engagement.models import Act
from preferences.models import Source

_PUT_BACK = (Source.UNDO, Source.REINSTATEMENT)


class OverviewForm(DashboardForm):
    """What a dashboard counts, and by what the mailings are sorted."""

    sort = forms.ChoiceField(required=False, choices=[(name, name) for name in SORTS], widget=forms.HiddenInput)


def build(request: HttpRequest, form: DashboardForm) -> Shown:
    scope, pieces = form.counted, Pieces.of(form.counted)
    found, events = reached(scope), events_over_time(scope, pieces)
    sent = mailings.mailings(scope)
    doors = by_source(scope)
    rated = mailings.rated(sent)
    totals = {kind: sum(row.events for row in events if is_of(row.record, kind)) for kind in ("open", "click")}
    return Shown(
        (
            over_time("opens", "Opens", "open", events, pieces, help=_HELP_OPENS, empty="No open in this period."),
            over_time("clicks", "Clicks", "click", events, pieces, OF_CLICKS, _HELP_CLICKS, "No click in this period."),
            _mailings(request, form, sent),
            _doors(doors, form),
        ),
        {
            "rates": _rates(found, sent, totals),
            "numbers": [
                _unsubscribed(doors, rated),
                _prevented(found, doors, form),
                _converted(events, found),
                https_tile(scope),
            ],
            "rated": rated,
        },
        is_empty=found.is_empty and not events and not sent and not doors,
    )


_HELP_OPENS = (
    "“Prefetched” is a picture that Apple Mail or another program loaded by itself: it says nothing about a person. "
    "“Unsure” counts with people."
)
_HELP_CLICKS = "“Unsure” is a click with too little to tell by; it counts with people."


def _rates(found: Reached, sent: list[mailings.Sent], totals: dict[str, int]) -> list[Tile]:
    rated, opened = mailings.rated(sent), mailings.rated(mailings.with_opens(sent))
    delivered = rated.delivered
    few = (
        f" Of {rated.mailing_count - rated.unknown_count} of {rated.mailing_count} mailings."
        if rated.unknown_count
        else ""
    )
    return [
        single(
            "Delivered",
            NOT_KNOWN if delivered is None else delivered,
            (f"Of {rated.sent:,} sent." if rated.sent is not None and not few else "Mails and text messages." + few)
            if delivered is not None
            else "Nobody has said how many. The rates are shares of it.",
            reverse("admin:engagement_mailing_changelist") if rated.unknown_count else "",
            "Say how many were delivered",
        ),
        counts("Opened", Act.OPEN, found, f"Messages; {totals['open']:,} opens in all, with robots and prefetches."),
        rates("Open rate", Act.OPEN, opened.reached, opened.delivered, f"Mails opened, of those delivered.{few}"),
        counts("Clicked", Act.CLICK, found, f"Messages; {totals['click']:,} clicks in all, with robots."),
        rates("Click-through rate", Act.CLICK, rated.reached, delivered, f"Messages clicked, of those delivered.{few}"),
        rates(
            "Click-to-open rate",
            Act.CLICK,
            found.without(one.reached for one in sent if not one.has_opens),
            Act.OPEN,
            "Mails clicked, of those opened.",
        ),
    ]


def _unsubscribed(doors: Sequence[OptOuts], rated: Rated) -> Tile:
    made = sum(row.count for row in doors if row.source not in _PUT_BACK)
    back = _put_back(doors)
    count = max(made - back, 0)
    of = (
        f" {share(count, rated.delivered)} of what was delivered."
        if rated.delivered and not rated.unknown_count
        else ""
    )
    but = f", but the {back:,} that robots had made and that were put back by themselves" if back else ""
    return single("Unsubscribed", count, f"Opt-outs, through every door (below){but}.{of}")


def _put_back(doors: Sequence[OptOuts]) -> int:
    """Opt-outs that did not stand, because evidence of a robot came."""
    return sum(row.count for row in doors if row.source == Source.REINSTATEMENT)


def _prevented(found: Reached, doors: Sequence[OptOuts], form: DashboardForm) -> Tile:
    back = _put_back(doors)
    count = found.by_robots_alone(Act.VISIT)
    return single(
        "Prevented robot unsubscribes",
        count,
        "Messages whose unsubscribe page only robots opened. Where opening is enough, each of them would have "
        f"unsubscribed someone. Opt-outs that a robot had made and that were put back: {back:,}.",
        f"{reverse('admin:engagement_comparison')}?{urlencode(form.own_parameters)}",
        "What it would have been",
    )


def _converted(events: Sequence[TallyRow], found: Reached) -> Tile:
    count = sum(row.events for row in events if row.record == "conversion")
    messages = found.raw[Act.CONVERSION]
    return single(
        "Conversions",
        count,
        f"What the brand calls a success, from {messages:,} messages." if count else "None was posted for a click.",
    )


def _mailings(request: HttpRequest, form: DashboardForm, sent: list[mailings.Sent]) -> Table:
    sort = form.cleaned_data["sort"] or "newest"
    urls = {name: f"?{urlencode(form.own_parameters | {'sort': name})}#fw-mailings" for name in SORTS}
    return mailings.table(sent, sort, urls, is_whole="csv" in request.GET, has_brands=len(form.brands) > 1)


def _doors(found: Sequence[OptOuts], form: DashboardForm) -> Table:
    left = [row for row in found if row.source not in _PUT_BACK]
    most = max((row.count for row in left), default=0) or 1
    chosen: dict[str, Any] = form.link_parameters | {"state__exact": "out"}
    if channel := form.cleaned_data["channel"]:
        chosen |= {"channel__exact": channel}
    url = reverse("admin:preferences_preferencechange_changelist")
    total, topics = sum(row.count for row in left), sum(row.topic_count for row in left)
    return Table(
        "doors",
        "Unsubscribed, by door",
        ("Through", "Opt-outs", "Topics left", "Share"),
        tuple(
            Row(
                capital(str(row.source.label)),
                (row.count, row.topic_count, share(row.count, total)),
                across([("saved", row.count)], most),
                row.count,
                f"{url}?{urlencode(chosen | {'source__exact': row.source.value})}",
            )
            for row in left
        ),
        Row("All", (total, topics, share(total, total))),
        "From the ledger, so complete, with what robots had made and was put back later. Whoever leaves several topics "
        "through a door within an hour is one opt-out; whoever comes back and leaves again later is two.",
        "Nobody left in this period.",
    )


overview = Dashboard(
    "overview",
    "Opens, clicks and unsubscribes",
    "overview.html",
    build,
    OverviewForm,
    comes_from=From.INTERACTIONS | From.LEDGER,
)
