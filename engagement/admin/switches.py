"""Leaving non-human interactions out of the figures, per brand and channel: turning it, and how far the worker is."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from engagement import tasks
from engagement.counting import switches
from engagement.models import CountingSwitch, Rejudgement
from preferences.admin.deeds import Question, confirm
from preferences.admin.lists import LookOnlyAdmin
from preferences.admin.scope import AnyUser, brands_of
from preferences.links import Channel
from preferences.models import Brand

State = Rejudgement.State
CHANNELS = {Channel.EMAIL.value: "e-mail", Channel.SMS.value: "SMS"}
_WAYS = {"out": "Leave them out", "in": "Count them"}


class SwitchForm(forms.Form):
    brand = forms.ModelChoiceField(Brand.objects.all(), empty_label="Choose one")
    channel = forms.ChoiceField(choices=list(CHANNELS.items()))
    way = forms.ChoiceField(label="Non-human interactions", choices=list(_WAYS.items()))
    is_backward = forms.BooleanField(
        label="Also hold against visits what was learned after them",
        required=False,
        help_text="Programs and networks that were found to be robots later. Without it, only by what was known then.",
    )

    def __init__(self, user: AnyUser, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["brand"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = brands_of(user)
        self.user = user if isinstance(user, User) else None

    def turn(self) -> CountingSwitch | None:
        """Turn it; None, with an error in the form, when it cannot be turned now."""
        chosen = self.cleaned_data
        try:
            return switches.turn(
                chosen["brand"],
                chosen["channel"],
                self.user,
                leaves_out=chosen["way"] == "out",
                is_backward=chosen["is_backward"],
            )
        except switches.SwitchError as error:
            self.add_error(None, str(error))
            return None


@admin.register(CountingSwitch)
class CountingSwitchAdmin(LookOnlyAdmin[CountingSwitch]):
    brand_path = "brand_id"
    list_title = "Robots in the figures"
    empty_text = (
        "All interactions are counted, those of robots and of privacy prefetches too; each page of figures shows both "
        "side by side. Turn the switch of a brand and channel, and its figures leave them out."
    )
    list_display = ["__str__", "brand", "since", "standing", "decided_at", "decided_by"]
    list_select_related = ["brand", "rejudgement", "decided_by"]
    list_filter = ["brand", "channel", "leaves_out"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.may_add(request) and request.user.has_perm("engagement.add_countingswitch")

    def get_urls(self) -> list[URLPattern]:
        def named(deed: str, view: Any) -> URLPattern:
            found: URLPattern = path(
                f"<int:switch_id>/{deed}/", self.admin_site.admin_view(view), name=f"engagement_countingswitch_{deed}"
            )
            return found

        return [named("again", self.again_view), named("give_up", self.give_up_view), *super().get_urls()]

    @admin.display(description="state")
    def standing(self, switch: CountingSwitch) -> str:
        if switch.since is not None:
            return "in force"
        run = switch.rejudgement
        if run is None or run.state == State.FAILED:
            return "failed: the figures are as before"
        share = f" {100 * run.seen_count // run.total_count} %" if run.total_count else ""
        return f"judging again{share}: the figures are as before"

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = SwitchForm(request.user, request.POST or None, initial=request.GET.dict())
        if request.method == "POST" and form.is_valid() and (switch := form.turn()):
            self._give_to_worker(switch)
            self.log_addition(request, switch, "Turned")
            return HttpResponseRedirect(_page_of(switch))
        return TemplateResponse(
            request,
            "admin/engagement/countingswitch/add.html",
            {**self.admin_site.each_context(request), "title": "Turn a switch", "opts": self.opts, "form": form},
        )

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        switch = self.get_object(request, object_id)
        if switch is None:
            raise Http404
        run = switch.rejudgement
        context = {
            **self.admin_site.each_context(request),
            "title": f"Robots in the figures of {switch.brand}, {CHANNELS[switch.channel]}",
            "opts": self.opts,
            "switch": switch,
            "run": run,
            "has_failed": run is not None and run.state == State.FAILED,
            "changed_count": switch.rejudgement.revisions.exclude(applied_at=None).count() if run else 0,
            "may_turn": self.has_add_permission(request),
        }
        return TemplateResponse(request, "admin/engagement/countingswitch/switch.html", context)

    def again_view(self, request: HttpRequest, switch_id: int) -> HttpResponse:
        """Give the run to the worker once more; also when a worker was killed. What is in force is not run again."""
        switch = self._waiting(request, switch_id)
        if request.method != "POST":
            return confirm(self, request, _again(switch))
        Rejudgement.objects.filter(switch=switch).update(state=State.APPLYING, problem="")
        self._give_to_worker(switch)
        self.log_change(request, switch, "Tried again")
        return HttpResponseRedirect(_page_of(switch))

    def give_up_view(self, request: HttpRequest, switch_id: int) -> HttpResponse:
        switch = self._waiting(request, switch_id)
        if request.method != "POST":
            return confirm(self, request, _giving_up(switch))
        try:
            switches.give_up(switch)
        except switches.SwitchError as error:
            self.message_user(request, str(error), messages.ERROR)
            return HttpResponseRedirect(_page_of(switch))
        self.message_user(request, "The figures stay as they are.", messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:engagement_countingswitch_changelist"))

    def _waiting(self, request: HttpRequest, switch_id: int) -> CountingSwitch:
        if not self.has_add_permission(request):
            raise PermissionDenied
        switch: CountingSwitch | None = self.get_object(request, str(switch_id))
        if switch is None or switch.since is not None or switch.rejudgement is None:
            raise Http404
        return switch

    def _give_to_worker(self, switch: CountingSwitch) -> None:
        run = switch.rejudgement
        assert run
        transaction.on_commit(lambda: tasks.recount.enqueue(run.pk))


def _again(switch: CountingSwitch) -> Question:
    text = "The worker judges the days again from the first one. Until it has finished, the figures stay as they are."
    return Question("Try again", text, "Try again", _page_of(switch))


def _giving_up(switch: CountingSwitch) -> Question:
    text = "The switch goes back to what it was, and nothing of it was ever seen in the figures."
    return Question("Give this switch up", text, "Give up", _page_of(switch))


def _page_of(switch: CountingSwitch) -> str:
    return reverse("admin:engagement_countingswitch_change", args=[switch.pk])
