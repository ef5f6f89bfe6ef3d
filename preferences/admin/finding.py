"""Finding recipients by address. A whole address needs no scan: the recipient's id is computed from it."""

from __future__ import annotations

from uuid import UUID

from django.db import OperationalError, connection, transaction

from preferences import addresses
from preferences.links import Channel
from preferences.models import Brand, Recipient

MAX_FOUND = 50
SHORTEST_PART = 3
_SECONDS = 3


class SearchTooSlowError(Exception):
    """A search for a part of an address was given up."""


def find_recipients(text: str) -> list[UUID]:
    """Return the ids of stored recipients at the address `text`, or else of up to `MAX_FOUND` whose address has
    `text` in it. Raises SearchTooSlowError when the latter, which reads the whole table, takes seconds."""
    text = text.replace("\x00", "").strip()
    exact = {addresses.recipient_id(brand_id, channel, text) for brand_id in _brand_ids() for channel in Channel}
    if found := list(Recipient.objects.filter(id__in=exact).values_list("id", flat=True)):
        return found
    return _containing(text.lower()) if len(text) >= SHORTEST_PART else []


def _brand_ids() -> list[int]:
    return list(Brand.objects.values_list("id", flat=True))


def _containing(part: str) -> list[UUID]:
    """Stored addresses are canonical, which is lower case, so a plain LIKE does."""
    ids = Recipient.objects.filter(address__contains=part).order_by().values_list("id", flat=True)
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{_SECONDS}s"])
            return list(ids[:MAX_FOUND])
    except OperationalError as error:
        raise SearchTooSlowError from error
