"""The dashboards' URLs, under those of the list of mailings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.urls import URLPattern, path

from engagement.admin.dashboards.comparison import comparison
from engagement.admin.dashboards.mailing import mailing_view
from engagement.admin.dashboards.overview import overview


def urls(wrap: Callable[[Any], Any]) -> list[URLPattern]:
    """`wrap` is the site's: it asks for the login."""
    return [
        path("overview/", wrap(overview), name="engagement_overview"),
        path("comparison/", wrap(comparison), name="engagement_comparison"),
        path("<int:object_id>/figures/", wrap(mailing_view), name="engagement_mailing_figures"),
    ]
