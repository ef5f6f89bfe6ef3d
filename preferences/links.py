"""The link token: sealed, stateless, mintable by any mail system that holds a brand key.

    token = base64url(kid[4] | nonce[12] | AES-256-GCM(json array, aad = kid)), no padding
    json array = [version, purpose, channel, sent_at, topic, mailing, address]   (+ target, for purpose `click`)

The mailing's text may go on with "#" and the segment that it was sent to: "2026-11#loyal".

`docs/links.md` gives the format byte for byte with test vectors. This module needs nothing but `cryptography`,
so that it can be ported; it knows no database and no settings.
"""

from __future__ import annotations

import json
import os
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import batched
from json.encoder import encode_basestring
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VERSION = 1
KID_BYTES = 4
SECRET_BYTES = 32
MAX_TOKEN_LENGTH = 4096  # characters; a click target of 2,000 characters still fits
MAX_ADDRESS_LENGTH = 320  # RFC 5321: 64 for the local part, 255 for the domain, and the @
MAX_MAILING_LENGTH = 100
MAX_TARGET_LENGTH = 2000  # bytes of UTF-8
_SEGMENT_MARK = "#"
_NONCE_BYTES = 12
_TAG_BYTES = 16
_HEAD_BYTES = KID_BYTES + _NONCE_BYTES
_LATEST_SENT_AT = 2**40  # seconds; far beyond any clock, small enough for every language's integers
_TOKEN = re.compile(r"[A-Za-z0-9_-]+\Z")
_TOPIC = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}\Z")
# A target is what browsers and this program read alike: where it leads must not depend on who reads it. A backslash
# before the path is a slash to a browser and part of the name to others.
_IN_HOST = r"[^/?#@\\\s<>\"^`{|}]"
_TARGET = re.compile(rf"https?://(?:{_IN_HOST}*@)?{_IN_HOST}+(?:[/?#][^\x00-\x1f\x7f-\x9f]*)?\Z", re.IGNORECASE)
_NOBODYS_CIPHER = AESGCM(bytes(SECRET_BYTES))


class Purpose(StrEnum):
    """What a link is for. One purpose opens no other door."""

    UNSUBSCRIBE = "unsubscribe"
    ONE_CLICK = "one_click"
    PREFERENCES = "preferences"
    HIDDEN = "hidden"
    CLICK = "click"
    OPEN = "open"
    OPT_IN = "opt_in"
    ACCESS = "access"


class Channel(StrEnum):
    EMAIL = "email"
    SMS = "sms"


# A visit to these says nothing about one topic, so theirs may be empty.
MAY_LACK_TOPIC = frozenset({Purpose.PREFERENCES, Purpose.OPEN, Purpose.CLICK, Purpose.ACCESS})


class LinkError(ValueError):
    """The token is not one that this key sealed for this purpose. It deliberately does not say more."""


@dataclass(frozen=True, slots=True)
class LinkKey:
    """A brand's key: `kid` (4 bytes) names it in the token, `secret` (32 bytes) seals."""

    kid: bytes
    secret: bytes

    def __post_init__(self) -> None:
        if len(self.kid) != KID_BYTES or len(self.secret) != SECRET_BYTES:
            raise ValueError(f"a link key has {KID_BYTES} bytes of kid and {SECRET_BYTES} of secret")

    @classmethod
    def generate(cls) -> LinkKey:
        return cls(os.urandom(KID_BYTES), os.urandom(SECRET_BYTES))

    @classmethod
    def from_text(cls, text: str) -> LinkKey:
        """Read the `kid.secret` form in which a key is shown once (hex, dot, base64url without padding)."""
        kid, _, secret = text.strip().partition(".")
        return cls(bytes.fromhex(kid), urlsafe_b64decode(secret + "=" * (-len(secret) % 4)))

    def to_text(self) -> str:
        return f"{self.kid.hex()}.{urlsafe_b64encode(self.secret).rstrip(b'=').decode()}"

    def __repr__(self) -> str:  # a secret must not reach a log through a traceback
        return f"LinkKey(kid={self.kid.hex()})"


@dataclass(frozen=True, slots=True)
class Claims:
    """What an opened token says. `sent_at` is the moment of sending in seconds since 1970, 0 when unknown."""

    purpose: Purpose
    channel: Channel
    sent_at: int
    topic: str
    mailing: str
    address: str
    target: str = ""
    segment: str = ""


def seal(key: LinkKey, claims: Claims, *, nonce: bytes | None = None) -> str:
    """Return the token of `claims`. Give a `nonce` (12 bytes) only to reproduce a test vector, never for a mail.

    Raises ValueError when a claim is out of its bounds.
    """
    _check(claims)
    fields = [VERSION, claims.purpose, claims.channel, claims.sent_at, claims.topic, _sealed(claims), claims.address]
    if claims.purpose is Purpose.CLICK:
        fields.append(claims.target)
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    nonce = os.urandom(_NONCE_BYTES) if nonce is None else nonce
    box = AESGCM(key.secret).encrypt(nonce, text.encode(), key.kid)
    token = urlsafe_b64encode(key.kid + nonce + box).rstrip(b"=").decode()
    if len(token) > MAX_TOKEN_LENGTH:
        raise ValueError(f"the link's token would be longer than {MAX_TOKEN_LENGTH} characters: shorten the target")
    return token


