"""The landing page and its answer "done" as bytes: rendered once per door, look, topic and language, then only spliced.

Rendering a template for each of a scanner's thousands of requests would cost more than all else that the doors
do, so the templates are rendered with marks in place of what differs and kept, as bytes.
"""

from __future__ import annotations

import json
import re
from functools import cache, lru_cache
from html import escape

from preferences.directory import Link
from preferences.languages import Language
from preferences.looks import Look
from preferences.rendering import page

_MARKS = {"token": "zq-token-qz", "nonce": "zq-nonce-qz", "masked": "zq-masked-qz"}
_MARK = re.compile("zq-(token|nonce|masked)-qz")


def landing(
    door: str, token: str, nonce: str, link: Link, language: Language, template: str = "unsubscribe/landing.html"
) -> bytes:
    """Return the landing page of a door that the link's purpose opens."""
    values = {b"token": token.encode(), b"nonce": nonce.encode(), b"masked": escape(link.masked_address).encode()}
    return _page(template, door, link.brand.look(language.code), link.topic_name(language.code), language) % values


def done(
    door: str, token: str, nonce: str, link: Link, language: Language, template: str = "unsubscribe/after.html"
) -> bytes:
    """Return the JSON answer to the landing page's script: `done`, the pass that an undo needs, and, as HTML, what is
    to stand below."""
    masked = json.dumps(escape(link.masked_address))[1:-1]
    values = {b"token": token.encode(), b"nonce": nonce.encode(), b"masked": masked.encode()}
    return _answer(template, door, link.brand.look(language.code), link.topic_name(language.code), language) % values


@lru_cache(4_096)
def _page(template: str, door: str, look: Look, topic_name: str, language: Language) -> bytes:
    return _with_places(_render(template, door, look, topic_name, language))


@lru_cache(4_096)
def _answer(template: str, door: str, look: Look, topic_name: str, language: Language) -> bytes:
    after = _render(template, door, look, topic_name, language)
    return _with_places(json.dumps({"answer": "done", "undo": _MARKS["nonce"], "after": after}))


def _render(template: str, door: str, look: Look, topic_name: str, language: Language) -> str:
    context = {**_MARKS, "door": door, "brand_name": look.name, "topic_name": topic_name}
    return page(template, language, look, context)


def _with_places(text: str) -> bytes:
    """The text with %(token)s, %(nonce)s and %(masked)s in place of the marks."""
    return _MARK.sub(r"%(\1)s", text.replace("%", "%%")).encode()


@cache
def fixed(template: str, language: Language) -> bytes:
    """A page that is the same for everyone who speaks the language."""
    return page(template, language, None, {}).encode()
