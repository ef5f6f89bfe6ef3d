"""Whether figures are partial: something that was stored long ago has not been counted yet, as after an upgrade, a
restore, a change of the time zone or a year of demo data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from engagement.counting.position import Place, counted_until, ledger_place, place

_LATE = timedelta(minutes=5)  # the worker counts every minute what is two minutes old
_NEXT_CHANGE = """
SELECT changed_at FROM preferences_preferencechange WHERE (xid, id) > (%s, %s) ORDER BY xid, id LIMIT 1
"""
_NEXT_INTERACTION = """
SELECT occurred_at FROM engagement_interaction WHERE (xid, id) > (%s, %s) ORDER BY xid, id LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What was stored at `since` and later waits to be counted. `is_begun` tells whether anything has been."""

    since: datetime
    is_begun: bool


def waiting_changes(now: datetime) -> Waiting | None:
    """Return from when on the ledger waits, if for longer than it usually does. Reads one row of it."""
    return _waiting(_NEXT_CHANGE, ledger_place(), now)


def waiting_interactions(now: datetime) -> Waiting | None:
    """Return from when on the interactions wait, if for longer than they usually do. Reads one, and only where the
    counter has not told for a while that it has counted everything."""
    until = counted_until()
    if until and now - until < _LATE:
        return None
    return _waiting(_NEXT_INTERACTION, place(), now)


def _waiting(statement: str, counted: Place, now: datetime) -> Waiting | None:
    with connection.cursor() as cursor:
        cursor.execute(statement, [counted.xid, counted.id])
        row = cursor.fetchone()
    return Waiting(row[0], counted != Place()) if row and now - row[0] >= _LATE else None