def seal_many(key: LinkKey, claims: Claims, addresses: Iterable[str]) -> Iterator[str]:
    """Yield the token of `claims` for each address in turn, in constant memory.

    What is the same for all is encoded once and the random nonces are drawn in blocks, which is what makes a
    mailing of millions cheap. Addresses are taken as they are: validate them first. Raises ValueError as `seal`.
    """
    _check(claims)
    fields = [VERSION, claims.purpose, claims.channel, claims.sent_at, claims.topic, _sealed(claims)]
    head = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))[:-1] + ","
    tail = f",{encode_basestring(claims.target)}]" if claims.purpose is Purpose.CLICK else "]"
    kid, encrypt = key.kid, AESGCM(key.secret).encrypt
    for block in batched(addresses, 512):
        nonces = os.urandom(_NONCE_BYTES * len(block))
        for index, address in enumerate(block):
            nonce = nonces[index * _NONCE_BYTES : (index + 1) * _NONCE_BYTES]
            box = encrypt(nonce, f"{head}{encode_basestring(address)}{tail}".encode(), kid)
            yield urlsafe_b64encode(kid + nonce + box).rstrip(b"=").decode()


def _sealed(claims: Claims) -> str:
    return f"{claims.mailing}{_SEGMENT_MARK}{claims.segment}" if claims.segment else claims.mailing


def open_token(token: str, cipher_of: Callable[[bytes], AESGCM | None]) -> tuple[bytes, Claims]:
    """Return the kid and the claims of `token`, asking `cipher_of` for the cipher of its kid.

    Raises LinkError for anything that is not a token sealed under a live key. An unknown key costs the same
    work as a known one, so that the answer's timing names no key.
    """
    raw = _decode(token)
    kid, nonce, box = raw[:KID_BYTES], raw[KID_BYTES:_HEAD_BYTES], raw[_HEAD_BYTES:]
    cipher = cipher_of(kid)
    try:
        text = (cipher or _NOBODYS_CIPHER).decrypt(nonce, box, kid)
    except InvalidTag:
        raise LinkError("not a link of ours") from None
    if cipher is None:  # sealed with the all-zero key: forged by someone who read this module
        raise LinkError("not a link of ours")
    return kid, _read(text)


def _decode(token: str) -> bytes:
    if not _HEAD_BYTES + _TAG_BYTES < len(token) <= MAX_TOKEN_LENGTH or not _TOKEN.match(token):
        raise LinkError("not a link of ours")
    try:
        raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError:
        raise LinkError("not a link of ours") from None
    if len(raw) <= _HEAD_BYTES + _TAG_BYTES:
        raise LinkError("not a link of ours")
    return raw


def _read(text: bytes) -> Claims:
    try:
        version, purpose, channel, sent_at, topic, mailing, address, *rest = json.loads(text.decode())
        if version is True or version != VERSION or len(rest) != (purpose == Purpose.CLICK):
            raise LinkError("sealed in a version this Farewell does not read")
        name, _, segment = mailing.partition(_SEGMENT_MARK)
        target = rest[0] if rest else ""
        claims = Claims(Purpose(purpose), Channel(channel), sent_at, topic, name, address, target, segment)
        _check(claims)
    except (ValueError, TypeError, AttributeError) as error:
        raise LinkError("sealed, but not readable") from error
    return claims


def _check(claims: Claims) -> None:
    try:
        text = "".join((claims.topic, claims.mailing, claims.address, claims.target, claims.segment))
    except TypeError:
        raise ValueError("topic, mailing, segment, address and target are texts") from None
    if "\x00" in text:
        raise ValueError("topic, mailing, segment, address and target have no NUL")
    if not text.isascii():
        text.encode()  # half a surrogate pair, which JSON can smuggle in, is a ValueError here
    if type(claims.sent_at) is not int or not 0 <= claims.sent_at < _LATEST_SENT_AT:
        raise ValueError("sent_at is a whole number of seconds since 1970")
    if not _TOPIC.match(claims.topic) and (claims.topic or claims.purpose not in MAY_LACK_TOPIC):
        raise ValueError("a topic is 1 to 64 of a-z 0-9 _ - and starts with a letter or digit")
    if len(_sealed(claims)) > MAX_MAILING_LENGTH:
        raise ValueError(f"a mailing's name has at most {MAX_MAILING_LENGTH} characters, with its segment")
    if _SEGMENT_MARK in claims.mailing:
        raise ValueError(f"a mailing's name has no {_SEGMENT_MARK}: what follows one is the segment")
    if not 0 < len(claims.address) <= MAX_ADDRESS_LENGTH:
        raise ValueError(f"an address has 1 to {MAX_ADDRESS_LENGTH} characters")
    if len(claims.target.encode()) > MAX_TARGET_LENGTH or bool(claims.target) != (claims.purpose is Purpose.CLICK):
        raise ValueError(f"a click, and only a click, has a target of at most {MAX_TARGET_LENGTH} bytes")
    if claims.target:
        _check_target(claims.target)


@lru_cache(4_096)  # a mailing has a handful
def _check_target(target: str) -> None:
    """Raise ValueError unless `target` is a web address with a host and without control characters."""
    try:
        is_address = bool(_TARGET.match(target) and (parts := urlsplit(target)).hostname and parts.port != 0)
    except ValueError:  # brackets around what is no IPv6 address, a port beyond 65535, a letter that reads as a slash
        is_address = False
    if not is_address:
        raise ValueError(
            "a target is a web address: http:// or https://, a host, and no control character or space before its path"
        )
