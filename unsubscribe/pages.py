"""The landing page as bytes: rendered once per brand, topic and language, then only spliced.

Rendering a template for each of a scanner's thousands of requests would cost more than all else that the door
does, so the template is rendered with marks in place of what differs and kept, as bytes.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from html import escape

from django.template.loader import render_to_string

from preferences.directory import Link

_MARKS = {"token": "zq-token-qz", "nonce": "zq-nonce-qz", "masked": "zq-masked-qz"}
_MARK = re.compile("zq-(token|nonce|masked)-qz")


def landing(door: str, token: str, nonce: str, link: Link) -> bytes:
    """Return the landing page for the door ("u" or "o") that the link's purpose opens."""
    values = {b"token": token.encode(), b"nonce": nonce.encode(), b"masked": escape(link.masked_address).encode()}
    return _template(door, link.brand.name, link.topic_name) % values


@lru_cache(4_096)
def _template(door: str, brand_name: str, topic_name: str) -> bytes:
    """The page with %(token)s, %(nonce)s and %(masked)s in it."""
    context = {**_MARKS, "door": door, "brand_name": brand_name, "topic_name": topic_name}
    page = render_to_string("unsubscribe/landing.html", context)
    return _MARK.sub(r"%(\1)s", page.replace("%", "%%")).encode()


@cache
def fixed(template: str) -> bytes:
    """A page that is the same for everyone."""
    return render_to_string(template).encode()
