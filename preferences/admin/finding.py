"""Finding recipients by address. A whole address needs no scan: the recipient's id is computed from it."""

from __future__ import annotations

from uuid import UUID

from django.db import OperationalError, connection, transaction

from preferences import addresses
from preferences.admin.scope import AnyUser, brands_of, within
from preferences.links import Channel
from preferences.models import Recipient

MAX_FOUND = 50
SHORTEST_PART = 3
_SECONDS = 3


class SearchTooSlowError(Exception):
    """A search for a part of an address was given up."""


def find_recipients(user: AnyUser, text: str) -> list[UUID]:
    """Return the ids of stored recipients at the address `text`, or else of up to `MAX_FOUND` whose address has
    `text` in it, at the brands that the user may see. Raises SearchTooSlowError when the latter, which reads the whole
    table, takes seconds."""
    text = text.replace("\x00", "").strip()
    own = brands_of(user).values_list("id", flat=True)
    exact = {addresses.recipient_id(brand_id, channel, text) for brand_id in own for channel in Channel}
    if found := list(Recipient.objects.filter(id__in=exact).values_list("id", flat=True)):
        return found
    return _containing(user, text.lower()) if len(text) >= SHORTEST_PART else []


def _containing(user: AnyUser, part: str) -> list[UUID]:
    """Stored addresses are canonical, which is lower case, so a plain LIKE does."""
    rows = within(user, Recipient.objects.filter(address__contains=part), "brand_id")
    ids = rows.order_by().values_list("id", flat=True)
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{_SECONDS}s"])
            return list(ids[:MAX_FOUND])
    except OperationalError as error:
        raise SearchTooSlowError from error
