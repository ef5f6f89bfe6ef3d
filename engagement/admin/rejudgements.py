"""Judging again, in the admin: look what would change, and apply it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import date_format

from engagement import tasks
from engagement.admin.period import LONGEST
from engagement.detection import RULES_VERSION
from engagement.explaining.timeline import capital, kind_words
from engagement.models import Rejudgement
from preferences.admin.deeds import Question, confirm
from preferences.admin.filters import day_start
from preferences.admin.lists import LookOnlyAdmin
from preferences.admin.scope import ALL, AnyUser, brand_ids_of, brands_of
from preferences.models import Brand

VERDICTS = ("human", "unsure", "prefetched", "machine")
State = Rejudgement.State
_POLICIES = {
    "was": ("As it was", "what was answered at the time"),
    "instant": ("Instant", "whoever runs the script leaves; for comparison"),
    "balanced": ("Balanced", "evidence when the mail is fresh or something speaks against the visit"),
    "strict": ("Strict", "evidence always"),
}
_DAY = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


class PeriodForm(forms.Form):
    """Whole days of the current time zone, the last one included."""

    since = forms.DateField(label="From", widget=_DAY)
    until = forms.DateField(label="To", widget=_DAY)
    brand = forms.ModelChoiceField(Brand.objects.all(), required=False, empty_label="All brands")

    def __init__(self, user: AnyUser, *args: Any, **kwargs: Any) -> None:
        """A run over all brands is a superuser's; everybody else names one."""
        super().__init__(*args, **kwargs)
        field = self.fields["brand"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = brands_of(user)
        if brand_ids_of(user) is not ALL:
            field.required, field.empty_label = True, "Choose one"

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        since, until = cleaned.get("since"), cleaned.get("until")
        if since and until and since > until:
            self.add_error("since", "This day is after the last one.")
        elif since and until and until - since >= LONGEST:
            self.add_error("since", "Choose a year at most.")
        return cleaned


@dataclass(frozen=True, slots=True)
class Cell:
    """How many rows went from one verdict to another; `width` is a share of the longest bar."""

    verdict: str
    count: int
    width: str
    is_same: bool


def matrix(run: Rejudgement) -> list[tuple[str, list[Cell]]]:
    """A row for each old verdict, with a cell for each new one. The bars compare what changes: rows whose verdict
    stands are mostly so many more that no other bar would be seen."""
    counts = {was: {now: run.verdicts.get(was, {}).get(now, 0) for now in VERDICTS} for was in VERDICTS}
    most = max((count for was, row in counts.items() for now, count in row.items() if was != now), default=0) or 1
    return [
        (was, [Cell(now, count, f"{100 * min(count, most) / most:.2f}%", was == now) for now, count in row.items()])
        for was, row in counts.items()
    ]


def policies(run: Rejudgement) -> Iterator[tuple[str, str, list[int]]]:
    for name, (label, meaning) in _POLICIES.items():
        counts = run.policies.get(name, {})
        yield label, meaning, [counts.get(outcome, 0) for outcome in ("left", "later", "asked")]


def changed_verdicts(run: Rejudgement) -> int:
    return sum(count for was, counts in run.verdicts.items() for now, count in counts.items() if was != now)


@admin.register(Rejudgement)
class RejudgementAdmin(LookOnlyAdmin[Rejudgement]):
    brand_path = "brand_id"
    empty_text = (
        "After an update, Farewell may judge visits better than it did. Start a look: it counts which verdicts of the "
        "past would change, and changes nothing until you apply it."
    )
    list_title = "Judging again"
    list_display = ["__str__", "last_day", "brand", "standing", "changed", "created_at", "actor"]
    list_select_related = ["brand"]
    list_filter = ["state", "brand"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.may_add(request) and request.user.has_perm("engagement.add_rejudgement")

    def has_apply_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("engagement.change_rejudgement")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.apply_view)
        return [path("<int:run_id>/apply/", view, name="engagement_rejudgement_apply"), *super().get_urls()]

    @admin.display(description="until")
    def last_day(self, run: Rejudgement) -> str:
        return date_format(timezone.localtime(run.until), "Y-m-d H:i")

    @admin.display(description="state", ordering="state")
    def standing(self, run: Rejudgement) -> str:
        if run.state in (State.LOOKING, State.APPLYING) and run.total_count:
            return f"{run.get_state_display()}, {100 * run.seen_count // run.total_count} %"
        return run.get_state_display()

    @admin.display(description="verdicts that change")
    def changed(self, run: Rejudgement) -> str:
        return f"{changed_verdicts(run):,}"

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        today = timezone.localdate()
        form = PeriodForm(
            request.user, request.POST or None, initial={"since": today - timedelta(days=30), "until": today}
        )
        if request.method == "POST" and form.is_valid():
            return self._start(request, form.cleaned_data)
        context = {
            **self.admin_site.each_context(request),
            "title": "Look what judging again would change",
            "opts": self.opts,
            "form": form,
            "rules": RULES_VERSION,
        }
        return TemplateResponse(request, "admin/engagement/rejudgement/add.html", context)

    def _start(self, request: HttpRequest, chosen: dict[str, Any]) -> HttpResponse:
        last: date = chosen["until"]
        run = Rejudgement.objects.create(
            since=day_start(chosen["since"]),
            until=min(day_start(last + timedelta(days=1)), timezone.now()),
            brand=chosen["brand"],
            rules=RULES_VERSION,
            actor=request.user.get_username(),
        )
        tasks.look_again.enqueue(run.pk)
        self.log_addition(request, run, "Started a look")
        return HttpResponseRedirect(_page_of(run))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        run = self.get_object(request, object_id)
        if run is None:
            raise Http404
        changes = changed_verdicts(run)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Judging again, {run}",
            "opts": self.opts,
            "run": run,
            "is_working": run.state in (State.LOOKING, State.APPLYING),
            "is_current": run.rules == RULES_VERSION,
            "verdict_names": VERDICTS,
            "matrix": matrix(run),
            "changed_verdict_count": changes,
            "other_change_count": run.changed_count - changes,
            "policies": list(policies(run)),
            "examples": [(row, capital(kind_words(row["kind"]))) for row in run.examples],
            "may_apply": self.has_apply_permission(request) and may_be_applied(run),
        }
        return TemplateResponse(request, "admin/engagement/rejudgement/run.html", context)

    def apply_view(self, request: HttpRequest, run_id: int) -> HttpResponse:
        if not self.has_apply_permission(request):
            raise PermissionDenied
        run = self.get_object(request, str(run_id))
        if run is None or not may_be_applied(run):
            raise Http404
        if request.method != "POST":
            return confirm(self, request, _question(run))
        Rejudgement.objects.filter(pk=run.pk).update(state=State.APPLYING, seen_count=0)
        tasks.apply_rejudgement.enqueue(run.pk)
        self.log_change(request, run, "Applied")
        self.message_user(request, "The worker applies it now; this page shows how far it is.", messages.SUCCESS)
        return HttpResponseRedirect(_page_of(run))


def may_be_applied(run: Rejudgement) -> bool:
    """Also while it is being applied: when a worker was killed, another one goes on from what is written."""
    return run.state in (State.READY, State.APPLYING) and run.rules == RULES_VERSION and run.changed_count > 0


def _question(run: Rejudgement) -> Question:
    return Question(
        "Apply the new verdicts",
        f"{run.changed_count:,} interactions get the verdict of the present rules; the one they had is kept beside it. "
        "Figures and lists will count them by their new verdict. Nobody's subscription changes: opt-outs and the "
        "ledger stay as they are.",
        "Apply",
        _page_of(run),
    )


def _page_of(run: Rejudgement) -> str:
    return reverse("admin:engagement_rejudgement_change", args=[run.pk])
