"""The one middleware in front of all others: it answers the public doors and lets nothing else touch them."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import Error
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.csp import CSP, build_policy

from engagement.tracking.answers import PIXEL
from preferences.languages import language_for
from preferences.links import LinkError
from preferences.pulse import pulse
from unsubscribe import asking, pages
from unsubscribe.bodies import BodyError
from unsubscribe.tracked import Picture
from unsubscribe.urls import urlpatterns
from unsubscribe.waiting import waiting

logger = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = 120


def _split(path: str) -> tuple[tuple[str, ...], str]:
    """Part the token from the rest, which names the door: u/TOKEN/arrive gives ("u", "arrive") and the token."""
    door, token, *action = path.split("/")
    return (door, *action), token


# Looked up here, because resolving a URLconf takes as long as a quarter of all else that the landing page costs.
_DOORS = {_split(str(pattern.pattern))[0]: pattern for pattern in urlpatterns}
_ARGUMENTS = {"b": "name", "s": "code"}  # a brand file is nobody's link, and a short link has no token in it
_PREFIXES = frozenset(f"/{name[0]}/" for name in _DOORS)
_POLICY = build_policy(
    {
        "default-src": [CSP.NONE],
        "script-src": [CSP.SELF],
        "style-src": [CSP.SELF],
        "img-src": [CSP.SELF],
        "connect-src": [CSP.SELF],
        "form-action": [CSP.SELF],
        "base-uri": [CSP.NONE],
        "frame-ancestors": [CSP.NONE],
    }
)
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Content-Security-Policy": _POLICY,
}
_REDIRECT_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
    "Content-Length": "0",
}
# What a webmail, whatever policy of its own it has, needs to be able to show the picture.
_PICTURE_HEADERS = {
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex, nofollow",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Content-Length": str(len(PIXEL)),
}
_FILE_HEADERS = _HEADERS | {
    "Cache-Control": "public, max-age=31536000, immutable",  # the name has the content's digest
    "Content-Security-Policy": build_policy({"default-src": [CSP.NONE], "frame-ancestors": [CSP.NONE]}),
}


def public_doors(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """Answer what `unsubscribe.urls` names here; pass everything else on.

    A one-click POST must meet no redirect, cookie, CSRF check or Host rule (RFC 8058), and a person's click no
    delay, so these requests never reach the middleware that the admin needs.
    """
    pulse.watch()
    stored, stored_of_redirects = _stored(_HEADERS), _stored(_REDIRECT_HEADERS)
    stored_of_files, stored_of_pictures = _stored(_FILE_HEADERS), _stored(_PICTURE_HEADERS)

    def stored_of(request: HttpRequest, response: HttpResponseBase) -> dict[str, tuple[str, str]]:
        if response.status_code == 302:
            return stored_of_redirects
        if response.status_code == 200 and request.path_info.startswith("/b/"):
            return stored_of_files
        return stored_of_pictures if isinstance(response, Picture) else stored

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if request.path_info[:3] not in _PREFIXES:
            return get_response(request)
        waiting.wake()  # for what a process before this one accepted
        response = _answer(request)
        headers = response.headers._store
        headers.update(stored_of(request, response))
        # Without its length the server sends it in chunks, which costs more on both sides.
        if "content-length" not in headers and not response.streaming and response.status_code != 204:
            response.headers["Content-Length"] = str(len(response.content))
        return response

    return middleware


def _stored(headers: dict[str, str]) -> dict[str, tuple[str, str]]:
    """Return the headers as ResponseHeaders keeps them."""
    hsts = {"Strict-Transport-Security": _hsts()} if settings.SECURE_HSTS_SECONDS else {}
    return {name.lower(): (name, value) for name, value in (headers | hsts).items()}


def _hsts() -> str:
    value = f"max-age={settings.SECURE_HSTS_SECONDS}"
    if settings.SECURE_HSTS_INCLUDE_SUBDOMAINS:
        value += "; includeSubDomains"
    return value + ("; preload" if settings.SECURE_HSTS_PRELOAD else "")


def _answer(request: HttpRequest) -> HttpResponse:
    try:
        return _enter(request)
    except LinkError:
        return HttpResponse(asking.not_found(request), status=404)
    except BodyError as error:
        return HttpResponse(f"{error}\n", status=error.status, content_type="text/plain; charset=utf-8")
    except (Error, ImproperlyConfigured) as error:
        # What could not be written is never called done: the provider tries again, and so does a person.
        logger.error(
            "a door answered 503: %s", error if isinstance(error, ImproperlyConfigured) else type(error).__name__
        )
        content = _fixed("unsubscribe/unavailable.html", request)
        return HttpResponse(content, status=503, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})


def _fixed(template: str, request: HttpRequest) -> bytes:
    return pages.fixed(template, language_for(request, settings.LANGUAGE_CODE))


def _enter(request: HttpRequest) -> HttpResponse:
    """Let the door's view answer. Raises LinkError where there is no such door."""
    name, token = _split(request.path_info[1:])
    pattern = _DOORS.get(name)
    if pattern is None:
        raise LinkError("not a door of ours")
    argument = _ARGUMENTS.get(name[0], "token")
    response: HttpResponse = pattern.callback(request, **{argument: token}, **pattern.default_args)
    if response.status_code == 405 and request.method in {"GET", "HEAD"}:  # a tab restored after a press, perhaps
        response.content = _fixed("unsubscribe/pressed.html", request)
    if request.method == "OPTIONS":  # no door takes it, and each answers which methods it takes
        return HttpResponse(status=204, headers={"Allow": f"{response.headers['Allow']}, OPTIONS"})
    return response
