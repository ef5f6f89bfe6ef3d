"""The recipients behind a scanner: at which domains they are, and how a sender gets them out of a list."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format

from engagement.admin.chart import across
from engagement.admin.dashboards.form import DashboardForm
from engagement.admin.dashboards.mailings import MOST_SHOWN
from engagement.admin.dashboards.pages import Dashboard, Shown
from engagement.admin.dashboards.tiles import Tile, single
from engagement.admin.tables import NOT_KNOWN, Row, Table, share
from engagement.figures import scanned
from engagement.figures.scanned import Domain
from engagement.models import Scanned

PHONES = "(phones)"


class BehindForm(DashboardForm):
    """A period and a brand: a recipient behind a scanner is of one channel anyway."""

    default_period = "90"

    channel = forms.ChoiceField(required=False, choices=[("", "")], widget=forms.HiddenInput)


def build(request: HttpRequest, form: DashboardForm) -> Shown:
    rows = scanned.between(form.counted.brands, form.start, form.end)
    found = scanned.by_domain(rows)
    tables: tuple[Table, ...] = (_domains(found, is_whole="csv" in request.GET), _newest(request, rows))
    if scanned.has_gateways():
        tables += (_gateways(found),)
    more = {"numbers": _numbers(found), "slug": form.brands[0].slug if len(form.brands) == 1 else "BRAND"}
    return Shown(tables, more, is_empty=not found)


def _numbers(found: list[Domain]) -> list[Tile]:
    recipients = sum(one.recipients for one in found)
    newest = max((one.last_at for one in found), default=None)
    return [
        single("Behind a scanner", recipients, "Recipients at whose messages robots were seen in this period."),
        single("Domains", sum(bool(one.name) for one in found), "Mail domains of these recipients."),
        single("Newest", day(newest) if newest else NOT_KNOWN, "When a robot was seen last at one of them."),
    ]


def day(moment: Any) -> str:
    text: str = date_format(timezone.localtime(moment), "j M Y H:i")
    return text.replace(" ", "\N{NO-BREAK SPACE}")


def _domains(found: list[Domain], *, is_whole: bool) -> Table:
    total = sum(one.recipients for one in found)
    most = found[0].recipients if found else 0
    shown = found if is_whole else found[:MOST_SHOWN]
    cut = f" Shown are {MOST_SHOWN} of {len(found):,}; the file has all." if len(shown) < len(found) else ""
    return Table(
        "domains",
        "By mail domain",
        (
            "Domain",
            "Recipients",
            "Share of all",
            "Messages",
            "Robots’ events",
            "Last seen",
            *(("Gateway",) if scanned.has_gateways() else ()),
        ),
        tuple(
            Row(
                one.name or PHONES,
                (
                    *(one.recipients, share(one.recipients, total), one.messages, one.events),
                    day(one.last_at),
                    *((one.gateway or NOT_KNOWN,) if scanned.has_gateways() else ()),
                ),
                across([("machine", one.recipients)], most),
                one.recipients,
            )
            for one in shown
        ),
        help=f"Messages and events are of all times. On phones it is programs that show what a link leads to.{cut}",
        empty="Robots were seen at nobody in this period.",
        is_wide=True,
    )


def _newest(request: HttpRequest, rows: QuerySet[Scanned]) -> Table:
    can_look = request.user.has_perm("engagement.view_interaction")
    url = reverse("admin:engagement_interaction_changelist")
    return Table(
        "newest",
        "Seen last",
        ("Recipient", "Domain", "Last seen", "First seen", "Messages", "Robots’ events"),
        tuple(
            Row(
                f"{str(row.recipient_id)[:8]}…",
                (row.domain or PHONES, day(row.last_at), day(row.first_at), row.messages, row.events),
                url=f"{url}?recipient={row.recipient_id}" if can_look else "",
                file_label=str(row.recipient_id),
            )
            for row in rows.order_by("-last_at", "recipient_id")[:MOST_SHOWN]
        ),
        help="Recipients are known by a keyed number, not by their address.",
        empty="Robots were seen at nobody in this period.",
        is_wide=True,
    )


def _gateways(found: list[Domain]) -> Table:
    domains = Counter(one.gateway for one in found if one.gateway)
    recipients: Counter[str] = Counter()
    for one in found:
        recipients[one.gateway] += one.recipients
    return Table(
        "gateways",
        "By mail gateway",
        ("Gateway", "Recipients", "Domains"),
        tuple(
            Row(
                name,
                (recipients[name], domains[name]),
                across([("machine", recipients[name])], max(recipients[known] for known in domains)),
                recipients[name],
            )
            for name in sorted(domains, key=lambda name: (-recipients[name], name))
        ),
        help="Who takes a domain’s mail is asked of DNS.",
        empty="None of these domains has its mail taken by a gateway that is known.",
    )


behind = Dashboard("behind-scanner", "Recipients behind a scanner", "behind.html", build, BehindForm)
