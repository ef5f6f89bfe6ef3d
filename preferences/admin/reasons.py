"""What a brand offers to answer when it asks why someone left."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from preferences.admin.lists import FarewellAdmin
from preferences.admin.texts import LeavingReasonTextInline
from preferences.models import LeavingReason


@admin.register(LeavingReason)
class LeavingReasonAdmin(FarewellAdmin[LeavingReason]):
    """Answers name a reason by its slug, so that stays, and a reason goes by being offered no more."""

    brand_path = "brand_id"
    list_title = "Reasons for leaving"
    empty_text = (
        "A brand without reasons of its own offers the built-in ones. The first that you add replaces them all."
    )
    list_display = ["text", "slug", "brand", "is_offered", "position"]
    list_editable = ["is_offered", "position"]
    list_select_related = ["brand"]
    list_filter = ["brand", "is_offered"]
    search_fields = ["text", "slug"]
    inlines = [LeavingReasonTextInline]
    fieldsets = [
        (
            None,
            {
                "fields": ["brand", "slug", "text", "position", "is_offered"],
                "description": "Answers that were given stay with the reason, also under another text and when it is "
                "not offered any more. For a reason of another meaning, add a new one.",
            },
        )
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[LeavingReason]:
        return super().get_queryset(request).defer("brand__logo")

    def get_readonly_fields(self, request: HttpRequest, obj: LeavingReason | None = None) -> list[str]:
        """Answers are stored by these."""
        return ["brand", "slug"] if obj else []
