"""The landing page as bytes: rendered once per brand, topic and language, then only spliced.

Rendering a template for each of a scanner's thousands of requests would cost more than all else that the door
does, so the template is rendered with marks in place of what differs and kept, as bytes.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from html import escape

from preferences.directory import Link
from preferences.languages import Language
from preferences.looks import Look
from preferences.rendering import page

_MARKS = {"token": "zq-token-qz", "nonce": "zq-nonce-qz", "masked": "zq-masked-qz"}
_MARK = re.compile("zq-(token|nonce|masked)-qz")


def landing(door: str, token: str, nonce: str, link: Link, language: Language) -> bytes:
    """Return the landing page for the door ("u" or "o") that the link's purpose opens."""
    values = {b"token": token.encode(), b"nonce": nonce.encode(), b"masked": escape(link.masked_address).encode()}
    return _template(door, link.brand.look(language.code), link.topic_name(language.code), language) % values


@lru_cache(4_096)
def _template(door: str, look: Look, topic_name: str, language: Language) -> bytes:
    """The page with %(token)s, %(nonce)s and %(masked)s in it."""
    context = {**_MARKS, "door": door, "brand_name": look.name, "topic_name": topic_name}
    text = page("unsubscribe/landing.html", language, look, context)
    return _MARK.sub(r"%(\1)s", text.replace("%", "%%")).encode()


@cache
def fixed(template: str, language: Language) -> bytes:
    """A page that is the same for everyone who speaks the language."""
    return page(template, language, None, {}).encode()
