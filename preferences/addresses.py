"""Addresses: which are the same, which are well-formed, and what of one may be shown."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from uuid import UUID

import idna
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from email_validator import EmailNotValidError, validate_email

from preferences.links import MAX_ADDRESS_LENGTH, Channel

# The address nearly every recipient has: a dot-atom at a host name (RFC 5322 3.4.1), without what an exact
# validator is needed for. It exists for speed alone: whatever it does not match goes to email-validator.
_PLAIN_EMAIL = re.compile(
    r"[A-Za-z0-9_+=-]+(?:\.[A-Za-z0-9_+=-]+)*@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,24}\Z"
)
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}\Z")  # E.164
_PHONE_PUNCTUATION = str.maketrans("", "", " \t-().")


class AddressError(ValueError):
    """The text is no address of its channel; the message says why, without repeating the address."""


def validate(channel: Channel, text: str) -> str:
    """Return `text` without surrounding space when mail (or SMS) can be sent to it, else raise AddressError."""
    text = text.strip()
    if len(text) > MAX_ADDRESS_LENGTH:
        raise AddressError(f"longer than {MAX_ADDRESS_LENGTH} characters")
    if channel is Channel.SMS:
        number = text.translate(_PHONE_PUNCTUATION)
        if not _PHONE.match(number):
            raise AddressError("not a phone number in international form, such as +14155550123")
        return number
    if _PLAIN_EMAIL.match(text) and text.index("@") <= 64 and len(text) <= 254:
        return text
    try:
        validate_email(text, check_deliverability=False, allow_quoted_local=True, test_environment=True)
    except EmailNotValidError as error:
        raise AddressError(str(error)) from None
    return text


def canonical(channel: Channel, text: str) -> str:
    """Return the form in which two spellings of one address are equal.

    Total: an authentic link is honoured whatever it says, so nothing is refused here. Letter case is ignored in
    the local part too, because mail systems do and a wish to leave must not depend on it.
    """
    if channel is Channel.SMS:
        return text.translate(_PHONE_PUNCTUATION)
    if text.isascii():
        return text.strip().lower()
    local, at, domain = unicodedata.normalize("NFC", text.strip()).lower().rpartition("@")
    with suppress(idna.IDNAError):
        domain = idna.encode(domain, uts46=True).decode()
    return f"{local}{at}{domain}"


def domain(channel: Channel, address: str) -> str:
    """Return the mail domain of an address in lower case, cut to a name's length; "" where there is none."""
    if channel is Channel.SMS or "@" not in address:
        return ""
    return canonical(channel, address).rpartition("@")[2][:253]


def recipient_id(brand_id: int, channel: Channel, address: str) -> UUID:
    """Return the id of the recipient at `address`: a keyed hash, so that no look-up is needed to find a person
    and what erasure leaves behind names nobody (docs/decisions/0002)."""
    return UUID(hex=recipient_hasher(brand_id, channel)(address))


def recipient_hasher(brand_id: int, channel: Channel) -> Callable[[str], str]:
    """Return what makes the hex digits of `recipient_id` from an address, for callers with millions of them."""
    start = hashlib.blake2b(f"{brand_id}|{channel}|".encode(), key=address_key(), digest_size=16)

    def hash_of(address: str) -> str:
        state = start.copy()
        state.update(canonical(channel, address).encode())
        return state.hexdigest()

    return hash_of


def network_hash(address: str) -> bytes:
    """Return 16 bytes that stand for a network address, so that equal visitors can be seen and none be named."""
    return hashlib.blake2b(address.encode(), key=address_key(), digest_size=16, person=b"network").digest()


def address_key() -> bytes:
    """The key of all address hashes: `FAREWELL_ADDRESS_KEY`, or one derived from `SECRET_KEY`."""
    return _derive(settings.FAREWELL_ADDRESS_KEY or settings.SECRET_KEY)


def address_key_check() -> str:
    """Eight characters that change when the address key does; kept with each brand, so that a changed key is
    noticed before anyone's opt-out is looked for under the wrong id."""
    return hashlib.blake2b(b"check", key=address_key(), digest_size=4).hexdigest()


@cache
def _derive(secret: str) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=b"farewell address key").derive(secret.encode())


def mask(channel: Channel, address: str) -> str:
    """Return what a page may show of an address: enough for its owner to know it, too little for a stranger.

    >>> mask(Channel.EMAIL, "alice@example.org")
    'a•••@e•••.org'
    """
    if channel is Channel.SMS:
        return f"•••{address[-2:]}" if len(address) > 4 else "•••"
    local, at, domain = address.strip().rpartition("@")
    if not at or not local:
        return "•••"
    host, dot, ending = domain.rpartition(".")
    return f"{local[0]}•••@{host[:1]}•••{dot}{ending}"
