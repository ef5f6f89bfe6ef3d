"""Public pages, rendered in a language and in a brand's look."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import translation

from preferences.languages import Language, available, language_for
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


def no_page(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The answer to an address that leads nowhere; a door answers a link that opens nothing itself."""
    response = page_response("404.html", language_for(request, settings.LANGUAGE_CODE), None, {})
    response.status_code = 404
    return response
