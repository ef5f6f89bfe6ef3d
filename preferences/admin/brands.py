"""Brands: how they look and speak, how much doubt they allow, and who works for them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import URLPattern, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from preferences.addresses import address_key_check
from preferences.admin.brand_form import BrandForm
from preferences.admin.lists import FarewellAdmin, TypedInline
from preferences.admin.preview import PreviewViews
from preferences.admin.texts import BrandTextInline
from preferences.checks import ADDRESS_KEY_HINT
from preferences.looks import DOOR, digest_of, logo_name
from preferences.models import Brand, Topic


class TopicInline(TypedInline[Topic, Brand]):
    """New topics are added here; those there are have pages of their own, where the slug stays as links carry it."""

    model = Topic
    extra = 0
    fields = ["slug", "name", "description", "is_default_in", "position"]
    can_delete = False
    show_change_link = True

    def has_change_permission(self, request: HttpRequest, obj: Brand | None = None) -> bool:
        return False


@admin.register(Brand)
class BrandAdmin(PreviewViews, FarewellAdmin[Brand]):
    brand_path = "id"
    superuser_fields = ("members",)
    empty_text = "A brand is a sender. Add the first one, then its topics, then a key to mint its links with."
    list_display = ["name", "slug", "language", "policy", "settle_minutes", "preview_link", "address_key"]
    list_filter = ["policy", "language", "is_double_opt_in"]
    form = BrandForm
    search_fields = ["name", "slug"]
    filter_horizontal = ["members"]
    inlines = [BrandTextInline, TopicInline]
    readonly_fields = ["logo_shown", "address_key", "created_at", "ways"]
    fieldsets = [
        ("Name and link domain", {"fields": ["name", "slug", "base_url"]}),
        ("Look", {"fields": ["logo_shown", "new_logo", "is_logo_removed", "accent", "accent_dark"]}),
        ("Speech", {"fields": ["language"], "description": "Its own texts stand below, one set per language."}),
        ("Legal links", {"fields": ["imprint_url", "privacy_url"], "description": "At the foot of every page."}),
        ("Mail", {"fields": ["from_email", "reply_to", "sends_notice"]}),
        ("Coming and leaving", {"fields": ["is_double_opt_in", "asks_why"]}),
        ("Opens and clicks", {"fields": ["tracks"]}),
        ("Doubt", {"fields": ["policy", "settle_minutes"]}),
        ("Who sees it", {"fields": ["members"]}),
        ("State", {"fields": ["address_key", "created_at", "ways"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Brand]:
        """Without the logos, which are large."""
        return super().get_queryset(request).defer("logo")

    def get_readonly_fields(self, request: HttpRequest, obj: Brand | None = None) -> list[str]:
        """The slug is what commands and programs call the brand by."""
        return [*self.readonly_fields, *(["slug"] if obj else [])]

    def get_fieldsets(self, request: HttpRequest, obj: Brand | None = None) -> Any:
        """Without headings that nothing stands under."""
        return [(name, options) for name, options in super().get_fieldsets(request, obj) if options["fields"]]

    def get_urls(self) -> list[URLPattern]:
        return [*self.preview_urls(), *super().get_urls()]

    @admin.display(description="logo")
    def logo_shown(self, brand: Brand) -> SafeString:
        """The logo as it stands on a light and on a dark page."""
        if not brand.logo:
            return format_html("{}", "None: the name stands in its place.")
        src = DOOR + logo_name(brand, digest_of(bytes(brand.logo)))
        return format_html(
            '<span class="fw-logo"><img src="{0}" alt="on a light page"></span> '
            '<span class="fw-logo fw-logo-dark"><img src="{0}" alt="on a dark page"></span>',
            src,
        )

    @admin.display(description="preview")
    def preview_link(self, brand: Brand) -> SafeString:
        url = reverse("admin:preferences_brand_preview", args=[brand.pk])
        return format_html('<a href="{}">Preview<span class="visually-hidden"> {}</span></a>', url, brand)

    @admin.display(description="address key")
    def address_key(self, brand: Brand) -> SafeString:
        if brand.address_key_check == address_key_check():
            return format_html("{}", "as when the brand was made")
        return format_html(
            '<strong class="fw-alarm">Another one than the brand was made with.</strong> {}', ADDRESS_KEY_HINT
        )

    @admin.display(description="go to")
    def ways(self, brand: Brand) -> SafeString:
        if brand._state.adding:
            return format_html("{}", "Save the brand first.")
        keys = reverse("admin:preferences_brandkey_changelist")
        new_key = reverse("admin:preferences_brandkey_add")
        changes = reverse("admin:preferences_preferencechange_changelist")
        return format_html(
            '{} · <a href="{}?brand__id__exact={id}">topics</a> · <a href="{}?brand__id__exact={id}">keys</a> · '
            '<a href="{}?brand={id}">new key</a> · <a href="{}?brand__id__exact={id}">ledger</a>',
            self.preview_link(brand),
            reverse("admin:preferences_topic_changelist"),
            keys,
            new_key,
            changes,
            id=brand.pk,
        )
