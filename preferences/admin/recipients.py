"""Recipients: found by address, explained on one page, and changed through domain verbs with a reason."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from preferences.admin.deeds import confirm
from preferences.admin.finding import MAX_FOUND, SearchTooSlowError, find_recipients
from preferences.admin.lists import LookOnlyAdmin
from preferences.admin.portrait import portrait_of
from preferences.admin.recipient_deeds import Deed, deed_for
from preferences.models import Cause, Recipient, Source

_UNHEARD = "The command import_optouts opts out addresses that were never heard of."


class FoundFilter(admin.SimpleListFilter):
    """The recipients that a search found, by id, so that no address stands in a URL."""

    title = "search"
    parameter_name = "found"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> list[tuple[str, str]]:
        value = request.GET.get(str(self.parameter_name), "")
        return [(value, "Found by the search")] if value else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        return queryset.filter(id__in=_uuids(value.split(","))) if value else queryset


class TrackingFilter(admin.SimpleListFilter):
    title = "tracking"
    parameter_name = "tracking"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> list[tuple[str, str]]:
        return [("no", "Refused")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        # Whoever was erased is not recorded either, but it is not what they said.
        return queryset.filter(is_untracked=True).exclude(address="") if self.value() == "no" else queryset


def _uuids(texts: list[str]) -> list[UUID]:
    try:
        return [UUID(text) for text in texts]
    except ValueError:
        return []


@admin.register(Recipient)
class RecipientAdmin(LookOnlyAdmin[Recipient]):
    """A typed `?q=` is understood too; the page's own form posts, because an address must not stand in a URL."""

    brand_path = "brand_id"
    empty_text = (
        "A person appears here once something was said about them: they left or joined a topic, or a list was "
        "imported. Who was merely sent a mail, or opened a link, is not stored."
    )
    list_display = ["address", "brand", "channel", "created_at"]
    list_select_related = ["brand"]
    list_filter = ["brand", "channel", TrackingFilter, FoundFilter]
    search_fields = ["address"]
    search_help_text = (
        "A whole address or phone number is found at once. A part of one, from 3 characters on, reads every row and is "
        "given up after 3 seconds."
    )
    ordering = ["brand_id", "-created_at", "-id"]  # as the index has them

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("search/", wrap(self.search_view), name="preferences_recipient_search"),
            path("<uuid:recipient_id>/deed/<slug:verb>/", wrap(self.deed_view), name="preferences_recipient_deed"),
            *super().get_urls(),
        ]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Recipient], search_term: str
    ) -> tuple[QuerySet[Recipient], bool]:
        if not search_term.strip():
            return queryset, False
        return queryset.filter(id__in=self._find(request, search_term)), False

    def search_view(self, request: HttpRequest) -> HttpResponse:
        """Find by POST and go on to a URL of ids: to the person's page when there is one."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        found = self._find(request, request.POST.get("q", ""))
        url = reverse("admin:preferences_recipient_changelist")
        if len(found) == 1:
            return HttpResponseRedirect(reverse("admin:preferences_recipient_change", args=found))
        if not found:
            self.message_user(request, f"Nobody found. {self.empty_text} {_UNHEARD}", messages.WARNING)
            return HttpResponseRedirect(url)
        if len(found) == MAX_FOUND:
            self.message_user(request, f"These are the first {MAX_FOUND}; give more of the address.", messages.INFO)
        return HttpResponseRedirect(f"{url}?found={','.join(map(str, found))}")

    def _find(self, request: HttpRequest, text: str) -> list[UUID]:
        try:
            return find_recipients(request.user, text)
        except SearchTooSlowError:
            self.message_user(request, "That takes too long. Give the whole address.", messages.ERROR)
            return []

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        recipient = self.get_object(request, object_id)
        if recipient is None:
            raise Http404
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": recipient.address or "An erased person",
            "recipient": recipient,
            "portrait": portrait_of(recipient),
            "may_change": bool(recipient.address) and request.user.has_perm("preferences.change_recipient"),
        }
        return TemplateResponse(request, "admin/preferences/recipient/portrait.html", context)

    def deed_view(self, request: HttpRequest, recipient_id: UUID, verb: str) -> HttpResponse:
        if not request.user.has_perm("preferences.change_recipient"):
            raise PermissionDenied
        recipient = self.get_object(request, str(recipient_id))
        if recipient is None:
            raise Http404
        deed = deed_for(recipient, verb, request.GET.get("topic", ""))
        form = deed.form(request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():
            return self._do(request, recipient, deed, form.cleaned_data)
        return confirm(self, request, deed.question, form)

    def _do(self, request: HttpRequest, recipient: Recipient, deed: Deed, data: dict[str, Any]) -> HttpResponse:
        cause = Cause(Source.ADMIN, reason=data["reason"], actor=request.user.get_username())
        if deed.act(cause, data).has_changed:
            self.log_change(request, recipient, deed.question.title)
            self.message_user(request, f"Done, and written to the ledger: {deed.done}", messages.SUCCESS)
        else:
            self.message_user(request, f"Nothing to change: {deed.done}", messages.INFO)
        return HttpResponseRedirect(deed.question.back_url)
