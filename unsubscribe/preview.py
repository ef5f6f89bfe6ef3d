"""What the frames of a brand's preview in the admin show: the real pages, of a recipient that does not exist.

Their links lead from one to another, because a page's links all start with its door and token: here these are the
preview's own path. Their forms are sent nowhere.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from django.contrib import admin
from django.contrib.staticfiles import finders
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path, reverse
from django.utils.csp import CSP
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.csp import csp_override
from django.views.decorators.http import require_safe

from preferences import pages as preference_pages
from preferences.colours import stylesheet
from preferences.directory import BrandEntry, Link, entry_of
from preferences.languages import Language, language_for
from preferences.leaving import after_leaving
from preferences.links import Channel, Claims, Purpose
from preferences.models import Brand, Person
from preferences.rendering import page_response
from preferences.switches import board_of
from unsubscribe import offers, pages

_DOOR = "admin/preview"
_SCREENS = {"light": "light", "dark": "dark", "phone": "light"}
_SOMEBODY = "somebody.in.a.preview@example.org"  # where nobody has an address (RFC 2606)
_POLICY = {
    "default-src": [CSP.NONE],
    "style-src": [CSP.SELF],
    "img-src": [CSP.SELF],
    "form-action": [CSP.NONE],
    "base-uri": [CSP.NONE],
    "frame-ancestors": [CSP.SELF],
}


@dataclass(frozen=True, slots=True)
class Frame:
    """A page to show: where it stands, of whom, and in which language."""

    token: str
    link: Link
    language: Language


def landing(frame: Frame) -> HttpResponse:
    return HttpResponse(pages.landing(_DOOR, frame.token, "", frame.link, frame.language))


def done(frame: Frame) -> HttpResponse:
    link, code = frame.link, frame.language.code
    context = {
        "door": _DOOR,
        "token": frame.token,
        "masked": link.masked_address,
        "brand_name": link.brand.name,
        "topic_name": link.topic_name(code),
    }
    context |= offers.below(after_leaving(link.brand, link.claims.topic), code)
    return page_response("unsubscribe/done.html", frame.language, link.brand.look(code), context)


def preferences(frame: Frame) -> HttpResponse:
    code = frame.language.code
    board = board_of(Person.behind(frame.link.recipient), code)
    view = preference_pages.View(
        door=_DOOR,
        token=frame.token,
        action=f"/{_DOOR}/{frame.token}/preferences{frame.language.query}",
        nonce="",
        masked=(frame.link.masked_address,),
        tracks=frame.link.brand.tracks,
    )
    return preference_pages.show(board, view, frame.language, frame.link.brand.look(code))


_PAGES: dict[str, Callable[[Frame], HttpResponse]] = {"landing": landing, "done": done, "preferences": preferences}


@xframe_options_sameorigin
@csp_override(_POLICY)
@require_safe
def frame(request: HttpRequest, brand_id: int, screen: str, page: str = "landing") -> HttpResponse:
    if page not in _PAGES or screen not in _SCREENS:
        raise Http404
    brand = _brand(request, brand_id)
    entry = _restyled(entry_of(brand), reverse("preview-style", args=[brand_id, screen]))
    language = replace(language_for(request, brand.language), is_chosen=True)
    topic = next(iter(entry.topics), "news")
    claims = Claims(Purpose.PREFERENCES, Channel.EMAIL, int(time.time()), topic, "", _SOMEBODY)
    return _PAGES[page](Frame(f"{brand_id}/{screen}", Link(claims, entry), language))


@require_safe
def style(request: HttpRequest, brand_id: int, screen: str) -> HttpResponse:
    """The pages' stylesheet and the brand's, as in a browser that prefers the one scheme or the other."""
    if screen not in _SCREENS:
        raise Http404
    brand, scheme = _brand(request, brand_id), _SCREENS[screen]
    text = Path(str(finders.find("farewell.css"))).read_text() + stylesheet(brand.accent, brand.accent_dark)
    is_dark = "(min-width: 0)" if scheme == "dark" else "(max-width: 0)"
    text = text.replace("(prefers-color-scheme: dark)", is_dark).replace(
        "color-scheme: light dark", f"color-scheme: {scheme}"
    )
    return HttpResponse(text, content_type="text/css; charset=utf-8")


def _brand(request: HttpRequest, brand_id: int) -> Brand:
    """Raises Http404 for a brand that the user does not see, and PermissionDenied where they may not look at any."""
    brand_admin = admin.site.get_model_admin(Brand)
    brand = brand_admin.get_object(request, str(brand_id))
    if brand is None:
        raise Http404
    if not brand_admin.has_view_permission(request, brand):
        raise PermissionDenied
    return brand


def _restyled(entry: BrandEntry, path: str) -> BrandEntry:
    return replace(entry, looks={code: replace(look, stylesheet=path) for code, look in entry.looks.items()})


_frame, _style = admin.site.admin_view(frame), admin.site.admin_view(style)
urlpatterns = [
    path("<int:brand_id>/<slug:screen>", _frame, name="preview"),
    path("<int:brand_id>/<slug:screen>/style.css", _style, name="preview-style"),
    path("<int:brand_id>/<slug:screen>/<slug:page>", _frame, name="preview-frame"),
]
