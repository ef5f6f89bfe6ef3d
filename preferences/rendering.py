"""Public pages, rendered in a language and in a brand's look."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.template.loader import render_to_string
from django.utils import translation

from preferences.languages import Language, available
from preferences.looks import Look


def page(template: str, language: Language, look: Look | None, context: dict[str, Any]) -> str:
    """Return the page. Every page of ours gets `language`, `languages` (for the switch), `query` (to be appended to the
    page's own URLs) and `look`."""
    shared = {
        "language": language.code,
        "language_name": available()[language.code],
        "languages": available(),
        "query": language.query,
        "look": look,
    }
    with translation.override(language.code):
        return render_to_string(template, shared | context)


def page_response(template: str, language: Language, look: Look | None, context: dict[str, Any]) -> HttpResponse:
    return HttpResponse(page(template, language, look, context))
