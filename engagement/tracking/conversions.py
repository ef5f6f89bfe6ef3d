"""Conversions: what a person did after a click that the brand calls a success, as the brand tells it.

The click's token says whose deed it was. The brand's name of the deed is kept as a keyed hash, so that telling it twice
counts once and no order's number is stored. Nothing is known of who tells: it is the shop's server as often as a page.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.http import HttpRequest
from django.utils import timezone

from engagement.detection import Facts, RequestFacts, Value, Verdict
from engagement.models import Kind
from engagement.recording import partitions
from engagement.recording.recorder import Event
from engagement.recording.rows import COLUMNS, copy_row
from engagement.recording.targets import link_number, stored_url
from engagement.visitors import sight
from preferences.addresses import address_key
from preferences.directory import Link
from preferences.prepared import fetch_all
from preferences.tracking import untracked

MAX_NAME_LENGTH = 64
MAX_KEY_LENGTH = 200
LATEST = timedelta(days=30)  # after which a deed is told too late: its month may be gone
_AHEAD = timedelta(minutes=5)  # by which the clock of who tells may be wrong
_VALUE = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,2})?\Z")
_CURRENCY = re.compile(r"[A-Z]{3}\Z")
_NOBODY = sight(HttpRequest())  # a request of no headers, from nowhere
_TOLD = Verdict(Value.HUMAN, 0, ())
_NO_FACTS = Facts(RequestFacts())
_INSERT = """
INSERT INTO engagement_conversion
    (brand_id, recipient_id, mailing, segment, topic, link, name, key, value, currency, occurred_at)
VALUES (%(brand)s, %(recipient)s, %(mailing)s, %(segment)s, %(topic)s, %(link)s, %(name)s, %(key)s, %(value)s,
        %(currency)s, %(at)s)
ON CONFLICT (brand_id, key) DO NOTHING RETURNING id
"""


# Deeds of one message wait for each other here, so that of those told at once no more are stored than of those told
# one by one. The window is twice as long as a deed may be old: none leaves it sooner than a month after it was told.
_LOCK = 0x0FA2F
_TAKE_TURN = "SELECT pg_advisory_xact_lock(%(lock)s::int, %(turn)s::int)"
_STORED = """
SELECT count(*)
FROM engagement_conversion
WHERE recipient_id = %(recipient)s AND mailing = %(mailing)s AND occurred_at > %(since)s
"""
_IS_KNOWN = "SELECT 1 FROM engagement_conversion WHERE brand_id = %(brand)s AND key = %(key)s"


class ConversionError(ValueError):
    """What was told cannot be taken; the message says why."""


class TooManyError(Exception):
    """So many deeds of one message were told that another one is not believed."""


@dataclass(frozen=True, slots=True)
class Told:
    """A deed as the brand tells it; `key` is the brand's own name of it."""

    name: str
    key: str
    occurred_at: datetime
    value: Decimal | None = None
    currency: str = ""

    @classmethod
    def from_fields(cls, fields: Mapping[str, object]) -> Told:
        """Read the fields of a form or of a JSON object. Raises ConversionError."""
        name, key = _text(fields, "name", MAX_NAME_LENGTH), _text(fields, "key", MAX_KEY_LENGTH)
        if not name or not key:
            raise ConversionError("A conversion has a name (what was done) and a key (your id of the deed).")
        value, currency = _text(fields, "value", 20), _text(fields, "currency", 20)
        if bool(value) != bool(currency):
            raise ConversionError("A value and its currency go together.")
        if value and not (_VALUE.match(value) and _CURRENCY.match(currency)):
            raise ConversionError("A value is a number such as 19.90, its currency three letters such as EUR.")
        return cls(name, key, _moment(_text(fields, "occurred_at", 40)), Decimal(value) if value else None, currency)


def store(link: Link, told: Told) -> bool:
    """Store what was told, once, and count it as an interaction in the same transaction; return whether that was new.

    Nothing is stored of whom the brand does not track, or who refused. Raises `django.db.Error`, and TooManyError.
    """
    if not link.brand.tracks or untracked([link.recipient_id]):
        return False
    try:
        return _store(link, told)
    except IntegrityError:  # the deed's month has no partition yet
        partitions.make_partitions(told.occurred_at.date(), months=1)
        return _store(link, told)


def _store(link: Link, told: Told) -> bool:
    values = _values(link, told)
    with transaction.atomic():
        _check_room(values)
        is_new = bool(fetch_all(_INSERT, values))
        if is_new:
            _count(link, told)
        return is_new


def _check_room(values: Mapping[str, object]) -> None:
    """Raises TooManyError where the message has as many deeds as it may have, and this is another one."""
    most = settings.FAREWELL_MAX_CONVERSIONS
    if most < 1:
        return
    message = f"{values['recipient']}|{values['mailing']}".encode()
    turn = int.from_bytes(hashlib.blake2b(message, digest_size=4).digest(), signed=True)
    fetch_all(_TAKE_TURN, {"lock": _LOCK, "turn": turn})
    told = fetch_all(_STORED, {**values, "since": timezone.now() - 2 * LATEST})[0][0]
    if told >= most and not fetch_all(_IS_KNOWN, values):
        raise TooManyError


def _values(link: Link, told: Told) -> dict[str, object]:
    claims = link.claims
    return {
        "brand": link.brand.id,
        "recipient": link.recipient_id,
        "mailing": claims.mailing,
        "segment": claims.segment,
        "topic": claims.topic,
        "link": link_number(stored_url(claims.target)),
        "name": told.name,
        "key": _hash(link.brand.id, told.key),
        "value": told.value,
        "currency": told.currency,
        "at": told.occurred_at,
    }


def _count(link: Link, told: Told) -> None:
    kind = Kind.CONVERSION.value
    event = Event(link, kind, "stored", _NOBODY, None, _TOLD, _NO_FACTS, told.occurred_at.timestamp())
    line = copy_row(event).line.encode()  # may ask the database, which nobody can while it copies
    statement = f"COPY engagement_interaction ({', '.join(COLUMNS)}) FROM STDIN"
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(statement) as copy:
        copy.write(line)


def _hash(brand_id: int, key: str) -> bytes:
    text = f"{brand_id}|{key}".encode()
    return hashlib.blake2b(text, key=address_key(), digest_size=32, person=b"conversion").digest()


def _text(fields: Mapping[str, object], name: str, length: int) -> str:
    value = fields.get(name)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise ConversionError(f"{name} is a text.")
    text = str(value).strip()
    if len(text) > length or not text.isprintable():
        raise ConversionError(f"{name} has at most {length} characters, all of them printable.")
    return text


def _moment(text: str) -> datetime:
    now = timezone.now()
    if not text:
        return now
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConversionError("occurred_at is a moment such as 2026-11-21T18:00:00Z.") from None
    if moment.tzinfo is None:
        raise ConversionError("occurred_at says its time zone, as in 2026-11-21T18:00:00Z.")
    if not now - LATEST <= moment <= now + _AHEAD:
        raise ConversionError(f"occurred_at is within the last {LATEST.days} days.")
    return min(moment, now)
