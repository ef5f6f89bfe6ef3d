"""Brands and their topics."""

from __future__ import annotations

from urllib.parse import urlsplit

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from preferences.addresses import address_key_check
from preferences.admin.lists import FarewellAdmin, TypedInline
from preferences.checks import ADDRESS_KEY_HINT
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


class BrandForm(forms.ModelForm[Brand]):
    class Meta:
        model = Brand
        fields = ["name", "slug", "base_url", "from_email", "policy", "settle_minutes", "sends_notice"]

    def clean_base_url(self) -> str:
        """A link is this text and what follows, so nothing may follow already."""
        base_url = str(self.cleaned_data["base_url"])
        parts = urlsplit(base_url)
        if parts.query or parts.fragment or parts.username:
            raise ValidationError(
                "Give a scheme and a host, such as https://leave.example.org, and no more than a path."
            )
        return base_url


@admin.register(Brand)
class BrandAdmin(FarewellAdmin[Brand]):
    brand_path = "id"
    superuser_fields = ("members",)
    empty_text = "A brand is a sender. Add the first one, then its topics, then a key to mint its links with."
    list_display = ["name", "slug", "policy", "settle_minutes", "address_key"]
    form = BrandForm
    search_fields = ["name", "slug"]
    inlines = [TopicInline]
    readonly_fields = ["address_key", "created_at", "ways"]
    fieldsets = [
        (None, {"fields": ["name", "slug", "base_url", "from_email"]}),
        ("Doubt", {"fields": ["policy", "settle_minutes", "sends_notice"]}),
        ("State", {"fields": ["address_key", "created_at", "ways"]}),
    ]

    def get_readonly_fields(self, request: HttpRequest, obj: Brand | None = None) -> list[str]:
        """The slug is what commands and programs call the brand by."""
        return [*self.readonly_fields, *(["slug"] if obj else [])]

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
            '<a href="{}?brand__id__exact={id}">keys</a> · <a href="{}?brand={id}">new key</a> · '
            '<a href="{}?brand__id__exact={id}">ledger</a>',
            keys,
            new_key,
            changes,
            id=brand.pk,
        )


@admin.register(Topic)
class TopicAdmin(FarewellAdmin[Topic]):
    brand_path = "brand_id"
    empty_text = "A topic is a kind of mail one can choose. Add it here; one that a link names appears by itself."
    list_display = ["name", "slug", "brand", "is_default_in", "position"]
    list_select_related = ["brand"]
    list_filter = ["brand"]
    search_fields = ["name", "slug"]
    fields = ["brand", "slug", "name", "description", "is_default_in", "position"]

    def get_readonly_fields(self, request: HttpRequest, obj: Topic | None = None) -> list[str]:
        """Brand and slug stand in links that were sent."""
        return ["brand", "slug"] if obj else []
