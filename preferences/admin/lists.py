"""What the admin's lists have in common: they show the user's own brands, and stay quick over tables of millions."""

from __future__ import annotations

import json
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from django import forms
from django.contrib import admin
from django.core import checks
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst

from preferences.admin.scope import OwnBrands, OwnChoices

if TYPE_CHECKING:

    class TypedAdmin[M: Model](admin.ModelAdmin[M]):
        """The stubs' generic class, which Django's own is not at run time."""

    class TypedInline[C: Model, P: Model](OwnChoices, admin.TabularInline[C, P]):
        """As `TypedAdmin`, offering only what the user may see."""
else:

    class TypedAdmin(admin.ModelAdmin):
        def __class_getitem__(cls, _: object) -> type[Self]:
            return cls

    class TypedInline(OwnChoices, admin.TabularInline):
        def __class_getitem__(cls, _: object) -> type[Self]:
            return cls


class CappedPaginator(Paginator[Any]):
    """Counts no further than `CAP`: nobody leafs through more, and a whole count reads the whole table."""

    CAP = 10_000
    object_list: QuerySet[Any]

    @cached_property
    def _seen_count(self) -> int:
        return self.object_list.order_by()[: self.CAP + 1].count()

    @cached_property
    def count(self) -> int:
        return min(self._seen_count, self.CAP)

    @property
    def is_capped(self) -> bool:
        return self._seen_count > self.CAP


class LabelledForm(forms.ModelForm[Any]):
    """A row of an editable list; its fields have no label but their column's head, which a screen reader does not
    connect."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs["aria-label"] = f"{capfirst(field.label)} of {self.instance}"


class FarewellAdmin[M: Model](OwnBrands, TypedAdmin[M]):
    """A list with `list_title` or its plural as title, and `empty_text`: what will appear in it, and how."""

    empty_text = ""
    list_title = ""
    actions = None
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> type[forms.ModelForm[M]]:
        return super().get_changelist_form(request, **{"form": LabelledForm, **kwargs})

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        title = self.list_title or capfirst(str(self.opts.verbose_name_plural))
        return super().changelist_view(request, {"title": title, **(extra_context or {})})

    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False

    def check(self, **kwargs: Any) -> list[checks.CheckMessage]:
        """farewell.E004: nobody has said where rows of the model have their brand's id, so nobody sees any."""
        if self.brand_path is not None:
            return super().check(**kwargs)
        hint = 'Such as "brand_id" or "topic__brand_id"; "" for what belongs to no brand (preferences/admin/scope.py).'
        error = checks.Error("The admin declares no brand_path.", hint=hint, obj=type(self), id="farewell.E004")
        return [*super().check(**kwargs), error]


class LookOnlyAdmin[M: Model](FarewellAdmin[M]):
    """For what only domain verbs may write: a row's page shows the read-only fields and has no others."""

    paginator = CappedPaginator
    show_full_result_count = False
    sortable_by = ()

    def get_fields(self, request: HttpRequest, obj: M | None = None) -> list[Any]:
        return list(self.readonly_fields)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        names = (f"{self.opts.app_label}.{verb}_{self.opts.model_name}" for verb in ("view", "change"))
        return self.is_own(request, obj) and any(request.user.has_perm(name) for name in names)


def pretty_json(value: object) -> SafeString:
    return format_html('<pre class="fw-json">{}</pre>', json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True))


def as_list(lines: list[str]) -> SafeString:
    """Return `lines` as an HTML list; a single one as it is."""
    if len(lines) <= 1:
        return format_html("{}", "".join(lines) or "–")
    items = [format_html("<li>{}</li>", line) for line in lines]
    return format_html('<ul class="fw-reasons">{}</ul>', SafeString("".join(items)))
