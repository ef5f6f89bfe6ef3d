"""How far the counting has come, and who may count: one at a time, under an advisory lock of the transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import connection
from django.utils import timezone

from engagement.models import Position

NAME = "counting"
LEDGER = "counting:ledger"
# Stands where the ledger does, unless a version that knows no leavings has counted since. Whoever lets leavings count
# otherwise gives it another name: old ones can be taken out only as they were put in, so all are counted anew.
LEAVINGS = "counting:leavings:2"
COUNTED_AFTER = timedelta(minutes=2)  # so that the second look knows what came around an event
NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_LOCK = 0x0FA2E_0005


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A place in the feed of the interactions: everything up to the row `id` of the transaction `xid`."""

    xid: int = 0
    id: int = 0


def try_lock() -> bool:
    """Take the right to change what is counted up to the end of the transaction; False if somebody else has it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
        return bool(cursor.fetchone()[0])


def lock() -> None:
    """Wait for the right to change what is counted; keep it up to the end of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def place() -> Place:
    """Return how far the counting has come."""
    row = Position.objects.filter(name=NAME).values_list("xid", "id_read").first()
    return Place(*row) if row else Place()


def move(to: Place, complete_at: datetime | None) -> None:
    """Store how far it has come; at `complete_at`, if given, nothing was left that could be counted."""
    values = {"xid": to.xid, "id_read": to.id} | ({"moved_at": complete_at} if complete_at else {})
    Position.objects.update_or_create(name=NAME, defaults=values, create_defaults={"moved_at": NEVER} | values)


def counted_until() -> datetime | None:
    """Up to when the figures are complete, but for what reaches the database late; None before the first count."""
    moved_at = Position.objects.filter(name=NAME).values_list("moved_at", flat=True).first()
    return moved_at - COUNTED_AFTER if moved_at and moved_at > NEVER else None


def ledger_place() -> Place:
    """Return how far the ledger has been counted, by door and by leaving; the beginning where only one of them was."""
    rows = Position.objects.filter(name__in=[LEDGER, LEAVINGS]).values_list("xid", "id_read")
    places = [Place(*row) for row in rows]
    return places[0] if len(places) == 2 and places[0] == places[1] else Place()


def move_ledger(to: Place) -> None:
    for name in (LEDGER, LEAVINGS):
        values = {"xid": to.xid, "id_read": to.id, "moved_at": timezone.now()}
        Position.objects.update_or_create(name=name, defaults=values)


def forget_ledger() -> None:
    """Let the ledger be counted anew from its beginning, in the transaction that changes rows of it. Call it under the
    lock."""
    Position.objects.filter(name__in=[LEDGER, LEAVINGS]).delete()
