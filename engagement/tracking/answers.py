"""What answers an open and a click: a picture of one pixel, and where a sealed target is.

Neither asks the database for anything, and what is the same for a million recipients is worked out once.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import quote

import idna

from engagement.models import Kind
from engagement.recording.recorder import Event, recorder
from engagement.visitors import Sighting
from preferences.directory import Link

# GIF89a of one transparent pixel: screen of 1 x 1 with two colours, the first of which is transparent.
PIXEL = bytes.fromhex(
    "474946383961 0100 0100 800000 000000 ffffff 21f904 01 0000 00 00 2c 0000 0000 0100 0100 00 02 02 4401 00 3b"
)
_PLACE = re.compile(r"%7Bfarewell%7D", re.IGNORECASE)  # {farewell}, as `quote` or the sender's template has escaped it
_AUTHORITY = re.compile(r"([^:]+://)((?:[^/?#]*@)?)([^/?#:]+)([^/?#]*)")
_MAY_STAY = "%!#$&'()*+,/:;=?@[]~"  # what RFC 3986 reserves, and what is escaped already


def location(link: Link, token: str) -> str:
    """Return the sealed target as a Location header takes it, the token in the place that the brand left for it."""
    before, *rest = _parts(link.claims.target)
    return token.join((before, *rest)) if rest else before


@lru_cache(4_096)
def _parts(target: str) -> tuple[str, ...]:
    return tuple(_PLACE.split(to_uri(target)))


def to_uri(target: str) -> str:
    """Return an address with letters beyond ASCII as RFC 3987 section 3.1 writes it without them.

    A host that IDNA 2008 does not know is escaped instead: browsers read that, too.
    """
    found = _AUTHORITY.match(target)
    if target.isascii() or not found:
        return quote(target, _MAY_STAY)
    scheme, user, host, port = found.groups()
    return f"{scheme}{quote(user, _MAY_STAY)}{_ascii_host(host)}{port}{quote(target[found.end() :], _MAY_STAY)}"


def _ascii_host(host: str) -> str:
    try:
        return host if host.isascii() else idna.encode(host, uts46=True).decode()
    except idna.IDNAError:
        return quote(host)


def record(link: Link, kind: Kind, answer: str, sighting: Sighting) -> None:
    """Hand an open or a click to the recorder, unless the brand does not track. Whether the person refused is known
    where it is written."""
    if link.brand.tracks:
        recorder.record(Event(link, kind.value, answer, sighting))
