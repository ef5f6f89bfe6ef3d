"""The doors of what is tracked: the link to a target, the mail's counting picture, conversions, and short links, which
stand for any door's link."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_POST, require_safe

from engagement.models import Kind
from engagement.tracking import conversions, short_links
from engagement.tracking.answers import PIXEL, location, record
from engagement.tracking.conversions import ConversionError, Told, TooManyError
from engagement.visitors import sight
from preferences.directory import directory
from preferences.links import LinkError, Purpose
from unsubscribe import access, centre, joining, views
from unsubscribe.bodies import BodyError, read_body, read_form
from unsubscribe.settling import settler


class Picture(HttpResponse):
    """The mail's counting picture."""

    def __init__(self, status: int = 200) -> None:
        super().__init__(PIXEL, "image/gif", status)


@require_safe
def click(request: HttpRequest, token: str) -> HttpResponse:
    """Send everyone on to the target that the brand sealed. No database once warm."""
    link = directory.open(token, Purpose.CLICK)
    record(link, Kind.CLICK, "redirect", sight(request))
    settler.wake()
    response = HttpResponse(content_type="text/plain", status=302)
    response.headers["Location"] = location(link, token)
    return response


@require_safe
def pixel(request: HttpRequest, token: str) -> HttpResponse:
    """The picture of one pixel. A link that opens nothing gets it too, so that no reader sees a broken picture, and the
    status tells whoever builds the mail."""
    try:
        link = directory.open(token.removesuffix(".gif"), Purpose.OPEN)
    except LinkError:
        return Picture(status=404)
    record(link, Kind.OPEN, "pixel", sight(request))
    settler.wake()
    return Picture()


@require_POST
def conversion(request: HttpRequest, token: str) -> HttpResponse:
    """The brand tells of a deed that followed a click; 200 as well for what is known already or is not to be stored."""
    link = directory.open(token, Purpose.CLICK)
    try:
        told = Told.from_fields(_fields(request))
    except ConversionError as error:
        raise BodyError(400, str(error)) from None
    try:
        conversions.store(link, told)
    except TooManyError:
        raise BodyError(429, "Too many conversions of one message were told; this one was not stored.") from None
    return HttpResponse("Thank you.\n", content_type="text/plain", headers={"Access-Control-Allow-Origin": "*"})


def short(request: HttpRequest, code: str) -> HttpResponseBase:
    """What a short link stands for answers as at its own door; the pages' own URLs have the token."""
    purpose, token = short_links.resolve(code)
    return _DOORS[purpose](request, token=token)


def _fields(request: HttpRequest) -> Mapping[str, object]:
    if "json" not in request.META.get("CONTENT_TYPE", ""):
        return read_form(request).dict()
    try:
        fields = json.loads(read_body(request), parse_float=Decimal)
    except (ValueError, RecursionError):
        raise BodyError(400, "The JSON could not be read.") from None
    if not isinstance(fields, dict):
        raise BodyError(400, "The JSON is no object.")
    return fields


_DOORS: dict[Purpose, Callable[..., HttpResponseBase]] = {
    Purpose.UNSUBSCRIBE: partial(views.landing, door="u"),
    Purpose.ONE_CLICK: partial(views.landing, door="o"),
    Purpose.PREFERENCES: partial(centre.preferences, door="p"),
    Purpose.HIDDEN: partial(views.hidden, door="h"),
    Purpose.OPT_IN: partial(joining.landing, door="j"),
    Purpose.ACCESS: access.show,
    Purpose.CLICK: click,
    Purpose.OPEN: pixel,
}
