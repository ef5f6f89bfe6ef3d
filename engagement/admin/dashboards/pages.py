"""What all dashboards have in common: who may see them, the form, what is said above the figures, and the files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.http import urlencode

from engagement.admin.dashboards.form import DashboardForm
from engagement.admin.dashboards.state import From, counting_notes, state
from engagement.admin.tables import Table, as_file
from engagement.models import Mailing
from preferences.models import Brand


@dataclass(frozen=True, slots=True)
class Shown:
    """What a page shows: tables, each with its file, and what else its template needs."""

    tables: tuple[Table, ...]
    more: dict[str, Any] = field(default_factory=dict)
    is_empty: bool = False


type Build = Callable[[HttpRequest, DashboardForm], Shown]


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A page of figures of a period. Its template extends dashboards/base.html; `slug` begins its files' names, which
    tell of a partial one."""

    slug: str
    title: str
    template: str
    build: Build
    form: type[DashboardForm] = DashboardForm
    comes_from: From = From.INTERACTIONS

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the page, or with `csv` one of its tables as a file. Without a choice it is the last 30 days."""
        require_permission(request)
        form = self.form(request.user, request.GET)
        if not form.is_valid():
            if "csv" in request.GET:
                raise Http404
            return page(request, self.title, self.template, {"form": form, "periods": form.periods})
        shown = self.build(request, form)
        if "csv" in request.GET:
            days = f"{form.cleaned_data['since']}-to-{form.cleaned_data['until']}"
            name = f"{self.slug}-{{}}-{days}{partial(self.comes_from)}"
            return as_file(shown.tables, request.GET["csv"], name)
        return page(request, self.title, self.template, self._context(request, form, shown))

    def _context(self, request: HttpRequest, form: DashboardForm, shown: Shown) -> dict[str, Any]:
        cleaned = form.cleaned_data
        return {
            "form": self.form(request.user, initial=cleaned),
            "periods": form.periods,
            "period": cleaned["period"],
            "since": cleaned["since"],
            "until": cleaned["until"],
            "is_future": cleaned["since"] > timezone.localdate(),
            "query": urlencode(form.own_parameters),
            **said(request, form.brands, form.cleaned_data["channel"], shown, self.comes_from),
        }


def partial(comes_from: From = From.INTERACTIONS) -> str:
    """What a file's name ends with while its figures are partial."""
    return "-partial" if any(counting_notes(comes_from)) else ""


def said(
    request: HttpRequest, brands: Sequence[Brand], channel: str, shown: Shown, comes_from: From = From.INTERACTIONS
) -> dict[str, Any]:
    """What the templates need of what is shown."""
    by_slug = {table.slug: table for table in shown.tables}
    return {
        "state": state(request, brands, channel, comes_from=comes_from),
        "is_empty": shown.is_empty,
        "tables": shown.tables,
        "table": by_slug,
        **shown.more,
    }


def page(request: HttpRequest, title: str, template: str, context: dict[str, Any]) -> HttpResponse:
    base = {**admin.site.each_context(request), "title": title, "opts": Mailing._meta}
    return TemplateResponse(request, f"admin/engagement/dashboards/{template}", base | context)


def require_permission(request: HttpRequest) -> None:
    if not admin.site.get_model_admin(Mailing).has_view_permission(request):
        raise PermissionDenied
