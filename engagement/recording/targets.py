"""The targets of tracked links, as they may be stored."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from urllib.parse import urlsplit, urlunsplit

_LONGEST = 2_000
_TOKEN = re.compile(r"/[A-Za-z0-9_-]{80,}")  # a sealed link's token, of ours or another's, stands for one person


@lru_cache(16_384)
def stored_url(target: str) -> str:
    """Return the target without user, query, fragment and tokens: these may name the person whom the link was minted
    for."""
    parts = urlsplit(target)
    host = parts.netloc.rpartition("@")[2].lower()
    path = _TOKEN.sub("/*", parts.path) or "/"
    return urlunsplit((parts.scheme.lower(), host, path, "", ""))[:_LONGEST]


@lru_cache(16_384)
def link_number(url: str) -> int:
    """Return the number of a stored URL: the same everywhere, so that nothing has to be looked up for it."""
    return int.from_bytes(hashlib.sha256(url.encode()).digest()[:8], signed=True)
