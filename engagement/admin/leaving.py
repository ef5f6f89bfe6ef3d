"""The page "Who leaves, and who stays"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.http import urlencode

from engagement.admin.dashboards.pages import partial
from engagement.admin.dashboards.state import From, state
from engagement.admin.leaving_form import LeavingForm
from engagement.admin.leaving_tables import by_door, by_topic, comebacks, outcomes, over_time, reasons
from engagement.admin.tables import Row, Table, as_file
from engagement.figures.leaving import Instead, Outcome, Statistics, statistics
from engagement.figures.leaving_answers import comments, given
from preferences.admin.scope import brands_of
from preferences.leaving import BUILT_IN_REASONS
from preferences.models import LeavingAnswer, PreferenceChange

TITLE = "Who leaves, and who stays"
_MOST_COMMENTS = 100
_MOST_SAVED_COMMENTS = 50_000
_SAVING = (Outcome.FEWER, Outcome.PAUSED, Instead.FEWER, Instead.PAUSED)


@dataclass(frozen=True, slots=True)
class Number:
    """One number that matters, and what it means in a marketer's words."""

    name: str
    count: int
    meaning: str


def leaving_view(request: HttpRequest) -> HttpResponse:
    """The page, or with `csv` one of its tables as a file."""
    ledger = admin.site.get_model_admin(PreferenceChange)
    if not ledger.has_view_permission(request):
        raise PermissionDenied
    form = LeavingForm(request.user, request.GET)
    if "csv" in request.GET:
        return _file(request, form, request.GET["csv"])
    context = {**admin.site.each_context(request), "title": TITLE, "opts": ledger.opts, "form": form}
    if form.is_valid():
        context |= _shown(request, form)
    return TemplateResponse(request, "admin/engagement/leaving/page.html", context | {"periods": form.periods})


def _shown(request: HttpRequest, form: LeavingForm) -> dict[str, Any]:
    told = statistics(form.span)
    tables = _tables(request, form, told)
    words = _comments(request, form, _MOST_COMMENTS)
    return {
        "form": LeavingForm(request.user, initial=form.cleaned_data),
        "period": form.cleaned_data["period"],
        "since": form.cleaned_data["since"],
        "until": form.cleaned_data["until"],
        "is_future": form.cleaned_data["since"] > timezone.localdate(),
        "is_empty": told.is_empty and not any(table.rows for table in tables if table.slug == "reasons"),
        "numbers": _numbers(told),
        "state": state(request, list(brands_of(request.user)), "", comes_from=From.LEDGER),
        "tables": tables,
        "comments": words,
        "comments_cut_at": _MOST_COMMENTS if words and len(words.rows) == _MOST_COMMENTS else None,
        "query": urlencode(form.own_parameters),
    }


def _numbers(told: Statistics) -> list[Number]:
    left = sum(cell.count for cell in told.left)
    by: dict[Outcome | Instead, int] = dict.fromkeys([*Outcome, *Instead], 0)
    for cell in told.left:
        by[cell.outcome] += cell.count
    for kept in told.kept:
        by[kept.choice] += kept.count
    return [
        Number("Left", left, "One topic, or everything at once. Who leaves more than one time counts again."),
        Number("Stayed away", by[Outcome.AWAY], "Of these: nothing has come of it up to today."),
        Number("Saved", sum(by[key] for key in _SAVING), "Took fewer mails or a pause, after leaving or instead."),
        Number("Back again", by[Outcome.UNDONE] + by[Outcome.BACK], "Undid it with one press, or came back later."),
        Number(
            "Put back by itself",
            told.put_back_count,
            "Robots had ended these. They have not left, and are not counted.",
        ),
    ]


def _tables(request: HttpRequest, form: LeavingForm, told: Statistics) -> list[Table]:
    brands = dict(brands_of(request.user).values_list("id", "name"))
    if form.cleaned_data["brand"]:
        brands = {form.cleaned_data["brand"].pk: form.cleaned_data["brand"].name}
    topics = {topic.pk: topic for topic in form.topics}

    def ledger(source: str) -> str:
        chosen = form.link_parameters | {"source__exact": source, "state__exact": "out"}
        return f"{reverse('admin:preferences_preferencechange_changelist')}?{urlencode(chosen)}"

    return [
        over_time(told, form.span),
        outcomes(told),
        by_topic(told, topics, brands),
        by_door(told, ledger),
        reasons(given(form.span), brands),
        comebacks(told),
    ]


def _comments(request: HttpRequest, form: LeavingForm, limit: int) -> Table | None:
    """What people said in their own words, for who may read that."""
    if not request.user.has_perm("preferences.view_leavinganswer"):
        return None
    return Table(
        "comments",
        "In their own words",
        ("Answered", "Topic", "Reason", "Words"),
        tuple(_comment(answer) for answer in comments(form.span, limit=limit)),
        help="The newest answers of the last 30 days. After that the words are deleted.",
        empty="Nobody has said anything in their own words in the last 30 days.",
    )


def _comment(answer: LeavingAnswer) -> Row:
    topic = answer.topic.name if answer.topic else "Everything at once"
    reason = str(BUILT_IN_REASONS.get(answer.reason, answer.reason)) or "–"
    when = date_format(timezone.localtime(answer.answered_at), "j M Y H:i")
    return Row(when, (f"{topic} ({answer.brand.name})", reason, answer.comment))


def _file(request: HttpRequest, form: LeavingForm, slug: str) -> HttpResponse:
    if not form.is_valid():
        raise Http404
    if slug == "comments":
        found = _comments(request, form, _MOST_SAVED_COMMENTS)
        tables = [found] if found else []
    else:
        tables = _tables(request, form, statistics(form.span))
    days = f"{form.cleaned_data['since']}-to-{form.cleaned_data['until']}"
    return as_file(tables, slug, f"leaving-{{}}-{days}{partial(From.LEDGER)}")
