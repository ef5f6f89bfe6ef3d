"""What is said in more than one language: a row for each language, on the page of what it belongs to."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import Field, Model
from django.http import HttpRequest
from django.utils.text import capfirst

from preferences.admin.lists import TypedInline
from preferences.models import (
    Brand,
    BrandText,
    LeavingReason,
    LeavingReasonText,
    Topic,
    TopicGroup,
    TopicGroupText,
    TopicText,
)


class TextInline[C: Model, P: Model](TypedInline[C, P]):
    """Whoever may change a thing may change what it is called; there is one empty row, also without the script."""

    extra = 1
    verbose_name = "language"
    verbose_name_plural = "In other languages"

    def formfield_for_dbfield(self, db_field: Field[Any, Any], request: HttpRequest, **kwargs: Any) -> Any:
        """A table's head names its columns, which screen readers do not connect with the fields."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None:
            field.widget.attrs["aria-label"] = capfirst(field.label or db_field.name)
        return field

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, "view") or self._may(request, "change")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, "change") or (obj is None and self._may(request, "add"))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, "change")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, "change")

    def _may(self, request: HttpRequest, verb: str) -> bool:
        options = self.parent_model._meta
        return request.user.has_perm(f"{options.app_label}.{verb}_{options.model_name}")


class BrandTextForm(forms.ModelForm[BrandText]):
    class Meta:
        model = BrandText
        fields = ["language", "introduction", "goodbye", "footer"]
        widgets = {name: forms.Textarea({"rows": 2, "cols": 60}) for name in ("introduction", "goodbye", "footer")}


class BrandTextInline(TextInline[BrandText, Brand]):
    model = BrandText
    form = BrandTextForm
    template = "admin/edit_inline/stacked.html"
    verbose_name = "own texts"
    verbose_name_plural = "Own texts, per language"


class TopicTextInline(TextInline[TopicText, Topic]):
    model = TopicText
    fields = ["language", "name", "description", "rhythm"]


class TopicGroupTextInline(TextInline[TopicGroupText, TopicGroup]):
    model = TopicGroupText
    fields = ["language", "name"]


class LeavingReasonTextInline(TextInline[LeavingReasonText, LeavingReason]):
    model = LeavingReasonText
    fields = ["language", "text"]
