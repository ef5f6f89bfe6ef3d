"""A deed of the admin: GET shows what would happen, POST does it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse


class ReasonForm(forms.Form):
    reason = forms.CharField(
        max_length=200,
        widget=forms.TextInput(attrs={"class": "vTextField"}),
        help_text="For whoever reads the ledger later, such as: asked by phone on 3 November.",
    )


@dataclass(frozen=True, slots=True)
class Question:
    """What the page asks before a deed is done; `button` names the deed, `back_url` is where not doing it leads."""

    title: str
    text: str
    button: str
    back_url: str
    is_grave: bool = False


def confirm(
    model_admin: ModelAdmin[Any], request: HttpRequest, question: Question, form: forms.Form | None = None
) -> HttpResponse:
    context = {
        **model_admin.admin_site.each_context(request),
        "title": question.title,
        "question": question,
        "form": form,
        "opts": model_admin.opts,
    }
    return TemplateResponse(request, "admin/confirm_deed.html", context)
