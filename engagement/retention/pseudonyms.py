"""Opens, clicks and conversions that tell of nobody any more: after a while their person is exchanged for a pseudonym.

The pseudonym is a keyed hash of mailing and recipient. Its key is drawn for one run and kept nowhere, so that within a
mailing sequences can still be read, and nobody can be found again: not by the operator, nor by the person. Visits to
the pages for leaving stay what they are: they are the evidence for and against an opt-out.

A run goes through the rows in the order of time, an hour to a transaction, and keeps with each how far it has come.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from engagement.feed.positions import COUNTING, position
from engagement.kept import nobody_since
from engagement.models import TRACKED_KINDS, Position
from preferences.prepared import fetch_all

ROWS, REST = "pseudonymised", "pseudonymised:rest"  # positions: microseconds since 1970
_WINDOW = timedelta(hours=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

# HMAC's form, which PostgreSQL has not by itself.
_UPDATE_ROWS = """
WITH done AS (
    UPDATE engagement_interaction SET
        recipient_id = encode(substring(sha256(%(key)s::bytea || sha256(
            %(key)s::bytea || convert_to(mailing, 'UTF8') || uuid_send(recipient_id))) FROM 1 FOR 16), 'hex')::uuid,
        visitor = %(nobody)s::bytea, network = NULL, domain = '', visit = NULL,
        facts = jsonb_build_object('pseudonymised', true, 'request', jsonb_strip_nulls(jsonb_build_object(
            'method', facts #> '{request,method}', 'agent_class', facts #> '{request,agent_class}',
            'network_class', facts #> '{request,network_class}')))
    WHERE occurred_at >= %(start)s AND occurred_at < %(end)s AND kind = ANY(%(kinds)s)
    RETURNING 1
)
SELECT count(*) FROM done
"""
_UPDATE_CONVERSIONS = """
WITH done AS (
    UPDATE engagement_conversion SET
        recipient_id = encode(substring(sha256(%(key)s::bytea || sha256(
            %(key)s::bytea || convert_to(mailing, 'UTF8') || uuid_send(recipient_id))) FROM 1 FOR 16), 'hex')::uuid
    WHERE occurred_at >= %(start)s AND occurred_at < %(end)s
    RETURNING 1
)
SELECT count(*) FROM done
"""
_UPDATE_REVISIONS = """
UPDATE engagement_revision SET recipient_id = '00000000-0000-0000-0000-000000000000'
WHERE occurred_at >= %(start)s AND occurred_at < %(end)s AND kind = ANY(%(kinds)s)
"""
_NEXT = """
SELECT occurred_at FROM engagement_interaction
WHERE occurred_at >= %(start)s AND occurred_at < %(end)s AND kind = ANY(%(kinds)s)
ORDER BY occurred_at LIMIT 1
"""
_NOT_COUNTED = """
SELECT EXISTS(
    SELECT FROM engagement_interaction
    WHERE occurred_at >= %(start)s AND occurred_at < %(end)s AND kind = ANY(%(kinds)s)
      AND (xid, id) > (%(xid)s, %(id)s)
)
"""
_COUNT = """
SELECT count(*) FROM engagement_interaction
WHERE occurred_at >= %(start)s AND occurred_at < %(end)s AND kind = ANY(%(kinds)s)
"""


def pseudonymised_until() -> datetime:
    """Return the moment before which opens, clicks and conversions tell of nobody; there is nothing to judge anew."""
    return _reached(ROWS)


def waiting_count(now: datetime) -> int:
    """Return how many rows a run would go through."""
    end = nobody_since(now)
    return _fetch(_COUNT, _reached(ROWS), end)[0][0] if end else 0


def pseudonymise(now: datetime, progress: Callable[[int], object] = int) -> int:
    """Exchange the people of all that is past its time; return how many rows that were. Idempotent. A run that was
    killed is simply run again; a second one at the same time leaves. `progress` is told the rows of each hour."""
    if not (end := nobody_since(now)):
        return 0
    key, total = secrets.token_bytes(32), 0
    _pseudonymise_rest(end, key)
    reached = _reached(ROWS)
    while start := _next(reached, end):
        window_end = min(start + _WINDOW, end)
        count = _pseudonymise_window(reached, start, window_end, key)
        if count is None:
            return total
        total, reached = total + count, window_end
        progress(count)
    if reached < end:
        with transaction.atomic():
            _take_turn(ROWS, reached, end)
    return total


def _next(start: datetime, end: datetime) -> datetime | None:
    found = _fetch(_NEXT, start, end)
    return found[0][0] if found else None


def _pseudonymise_window(reached: datetime, start: datetime, end: datetime, key: bytes) -> int | None:
    """Return how many rows were in it; None where the run ends: something is not counted, or another run is at work."""
    with transaction.atomic():
        counted = position(COUNTING)
        if _fetch(_NOT_COUNTED, start, end, xid=counted.xid, id=counted.id)[0][0]:
            return None
        if not _take_turn(ROWS, reached, end):
            return None
        values = {"key": key, "nobody": bytes(16), "start": start, "end": end, "kinds": sorted(TRACKED_KINDS)}
        count: int = fetch_all(_UPDATE_ROWS, values)[0][0]
        return count


def _pseudonymise_rest(end: datetime, key: bytes) -> None:
    """Conversions, and revisions, which are told with their row as long as it is there."""
    with transaction.atomic():
        start = _reached(REST)
        if start < end and _take_turn(REST, start, end):
            fetch_all(_UPDATE_CONVERSIONS, {"key": key, "start": start, "end": end})
            with connection.cursor() as cursor:
                cursor.execute(_UPDATE_REVISIONS, {"start": start, "end": end, "kinds": sorted(TRACKED_KINDS)})


def _reached(name: str) -> datetime:
    return _EPOCH + timedelta(microseconds=position(name).xid)


def _take_turn(name: str, reached: datetime, end: datetime) -> bool:
    """Move the position from `reached` to `end`; False when it is not there: another run has moved it."""
    Position.objects.get_or_create(name=name)
    was, is_now = ((moment - _EPOCH) // _MICROSECOND for moment in (reached, end))
    return Position.objects.filter(name=name, xid=was).update(xid=is_now, moved_at=timezone.now()) == 1


def _fetch(statement: str, start: datetime, end: datetime, **values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, {"start": start, "end": end, "kinds": sorted(TRACKED_KINDS), **values})
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
