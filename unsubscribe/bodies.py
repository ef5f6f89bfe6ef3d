"""Request bodies at the public doors: small, and read without trusting a word of them."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

from django.http import HttpRequest, QueryDict

from engagement.detection import PageFacts

MAX_BODY_BYTES = 16 * 1024
MAX_CHOICES_BYTES = 128 * 1024  # a preference page of a thousand topics, each with a day of its own
MAX_FIELDS = 10_000


class BodyError(Exception):
    """The body cannot be taken; `status` is the HTTP status that says so."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def read_body(request: HttpRequest, most: int = MAX_BODY_BYTES) -> bytes:
    """Return the body. Raises BodyError: 413 past `most` bytes, 400 when the client broke off."""
    declared = request.META.get("CONTENT_LENGTH") or "0"
    too_large = BodyError(413, f"The request is larger than {most // 1024} KiB.")
    if declared.isdecimal() and int(declared) > most:
        raise too_large
    # Django takes what comes in chunks, or over HTTP/2 without a length, for empty. Our server's stream ends where the
    # body does, and says so. A mailbox provider's one-click may come like that through a proxy.
    is_without_length = "CONTENT_LENGTH" not in request.META and request.META.get("wsgi.input_terminated")
    try:
        body = (request.META["wsgi.input"] if is_without_length else request).read(most + 1)
    except OSError:
        raise BodyError(400, "The request broke off.") from None
    if len(body) > most:
        raise too_large
    return body


def read_form(request: HttpRequest, most: int = MAX_BODY_BYTES) -> QueryDict:
    """Return the fields of an urlencoded form; another kind of body has none. Raises BodyError as `read_body` does, and
    400 for more fields than any page of ours has."""
    body = read_body(request, most)
    fields = QueryDict(mutable=True, encoding="utf-8")
    if "multipart" in request.META.get("CONTENT_TYPE", ""):
        return fields
    # Not read by QueryDict itself: that takes as many fields as the whole site, and a brand may have 300 topics.
    try:
        pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        raise BodyError(400, "The form could not be read.") from None
    for name, value in pairs:
        fields.appendlist(name, value)
    return fields


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
