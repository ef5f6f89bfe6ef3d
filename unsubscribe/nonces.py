"""Nonces: what a page carries so that a later POST can be tied to it.

    nonce = base64url(body | BLAKE2b-128(key, body | token)), no padding
    body = kind[1] | visit[8] | milliseconds since 1970[6]

A visit nonce ties the script's calls and the button to the page view they came from; an undo pass shows that the
page which offers the undo has just said "you have left". Both are bound to the link's token and sealed by this
server, so their time is the server's and not the page's.
"""

from __future__ import annotations

import hashlib
import hmac
import random
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from enum import Enum
from functools import cache

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

_BODY_BYTES = 15
_MAC_BYTES = 16
MAX_AGE_SECONDS = 24 * 3600


class NonceKind(Enum):
    VISIT = b"v"
    UNDO = b"u"


@dataclass(frozen=True, slots=True)
class Nonce:
    """`visit` is the page view's random number, `at` the server's time of it in seconds since 1970."""

    visit: int
    at: float


def new_visit() -> int:
    """A number that no other page view has. It is no secret, so it comes without the system call that one would."""
    return random.getrandbits(62)


def seal(kind: NonceKind, visit: int, token: str, *, at: float | None = None) -> str:
    milliseconds = int((time.time() if at is None else at) * 1000)
    body = kind.value + visit.to_bytes(8) + milliseconds.to_bytes(6)
    return urlsafe_b64encode(body + _mac(body, token)).rstrip(b"=").decode()


def open_nonce(kind: NonceKind, text: object, token: str, *, now: float | None = None) -> Nonce | None:
    """Return the nonce, or None when it is not one of `kind` for `token`, or older than a day."""
    if not isinstance(text, str) or len(text) > 64 or not text.isascii():
        return None
    try:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
    body, mac = raw[:_BODY_BYTES], raw[_BODY_BYTES:]
    if body[:1] != kind.value or not hmac.compare_digest(mac, _mac(body, token)):
        return None
    at = int.from_bytes(body[9:]) / 1000
    if (time.time() if now is None else now) - at > MAX_AGE_SECONDS:
        return None
    return Nonce(int.from_bytes(body[1:9]), at)


def _mac(body: bytes, token: str) -> bytes:
    return hashlib.blake2b(body + token.encode(), key=_key(settings.SECRET_KEY), digest_size=_MAC_BYTES).digest()


@cache
def _key(secret: str) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=b"farewell nonces").derive(secret.encode())
