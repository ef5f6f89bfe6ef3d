"""The burst alarm's pages: what looks like a scan, and what an operator decides about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.text import Truncator

from engagement.admin.interactions import spoken_age
from engagement.models import Mailing
from engagement.spool.wishes import broken_files, tallies
from preferences.admin.deeds import ReasonForm
from preferences.admin.ledger import reasons, standing
from preferences.admin.lists import LookOnlyAdmin
from preferences.admin.scope import brand_ids_of
from preferences.models import Brand, PreferenceChange, State
from preferences.site import is_superuser
from unsubscribe import bursts
from unsubscribe.models import ScannedMailing
from unsubscribe.waiting import is_on

_DEEDS = {"put_back": bursts.put_back, "accept": bursts.accept, "reverse": bursts.reverse}
_DONE = {
    "put_back": "put back on the list",
    "accept": "accepted as people’s, and final",
    "reverse": "reversed",
}


class DecisionForm(ReasonForm):
    deed = forms.ChoiceField(choices=[(name, name) for name in _DEEDS], widget=forms.HiddenInput)
    change = forms.TypedMultipleChoiceField(coerce=int, error_messages={"required": "Select at least one opt-out."})

    def __init__(self, ids: list[int], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["change"]
        assert isinstance(field, forms.TypedMultipleChoiceField)
        field.choices = [(number, number) for number in ids]


@dataclass(frozen=True, slots=True)
class Row:
    """One opt-out as the table shows it."""

    change: PreferenceChange
    age: str
    standing: str
    reasons: list[str]
    is_back: bool


@admin.register(ScannedMailing)
class ScannedMailingAdmin(LookOnlyAdmin[ScannedMailing]):
    brand_path = "brand_id"

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [path("waiting/", wrap(self.waiting_view), name="unsubscribe_waiting"), *super().get_urls()]

    def waiting_view(self, request: HttpRequest) -> HttpResponse:
        """What waits on this machine, of all brands: for superusers."""
        if not is_superuser(request):
            raise PermissionDenied
        rows = waiting_rows()
        context = {"rows": rows, "total": sum(row.count for row in rows), "broken": broken_files(), "is_on": is_on()}
        return self._page(request, "waiting", "Opt-outs that wait", **context)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        found = bursts.alarms(brand_ids_of(request.user))
        brands = Brand.objects.in_bulk({alarm.brand_id for alarm in found})
        ids = {
            (row.brand_id, row.slug): row.pk
            for row in Mailing.objects.filter(slug__in=[alarm.mailing for alarm in found], brand__in=brands)
        }
        rows = [(brands[alarm.brand_id], alarm, ids.get((alarm.brand_id, alarm.mailing))) for alarm in found]
        return self._page(request, "change_list", "Bursts of opt-outs", rows=rows)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        mailing = self.get_object(request, object_id)
        if mailing is None:
            raise Http404
        if request.method == "POST":
            return self._decide(request, mailing)
        return self._show(request, mailing)

    def _show(self, request: HttpRequest, mailing: ScannedMailing, form: DecisionForm | None = None) -> HttpResponse:
        undecided = bursts.opt_outs_of(mailing.brand_id, mailing.slug)
        decided = bursts.decided_of(mailing.brand_id, mailing.slug)
        return self._page(
            request,
            "change_form",
            f"Opt-outs of {Truncator(mailing.slug).chars(60)}",
            mailing=mailing,
            alarm=bursts.alarm_of([_as_opt_out(row) for row in undecided]) if undecided else None,
            undecided=[_row(change) for change in undecided],
            decided=[_row(change) for change in decided],
            form=form or DecisionForm([]),
            errors=[error for errors in form.errors.values() for error in errors] if form else [],
            chosen=set(form.data.getlist("change")) if form else set(),  # type: ignore[attr-defined]
            may_decide=request.user.has_perm("preferences.change_recipient"),
        )

    def _decide(self, request: HttpRequest, mailing: ScannedMailing) -> HttpResponse:
        if not request.user.has_perm("preferences.change_recipient"):
            raise PermissionDenied
        known = [
            *bursts.opt_outs_of(mailing.brand_id, mailing.slug),
            *bursts.decided_of(mailing.brand_id, mailing.slug),
        ]
        gone = {int(text) for text in request.POST.getlist("change") if text.isdecimal() and len(text) < 19}
        form = DecisionForm([row.id for row in known], request.POST)
        if not form.is_valid():
            return self._show(request, mailing, form)
        deed = form.cleaned_data["deed"]
        actor = request.user.get_username()
        result = _DEEDS[deed](form.cleaned_data["change"], form.cleaned_data["reason"], actor)
        self.log_change(request, mailing, f"{result.changed_count} opt-outs {_DONE[deed]}")
        text = f"{result.changed_count} opt-outs were {_DONE[deed]}."
        if result.passed_count:
            text += f" {result.passed_count} of {len(gone)} had changed meanwhile and were left alone."
        self.message_user(request, text, messages.SUCCESS if result.changed_count else messages.WARNING)
        return HttpResponseRedirect(reverse("admin:unsubscribe_scannedmailing_change", args=[mailing.pk]))

    def _page(self, request: HttpRequest, name: str, title: str, **context: Any) -> HttpResponse:
        shared = {**self.admin_site.each_context(request), "opts": self.opts, "title": title}
        return TemplateResponse(request, f"admin/unsubscribe/scannedmailing/{name}.html", shared | context)


@dataclass(frozen=True, slots=True)
class WaitingRow:
    brand: str
    count: int
    oldest_at: datetime


def waiting_rows() -> list[WaitingRow]:
    found = tallies()
    names = Brand.objects.in_bulk([tally.brand_id for tally in found])
    return [
        WaitingRow(
            str(names.get(tally.brand_id, f"brand {tally.brand_id}, which is gone")),
            tally.count,
            datetime.fromtimestamp(tally.oldest_at, UTC),
        )
        for tally in found
    ]


def _as_opt_out(row: PreferenceChange) -> bursts.OptOut:
    age, network = row.evidence.get("send_age"), row.evidence.get("network") or ""
    return bursts.OptOut(row.id, row.brand_id, row.mailing, age, network)


def _row(change: PreferenceChange) -> Row:
    age = spoken_age(change.evidence.get("send_age"))
    return Row(change, age, standing(change.settles_at), reasons(change), change.state != State.OUT)
