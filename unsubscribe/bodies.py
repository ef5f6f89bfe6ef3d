"""Request bodies at the public doors: small, and read without trusting a word of them."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest, QueryDict
from django.http.request import UnreadablePostError

from engagement.detection import PageFacts

MAX_BODY_BYTES = 16 * 1024


class BodyError(Exception):
    """The body cannot be taken; `status` is the HTTP status that says so."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def read_body(request: HttpRequest) -> bytes:
    """Return the body. Raises BodyError: 413 past 16 KiB, 400 when the client broke off."""
    declared = request.META.get("CONTENT_LENGTH") or "0"
    if declared.isdecimal() and int(declared) > MAX_BODY_BYTES:
        raise BodyError(413, "The request is larger than 16 KiB.")
    try:
        body = request.read(MAX_BODY_BYTES + 1)
    except UnreadablePostError:
        raise BodyError(400, "The request broke off.") from None
    if len(body) > MAX_BODY_BYTES:
        raise BodyError(413, "The request is larger than 16 KiB.")
    return body


def read_form(request: HttpRequest) -> QueryDict:
    """Return the fields of an urlencoded form; another kind of body has none."""
    body = read_body(request)
    if "multipart" in request.META.get("CONTENT_TYPE", ""):
        return QueryDict("")
    try:
        return QueryDict(body, encoding="utf-8")
    except ValueError:  # more fields than any page of ours has
        raise BodyError(400, "The form could not be read.") from None


def read_report(request: HttpRequest) -> dict[str, Any]:
    """Return the script's JSON object; whatever is none is an empty one, which proves nothing about anybody."""
    try:
        report = json.loads(read_body(request))
    except (ValueError, RecursionError):
        return {}
    return report if isinstance(report, dict) else {}


def read_page(fields: QueryDict) -> PageFacts | None:
    """Return what the script put into the button's form, None where none ran."""
    text = fields.get("page")
    if not text:
        return None
    try:
        return PageFacts.from_json(json.loads(text))
    except (ValueError, RecursionError):
        return None
