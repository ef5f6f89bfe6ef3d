"""The dashboards' URLs, under those of the list of mailings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpResponse
from django.urls import URLPattern, path

from engagement.admin.dashboards.automations import automations
from engagement.admin.dashboards.behind import behind
from engagement.admin.dashboards.comparison import comparison
from engagement.admin.dashboards.mailing import mailing_view
from engagement.admin.dashboards.overview import overview
from engagement.admin.dashboards.scanners import who_scans
from engagement.admin.dashboards.segments import segments
from engagement.admin.dashboards.trend import trend
from engagement.admin.moment import at_one_moment


def urls(wrap: Callable[[Any], Any]) -> list[URLPattern]:
    """`wrap` is the site's: it asks for the login."""

    def shown(view: Callable[..., HttpResponse]) -> Any:
        return wrap(at_one_moment(view))

    return [
        path("overview/", shown(overview), name="engagement_overview"),
        path("comparison/", shown(comparison), name="engagement_comparison"),
        path("automations/", shown(automations), name="engagement_automations"),
        path("segments/", shown(segments), name="engagement_segments"),
        path("scanners/", shown(who_scans), name="engagement_scanners"),
        path("behind-scanner/", shown(behind), name="engagement_behind_scanner"),
        path("prevented/", shown(trend), name="engagement_prevented_trend"),
        path("<int:object_id>/figures/", shown(mailing_view), name="engagement_mailing_figures"),
    ]
