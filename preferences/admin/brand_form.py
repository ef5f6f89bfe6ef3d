"""The form of a brand: what is checked before a brand looks or links another way."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile

from preferences.admin.colours import ColourField
from preferences.colours import DARK, LIGHT
from preferences.logos import MAX_HEIGHT, MAX_WIDTH, Logo, read_logo
from preferences.models import Brand
from preferences.models.brands import MAX_LOGO_BYTES

_LOGO_HELP = (
    f"PNG, JPEG or WebP. It is kept in at most {MAX_WIDTH} × {MAX_HEIGHT} pixels and {MAX_LOGO_BYTES // 1000} kB, and "
    "shown 3 lines high at most."
)


class LogoField(forms.FileField):
    def clean(self, data: Any, initial: Any = None) -> Logo | None:
        """Return the picture as it is to be kept. Raises ValidationError that says what is wrong with the file."""
        file: UploadedFile[Any] | None = super().clean(data, initial)
        return read_logo(file, file.size or 0) if file else None


class BrandForm(forms.ModelForm[Brand]):
    accent = ColourField(LIGHT, label="Colour", help_text="Of buttons and links on a light page.")
    accent_dark = ColourField(DARK, label="Colour on dark", help_text="Of buttons and links on a dark page.")
    new_logo = LogoField(
        label="New logo",
        required=False,
        help_text=_LOGO_HELP,
        widget=forms.FileInput({"accept": "image/png,image/jpeg,image/webp"}),
    )
    is_logo_removed = forms.BooleanField(label="Remove the logo", required=False)

    class Meta:
        model = Brand
        fields = [
            *("name", "slug", "base_url", "accent", "accent_dark", "language", "from_email", "reply_to"),
            *("imprint_url", "privacy_url", "policy", "settle_minutes", "sends_notice", "is_double_opt_in"),
            *("asks_why", "tracks", "members"),
        ]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name, other in (("accent", "accent_dark"), ("accent_dark", "accent")):
            if isinstance(field := self.fields.get(name), ColourField):
                field.widget.other = str(self.data.get(other, "") if self.is_bound else getattr(self.instance, other))

    def clean_base_url(self) -> str:
        """A link is this text and what follows, so nothing may follow already."""
        base_url = str(self.cleaned_data["base_url"])
        parts = urlsplit(base_url)
        if parts.query or parts.fragment or parts.username:
            raise ValidationError(
                "Give a scheme and a host, such as https://leave.example.org, and no more than a path."
            )
        return base_url

    def save(self, commit: bool = True) -> Brand:
        logo: Logo | None = self.cleaned_data.get("new_logo")
        if logo:
            self.instance.logo, self.instance.logo_type = logo.content, logo.type
        elif self.cleaned_data.get("is_logo_removed"):
            self.instance.logo, self.instance.logo_type = None, ""
        return super().save(commit)
