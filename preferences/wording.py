"""What pages call channels and frequencies, and how they list names."""

from __future__ import annotations

from collections.abc import Iterable

from babel.lists import format_list
from django.utils.translation import gettext_lazy, to_locale

CHANNELS = {"email": gettext_lazy("E-mail"), "sms": gettext_lazy("SMS")}
FREQUENCIES = {
    "every": gettext_lazy("Every one"),
    "daily": gettext_lazy("Daily digest"),
    "weekly": gettext_lazy("Weekly digest"),
    "monthly": gettext_lazy("Monthly digest"),
}


def spoken_list(names: Iterable[str], language: str) -> str:
    """Return the names as the language lists them in a sentence: News, Offers, and Events."""
    return format_list(list(names), "standard", locale=to_locale(language))
