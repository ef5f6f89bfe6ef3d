"""How many mails someone can have sent to an address: nobody's inbox is flooded through a form of ours.

A request that may send is remembered, as hashes, for a day. One that may not is not: so nobody is kept from a link by
a stranger's asking, unless a mail with that link has just come.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now

from preferences import addresses
from preferences.links import Channel, Purpose
from preferences.models.asking import LinkRequest

KEPT = timedelta(days=1)
NOTICE = "notice"  # stands beside the purposes: a mail that nobody asked for
_LOCK = 0x0FA2E_0002


@dataclass(frozen=True, slots=True)
class Allowance:
    """One mail of a kind in `pause` and `daily` a day to one address."""

    pause: timedelta
    daily: int


_ASKED = Allowance(timedelta(minutes=10), 3)
_UNASKED = Allowance(timedelta(days=1), 1)
NETWORK_HOURLY = 20


def may_send(purpose: Purpose, channel: Channel, address: str, network: str) -> bool:
    """Whether a mail of this purpose may go to the address now; if so, it is counted.

    `network` is who asks, cut to /24 or /48, "" when unknown. Of requests that come together, no more pass than of
    those that come one by one. What is enqueued in the same transaction is counted only if it is.
    """
    return _take(purpose.value, channel, address, network, _ASKED)


def may_announce(channel: Channel, address: str) -> bool:
    """Whether a notice that nobody asked for may go to the address now; if so, it is counted."""
    return _take(NOTICE, channel, address, "", _UNASKED)


def address_hash(channel: Channel, address: str) -> bytes:
    """Return 16 bytes that stand for an address at every brand."""
    text = f"{channel}|{addresses.canonical(channel, address)}"
    return hashlib.blake2b(text.encode(), key=addresses.address_key(), digest_size=16, person=b"link request").digest()


def requests_of(channel: Channel, address: str) -> list[tuple[str, datetime]]:
    """Return purpose and moment of the requests that are still remembered, oldest first."""
    rows = LinkRequest.objects.filter(address=address_hash(channel, address)).order_by("asked_at", "id")
    return list(rows.values_list("purpose", "asked_at"))


def forget(channel: Channel, address: str) -> int:
    """Drop the requests for the address; return how many."""
    return LinkRequest.objects.filter(address=address_hash(channel, address)).delete()[0]


def prune() -> int:
    """Drop what is no longer counted; return how many requests."""
    return LinkRequest.objects.filter(asked_at__lt=Now() - KEPT).delete()[0]


_FULL = """
SELECT count(*) FILTER (WHERE address = %(address)s AND asked_at > clock_timestamp() - %(pause)s) > 0
       OR count(*) FILTER (WHERE address = %(address)s) >= %(daily)s
       OR %(network)s <> %(nowhere)s
          AND count(*) FILTER (WHERE network = %(network)s AND asked_at > clock_timestamp() - interval '1 hour')
              >= %(hourly)s
       OR (SELECT count(*) FROM preferences_linkrequest
           WHERE purpose = %(kind)s AND asked_at > clock_timestamp() - interval '1 hour') >= %(ceiling)s
FROM preferences_linkrequest
WHERE purpose = %(kind)s AND asked_at > clock_timestamp() - %(kept)s
      AND (address = %(address)s OR network = %(network)s)
"""


def _take(kind: str, channel: Channel, address: str, network: str, allowance: Allowance) -> bool:
    values: dict[str, Any] = {
        "kind": kind,
        "address": address_hash(channel, address),
        "network": addresses.network_hash(network),
        "nowhere": addresses.network_hash(""),
        "pause": allowance.pause,
        "daily": allowance.daily,
        "hourly": NETWORK_HOURLY,
        "ceiling": settings.FAREWELL_LINK_MAILS_PER_HOUR,
        "kept": KEPT,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        cursor.execute(_FULL, values)
        if cursor.fetchone()[0]:
            return False
        # The moment of counting, not of the transaction's beginning: that may have waited for others.
        cursor.execute(
            "INSERT INTO preferences_linkrequest (address, network, purpose, asked_at)"
            " VALUES (%(address)s, %(network)s, %(kind)s, clock_timestamp())",
            values,
        )
        return True
