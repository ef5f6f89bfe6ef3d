"""The page "Prevented robot unsubscribes"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import urlencode

from engagement.admin.chart import draw, funnel, moment_label
from engagement.admin.dashboards.state import From, state
from engagement.admin.period import PERIODS, ScopeForm
from engagement.figures.prevented import Delivered, Figures, figures
from engagement.models import Mailing
from preferences.admin.scope import brands_of, within


@dataclass(frozen=True, slots=True)
class Number:
    """One number that matters, what it means in a marketer's words, and the rows behind it."""

    name: str
    count: int
    meaning: str
    url: str


def prevented_view(model_admin: ModelAdmin[Any], request: HttpRequest) -> HttpResponse:
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    form = ScopeForm(request.user, request.GET)
    context = {
        **model_admin.admin_site.each_context(request),
        "title": "Prevented robot unsubscribes",
        "opts": model_admin.opts,
        "form": form,
        "periods": PERIODS,
        "mailings": within(request.user, Mailing.objects.all(), "brand_id").values_list("slug", flat=True)[:200],
    }
    if form.is_valid():
        context |= _shown(form) | {"form": ScopeForm(request.user, initial=form.cleaned_data)}
        context["state"] = state(request, list(brands_of(request.user)), "", comes_from=From.INTERACTIONS | From.LEDGER)
    return TemplateResponse(request, "admin/engagement/interaction/prevented.html", context)


def _shown(form: ScopeForm) -> dict[str, Any]:
    scope = form.scope
    result = figures(scope)
    return {
        "period": form.cleaned_data["period"],
        "figures": result,
        "numbers": _numbers(result, form.link_parameters),
        "sources": _sources(result, form.link_parameters),
        "chart": draw(result.buckets, is_hourly=scope.is_hourly),
        "rows": [(moment_label(bucket, is_hourly=scope.is_hourly), bucket.visits) for bucket in result.buckets],
        "unit": "hour" if scope.is_hourly else "day",
        "since": form.cleaned_data["since"],
        "until": form.cleaned_data["until"],
        "stages": _stages(result),
        "delivered": _delivered(result.delivered),
        "visits_per_delivered": _share(result),
    }


def _numbers(result: Figures, parameters: dict[str, str]) -> list[Number]:
    landings, scripts, doubt, undone = result.landings, result.scripts, result.doubt, result.undone
    return [
        Number(
            "Robot visits that unsubscribed nobody",
            landings.prevented_count,
            f"Only robots opened the pages of {landings.message_count:,} {_messages(landings.message_count)}. Were "
            "opening enough, as on many pages, each would have unsubscribed someone."
            f"{_left(landings.left_count)}",
            _interactions(parameters, verdict__exact="machine", kind="landing"),
        ),
        Number(
            "Robots that ran the page’s script, in vain",
            scripts.prevented_count,
            f"For {scripts.message_count:,} {_messages(scripts.message_count)} only robots ran it. Pages that "
            f"unsubscribe as soon as it runs would have lost someone by each.{_left(scripts.left_count)}",
            _interactions(parameters, verdict__exact="machine", kind="arrive"),
        ),
        Number(
            "People asked for a second press",
            doubt.pressed_count,
            f"Something spoke against {doubt.asked_count:,} visits, so they were shown the button. These pressed it; "
            f"for {doubt.needless_count:,} more a hand on the page made the press needless; the others did nothing.",
            _interactions(parameters, kind="confirm"),
        ),
        Number(
            "Put back by itself",
            result.reinstated.count,
            "Opt-outs that a robot had made at first, because it looked like a person; later evidence showed what it "
            "was. They are counted among the opt-outs below, too.",
            _ledger(parameters, source__exact="reinstatement"),
        ),
        Number(
            "Undone",
            undone.count,
            "Opt-outs taken back with one click. Many would mean that people leave by mistake.",
            _ledger(parameters, source__exact="undo"),
        ),
    ]


def _messages(count: int) -> str:
    return "message" if count == 1 else "messages"


def _left(count: int) -> str:
    return f" Not counted: {count:,} that ended with an opt-out, by a press or a hand on the page." if count else ""


def _sources(result: Figures, parameters: dict[str, str]) -> list[tuple[str, int, int, str]]:
    return [
        (row.source.label, row.count, row.topic_count, _ledger(parameters, source__exact=row.source.value))
        for row in result.opt_outs
    ]


def _stages(result: Figures) -> list[Any]:
    return list(
        funnel(
            [
                ("Visits", "page views of the unsubscribe link", result.visits),
                ("Script ran", "page views whose script reported, by what was known in the end", result.script_runs),
                ("Opted out", "through the page, by its script or its button", result.left),
            ]
        )
    )


def _delivered(delivered: Delivered) -> str:
    if delivered.count is None:
        return "unknown"
    if delivered.unknown_count:
        return f"{delivered.count:,}, unknown for {delivered.unknown_count} of {delivered.mailing_count} mailings"
    return f"{delivered.count:,}"


def _share(result: Figures) -> str:
    """Visits per hundred delivered, when that is known of every mailing."""
    if not result.delivered.count or result.delivered.unknown_count:
        return ""
    return f"{100 * result.visits.total / result.delivered.count:.1f}"


def _interactions(parameters: dict[str, str], **more: str) -> str:
    return f"{reverse('admin:engagement_interaction_changelist')}?{urlencode(parameters | more)}"


def _ledger(parameters: dict[str, str], **more: str) -> str:
    return f"{reverse('admin:preferences_preferencechange_changelist')}?{urlencode(parameters | more)}"
