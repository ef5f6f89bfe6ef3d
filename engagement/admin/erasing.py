"""Erasing a person, from their page in the admin: asked for once more, with a reason, and not to be undone."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from engagement.forgetting import forget
from preferences.admin.deeds import Question, ReasonForm, confirm
from preferences.admin.scope import within
from preferences.models import Recipient


class ErasureForm(ReasonForm):
    reason = forms.CharField(
        max_length=200,
        widget=forms.TextInput(attrs={"class": "vTextField"}),
        help_text="Stays in the admin's history. Name nobody: asked by letter of 3 November.",
    )


def erase_view(model_admin: ModelAdmin[Any], request: HttpRequest, recipient_id: UUID) -> HttpResponse:
    if not request.user.has_perm("preferences.change_recipient"):
        raise PermissionDenied
    own = within(request.user, Recipient.objects.exclude(address=""), "brand_id").select_related("brand")
    recipient = own.filter(id=recipient_id).first()
    if recipient is None:
        raise Http404
    form = ErasureForm(request.POST if request.method == "POST" else None)
    page = reverse("admin:preferences_recipient_change", args=[recipient.pk])
    if request.method != "POST" or not form.is_valid():
        return confirm(model_admin, request, _question(recipient, page), form)
    forget(recipient, request.user.get_username())
    recipient.address = ""
    model_admin.admin_site.get_model_admin(Recipient).log_change(
        request, recipient, f"Erased: {form.cleaned_data['reason']}"
    )
    model_admin.message_user(request, "Erased. Nothing will be sent to this address.", messages.SUCCESS)
    return HttpResponseRedirect(page)


def _question(recipient: Recipient, back_url: str) -> Question:
    return Question(
        "Erase this person",
        f"Everything that is stored about {recipient.address} at {recipient.brand} goes for good: what was chosen, the "
        "ledger, the visits, the answers. A keyed hash of the address stays, so that nothing is sent to it. Do this if "
        "the person asked for it (GDPR article 17); it cannot be undone.",
        "Erase",
        back_url,
        is_grave=True,
    )
