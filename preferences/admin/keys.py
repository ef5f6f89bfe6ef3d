"""Brand keys: made, shown once, retired, revived; never edited and never deleted."""

from __future__ import annotations

from typing import Any

from cryptography.fernet import InvalidToken
from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString

from preferences.admin.deeds import Question, confirm
from preferences.admin.lists import LookOnlyAdmin
from preferences.admin.scope import AnyUser, brands_of
from preferences.models import Brand, BrandKey


class KeyForm(forms.ModelForm[BrandKey]):
    def __init__(self, user: AnyUser, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["brand"].queryset = brands_of(user)  # type: ignore[attr-defined]

    class Meta:
        model = BrandKey
        fields = ["brand", "note"]
        widgets = {"note": forms.TextInput(attrs={"class": "vTextField"})}


@admin.register(BrandKey)
class BrandKeyAdmin(LookOnlyAdmin[BrandKey]):
    brand_path = "brand_id"
    empty_text = "A key seals a brand's links. Make one with “Add brand key”; your mail system mints links with it."
    list_display = ["kid", "brand", "note", "created_at", "condition", "deed"]
    list_select_related = ["brand"]
    list_filter = ["brand", ("retired_at", admin.EmptyFieldListFilter)]
    readonly_fields = ["kid", "brand", "note", "created_at", "condition", "deed"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.may_add(request) and request.user.has_perm("preferences.add_brandkey")

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("<int:key_id>/retire/", wrap(self.retire_view), name="preferences_brandkey_retire"),
            path("<int:key_id>/revive/", wrap(self.revive_view), name="preferences_brandkey_revive"),
            *super().get_urls(),
        ]

    @admin.display(description="condition")
    def condition(self, key: BrandKey) -> str:
        if key.retired_at:
            return f"retired on {date_format(key.retired_at, 'j M Y H:i')}: its links open no door"
        try:
            key.link_key()
        except InvalidToken:
            return "unreadable: add the former SECRET_KEY to SECRET_KEY_FALLBACKS"
        return "live"

    @admin.display(description="change")
    def deed(self, key: BrandKey) -> SafeString:
        verb = "revive" if key.retired_at else "retire"
        url = reverse(f"admin:preferences_brandkey_{verb}", args=[key.pk])
        return format_html('<a href="{}">{}<span class="visually-hidden"> {}</span></a>', url, verb.title(), key.kid)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The answer to the POST shows the key: it passes through no session, no message and no redirect."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = KeyForm(request.user, request.POST or None, initial={"brand": request.GET.get("brand")})
        context = {**self.admin_site.each_context(request), "opts": self.opts, "title": "New brand key", "form": form}
        if request.method != "POST" or not form.is_valid():
            context["has_brands"] = brands_of(request.user).exists()
            return TemplateResponse(request, "admin/preferences/brandkey/add.html", context)
        brand: Brand = form.cleaned_data["brand"]
        stored, key = brand.add_key(form.cleaned_data["note"])
        self.log_addition(request, stored, "Made.")
        context |= {"title": "The new key", "key_text": key.to_text(), "stored": stored, "brand": brand}
        return TemplateResponse(request, "admin/preferences/brandkey/shown_once.html", context)

    def retire_view(self, request: HttpRequest, key_id: int) -> HttpResponse:
        key = self._key_to_change(request, key_id)
        if request.method == "POST":
            key.retire()
            return self._done(request, key, f"Key {key.kid} is retired.")
        text = (
            f"Within seconds no link that was sealed with key {key.kid} of {key.brand} opens: people who click one "
            "in an older mail get the help page instead. Retire a key that has leaked, or one whose last mail is "
            "so old that its links need not work (the longest that a law asks for is 60 days). You can revive it."
        )
        back_url = reverse("admin:preferences_brandkey_changelist")
        return confirm(self, request, Question(f"Retire key {key.kid}?", text, "Retire", back_url, is_grave=True))

    def revive_view(self, request: HttpRequest, key_id: int) -> HttpResponse:
        key = self._key_to_change(request, key_id)
        if request.method == "POST":
            key.revive()
            return self._done(request, key, f"Key {key.kid} is live again.")
        text = f"Links sealed with key {key.kid} of {key.brand} open again, and whoever holds it can mint more."
        back_url = reverse("admin:preferences_brandkey_changelist")
        return confirm(self, request, Question(f"Revive key {key.kid}?", text, "Revive", back_url))

    def _key_to_change(self, request: HttpRequest, key_id: int) -> BrandKey:
        if not request.user.has_perm("preferences.change_brandkey"):
            raise PermissionDenied
        key: BrandKey | None = self.get_object(request, str(key_id))
        if key is None:
            raise Http404
        return key

    def _done(self, request: HttpRequest, key: BrandKey, text: str) -> HttpResponse:
        self.log_change(request, key, text)
        self.message_user(request, text, messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:preferences_brandkey_changelist"))
