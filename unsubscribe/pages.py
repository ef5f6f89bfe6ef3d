"""The landing page and its answer "done" as bytes: rendered once per door, look, topic and language, then only spliced.

Rendering a template for each of a scanner's thousands of requests would cost more than all else that the doors
do, so the templates are rendered with marks in place of what differs and kept, as bytes.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache, lru_cache
from html import escape

from preferences.directory import Link
from preferences.languages import Language
from preferences.leaving import AfterLeaving
from preferences.looks import Look
from preferences.rendering import page
from unsubscribe import offers

_MARKS = {"token": "zq-token-qz", "nonce": "zq-nonce-qz", "masked": "zq-masked-qz"}
_MARK = re.compile("zq-(token|nonce|masked)-qz")
NOTHING = AfterLeaving(can_pause=False)


def landing(
    door: str, token: str, nonce: str, link: Link, language: Language, template: str = "unsubscribe/landing.html"
) -> bytes:
    """Return the landing page of a door that the link's purpose opens."""
    values = {b"token": token.encode(), b"nonce": nonce.encode(), b"masked": escape(link.masked_address).encode()}
    return _page(_Shape(template, door, *_names(link, language))) % values


def done(
    door: str,
    token: str,
    nonce: str,
    link: Link,
    language: Language,
    template: str = "unsubscribe/after.html",
    after: AfterLeaving = NOTHING,
) -> bytes:
    """Return the JSON answer to the landing page's script: `done`, the pass that an undo needs, and, as HTML, what is
    to stand below, with what is offered to who has left."""
    masked = json.dumps(escape(link.masked_address))[1:-1]
    values = {b"token": token.encode(), b"nonce": nonce.encode(), b"masked": masked.encode()}
    return _answer(_Shape(template, door, *_names(link, language), after)) % values


@dataclass(frozen=True, slots=True)
class _Shape:
    """All that a kept page depends on."""

    template: str
    door: str
    look: Look
    topic_name: str
    language: Language
    after: AfterLeaving = NOTHING

    def render(self) -> str:
        context = {**_MARKS, "door": self.door, "brand_name": self.look.name, "topic_name": self.topic_name}
        context |= offers.below(self.after, self.language.code)
        return page(self.template, self.language, self.look, context)


def _names(link: Link, language: Language) -> tuple[Look, str, Language]:
    return link.brand.look(language.code), link.topic_name(language.code), language


@lru_cache(4_096)
def _page(shape: _Shape) -> bytes:
    return _with_places(shape.render())


@lru_cache(4_096)
def _answer(shape: _Shape) -> bytes:
    return _with_places(json.dumps({"answer": "done", "undo": _MARKS["nonce"], "after": shape.render()}))


def _with_places(text: str) -> bytes:
    """The text with %(token)s, %(nonce)s and %(masked)s in place of the marks."""
    return _MARK.sub(r"%(\1)s", text.replace("%", "%%")).encode()


@cache
def fixed(template: str, language: Language) -> bytes:
    """A page that is the same for everyone who speaks the language."""
    return page(template, language, None, {}).encode()
