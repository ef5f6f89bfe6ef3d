"""The preference page's door: by a link of its own, or from an unsubscribe page."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods

from engagement.detection import Value
from engagement.models import Kind
from preferences.models import Source
from preferences.pages import answer_preferences
from unsubscribe.bodies import read_form
from unsubscribe.doors import Visit


@require_http_methods(["GET", "HEAD", "POST"])
def preferences(request: HttpRequest, door: str, token: str) -> HttpResponse:
    """The preference page, by its own link or from an unsubscribe page."""
    visit = Visit.open(request, door, token)
    action = f"/{door}/{token}" if door == "p" else f"/{door}/{token}/preferences"
    fields = read_form(request) if request.method == "POST" else None
    is_by_hand = fields is not None and visit.judge(is_press=True)[1].value is not Value.MACHINE
    cause = visit.cause(Source.PREFERENCE_PAGE)
    response = answer_preferences(visit.link, visit.language, action, fields, cause, is_by_hand=is_by_hand)
    visit.record(Kind.PREFERENCES_VISIT if fields is None else Kind.PREFERENCES_SAVE, "page")
    return response
