"""Which language a page speaks: the link's hint, else what the browser asks for, else the brand's.

The hint stands in the URL, `?lang=de`; a sender may append it, and the page's own switch does. No cookie is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache, lru_cache
from pathlib import Path
from urllib.parse import parse_qs

from babel.dates import format_date, format_timedelta
from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import to_locale
from django.utils.translation.trans_real import parse_accept_lang_header

HINT = "lang"
_MAX_HEADER = 200  # what is kept of the header while a process lives
_MAX_QUERY = 2_000
# What browsers call a language that is here by another name (BCP 47; `iw` and `no` are older than their successors).
_OTHER_NAMES = {
    "no": "nb",
    "nn": "nb",
    "iw": "he",
    "zh": "zh-hans",
    "zh-cn": "zh-hans",
    "zh-sg": "zh-hans",
    "zh-tw": "zh-hant",
    "zh-hk": "zh-hant",
    "zh-mo": "zh-hant",
}


@dataclass(frozen=True, slots=True)
class Language:
    """The language of an answer; `is_chosen` when the link or the page's switch named it, so that what the page leads
    to speaks it too."""

    code: str
    is_chosen: bool = False

    @property
    def query(self) -> str:
        """What to append to the URLs of a page."""
        return f"?{HINT}={self.code}" if self.is_chosen else ""

    @property
    def locale(self) -> str:
        """As gettext and CLDR name it: pt_BR."""
        return to_locale(self.code)


@cache
def available() -> dict[str, str]:
    """The languages that have a catalogue, by code, with their own names."""
    folders = [Path(path) for path in settings.LOCALE_PATHS]
    return {
        code: name
        for code, name in settings.LANGUAGES
        if code == settings.LANGUAGE_CODE
        or any((folder / to_locale(code) / "LC_MESSAGES" / "django.mo").exists() for folder in folders)
    }


def language_for(request: HttpRequest, fallback: str) -> Language:
    """Return the language to answer `request` in; `fallback` is the brand's."""
    query = request.META.get("QUERY_STRING")
    if query and (hint := parse_qs(query[:_MAX_QUERY]).get(HINT)) and (code := matching(hint[0])):
        return Language(code, is_chosen=True)
    header = request.META.get("HTTP_ACCEPT_LANGUAGE", "")
    if len(header) > _MAX_HEADER:
        header = header[:_MAX_HEADER].rpartition(",")[0]
    return _wanted(header, fallback)


@lru_cache(2_048)
def _wanted(header: str, fallback: str) -> Language:
    for name, weight in parse_accept_lang_header(header):
        if weight and (code := matching(name)):
            return Language(code)
    return Language(matching(fallback) or settings.LANGUAGE_CODE)


def matching(name: str) -> str | None:
    """Return the code of the available language nearest to `name`, such as `de` for `de-AT`."""
    name = name.lower().replace("_", "-")
    while name:
        code = _OTHER_NAMES.get(name, name)
        if code in available():
            return code
        name = name.rpartition("-")[0]
    return None


def spoken_date(day: date, language: str) -> str:
    """Return the date as the language writes it in a sentence: 3 February 2027, 3. Februar 2027."""
    return format_date(day, "long", locale=to_locale(language))


def spoken_days(count: int, language: str) -> str:
    """Return so many days as the language says them by themselves: 180 days, 180 Tage, 180 днів."""
    # The threshold is the count from which a longer unit is taken: never.
    return format_timedelta(timedelta(days=count), "day", threshold=10**9, locale=to_locale(language))
