"""Mailings, and the times in which the recorder had to shed."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from engagement.models import Mailing, RecordingGap
from preferences.admin.lists import FarewellAdmin, LookOnlyAdmin


@admin.register(Mailing)
class MailingAdmin(FarewellAdmin[Mailing]):
    brand_path = "brand_id"
    empty_text = "A mailing appears by itself when the first link that names it is opened."
    list_display = ["slug", "brand", "delivered_count", "created_at", "prevented"]
    list_editable = ["delivered_count"]
    list_select_related = ["brand"]
    list_filter = ["brand", "created_at", ("delivered_count", admin.EmptyFieldListFilter)]
    search_fields = ["slug"]
    fields = ["slug", "brand", "delivered_count", "created_at", "prevented"]
    readonly_fields = ["slug", "brand", "created_at", "prevented"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @admin.display(description="robots")
    def prevented(self, mailing: Mailing) -> SafeString:
        query = urlencode({"period": "90", "brand": str(mailing.brand_id), "mailing": mailing.slug})
        url = f"{reverse('admin:engagement_interaction_prevented')}?{query}"
        return format_html('<a href="{}">Figures<span class="visually-hidden"> of {}</span></a>', url, mailing.slug)


@admin.register(RecordingGap)
class RecordingGapAdmin(LookOnlyAdmin[RecordingGap]):
    brand_path = ""
    empty_text = (
        "Nothing was ever shed. When more comes than can be recorded, statistics give way, and it is said here."
    )
    list_display = ["started_at", "ended_at", "lost_count"]
    readonly_fields = ["started_at", "ended_at", "lost_count"]
