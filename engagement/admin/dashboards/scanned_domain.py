"""Who scans the recipients of one mail domain."""

from __future__ import annotations

from typing import Any

from django.utils.http import urlencode

from engagement.admin.dashboards.pages import Shown
from engagement.admin.dashboards.scanners_form import ScannersForm
from engagement.admin.dashboards.scanners_tables import deeds, domains, soon, sources
from engagement.figures import scanned
from engagement.figures.at_domain import AtDomain, at_domain
from engagement.figures.ranking import named
from engagement.figures.scanning import Scanner
from engagement.models import Dimension


def of_domain(form: ScannersForm, more: dict[str, Any]) -> Shown:
    name = form.cleaned_data["domain"]
    one = named(form.counted, Dimension.DOMAIN, [name]).get(name, Scanner(name))
    rows = scanned.between(form.counted.brands, form.start, form.end)
    recipients = scanned.recipients(rows, [name])
    came = at_domain(form.counted, name)
    tables = (
        domains([one] if one.events else [], recipients),
        soon(one, is_coarse=True),
        deeds(one),
        sources("networks", "Networks", "Network", came.networks, came.events, told(came)),
        sources("programs", "Programs", "Program", came.programs, came.events, told(came)),
    )
    return Shown(tables, more, is_empty=not one.events)


def told(came: AtDomain) -> str:
    """Of what the networks and programs were read: they are counted apart from domains."""
    if came.is_all:
        return f"Read from the {came.events:,} events themselves, of {came.recipients:,} recipients."
    return (
        f"Read from the newest events themselves, {came.events:,} at the {came.recipients:,} recipients met "
        "last by robots: what is counted keeps domains apart from networks and programs."
    )


def all_url(form: ScannersForm) -> str:
    parameters = {name: value for name, value in form.own_parameters.items() if name != "domain"}
    return f"?{urlencode(parameters)}"
