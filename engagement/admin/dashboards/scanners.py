"""Who scans us: the domains, networks and programs whose events are machines', how soon they come and what they do."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode

from engagement.admin.dashboards.form import DashboardForm
from engagement.admin.dashboards.mailings import MOST_SHOWN
from engagement.admin.dashboards.pages import Dashboard, Shown
from engagement.admin.dashboards.scanned_domain import all_url, of_domain
from engagement.admin.dashboards.scanners_form import ScannersForm
from engagement.admin.dashboards.scanners_tables import deeds, domains, learned, soon, sources
from engagement.admin.dashboards.tiles import Tile, single
from engagement.admin.tables import Table, share
from engagement.figures import scanned
from engagement.figures.counted import Counted, tallies
from engagement.figures.ranking import first, named
from engagement.figures.scanning import Scanner, cut_agent, scanners
from engagement.models import Dimension, Learned
from preferences.site import is_superuser


def build(request: HttpRequest, form: DashboardForm) -> Shown:
    assert isinstance(form, ScannersForm)
    if form.cleaned_data["domain"]:
        return of_domain(form, {"chosen": form.cleaned_data["domain"], "all_url": all_url(form)})
    scope, saved = form.counted, request.GET.get("csv")
    everything = replace(_everything(scope), soon=_soon(scope))
    by_domain = first(scope, Dimension.DOMAIN, _limit("domains", saved))
    by_network = first(scope, Dimension.NETWORK, _limit("networks", saved))
    by_agent = first(scope, Dimension.AGENT, _limit("programs", saved))
    rows = scanned.between(scope.brands, form.start, form.end)
    recipients = scanned.recipients(rows, [one.name for one in by_domain.origins])
    tables: tuple[Table, ...] = (
        soon(everything),
        deeds(everything),
        domains(
            by_domain.origins,
            recipients,
            lambda name: f"?{urlencode(form.own_parameters | {'domain': name})}",
            is_cut=by_domain.is_cut,
        ),
        sources("networks", "Networks", "Network", by_network.origins, everything.events, is_cut=by_network.is_cut),
        sources("programs", "Programs", "Program", by_agent.origins, everything.events, is_cut=by_agent.is_cut),
    )
    if is_superuser(request):
        tables += (_learned(scope, _limit("learned", saved)),)
    return Shown(
        tables,
        {"numbers": _numbers(request, form, everything, rows.count())},
        is_empty=not everything.events,
    )


def _limit(slug: str, saved: str | None) -> int | None:
    """How many a table shows; its file has all."""
    return None if slug == saved else MOST_SHOWN


def _everything(scope: Counted) -> Scanner:
    rows = tallies(scope, Dimension.BRAND, "record", "verdict")
    return scanners(rows).get("", Scanner(""))


def _soon(scope: Counted) -> Counter[str]:
    """How soon the events came that name a mailing: of these the classes are fine."""
    found = first(scope, Dimension.PACE, None).origins
    return Counter({one.name: one.events for one in found})


def _learned(scope: Counted, limit: int | None) -> Table:
    """What was learned, with the events of each in the period: of a program all versions together."""
    rows = list(Learned.objects.order_by("-learned_at", "-id"))
    events: dict[str, int] = {}
    for kind, (dimension, name_of) in _COUNTED_AS.items():
        names = {row.value: name_of(row.value) for row in rows if row.kind == kind}
        found = named(scope, dimension, set(names.values())) if names else {}
        events |= {value: found[name].events for value, name in names.items() if name in found}
    ordered = sorted(rows, key=lambda row: -events.get(row.value, 0))
    return learned(ordered[:limit], events, len(rows))


def _whole(network: str) -> str:
    return f"{network}/{48 if ':' in network else 24}"


_COUNTED_AS = {
    Learned.Kind.AGENT: (Dimension.AGENT, cut_agent),
    Learned.Kind.NETWORK: (Dimension.NETWORK, _whole),
}


def _numbers(request: HttpRequest, form: DashboardForm, found: Scanner, recipients: int) -> list[Tile]:
    quick = found.soon["0"] + found.soon["10"]
    timed = found.soon.total() - found.soon[""]
    chosen = form.link_parameters | {"verdict__exact": "machine"}
    interactions = f"{reverse('admin:engagement_interaction_changelist')}?{urlencode(chosen)}"
    can_look = request.user.has_perm("engagement.view_interaction")
    parameters = {name: value for name, value in form.own_parameters.items() if name != "channel"}
    return [
        single(
            "Robots’ events",
            found.events,
            f"{share(found.events, found.everybody)} of all {found.everybody:,} events. Pictures that mail programs "
            "load by themselves are not among them.",
            interactions if can_look else "",
            "Each of them",
        ),
        single("Within a minute", share(quick, timed), f"Of the {timed:,} of which the time after sending is known."),
        single(
            "Recipients behind a scanner",
            recipients,
            "At whose messages robots were seen, in all channels.",
            f"{reverse('admin:engagement_behind_scanner')}?{urlencode(parameters)}",
            "Who they are, and how to use it",
        ),
    ]


who_scans = Dashboard("scanners", "Who scans us", "scanners.html", build, ScannersForm)
