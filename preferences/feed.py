"""The ledger as a feed: read by cursor, in an order that never skips a change that committed late.

Ids and times are drawn before a transaction commits, so a reader who remembers the highest one it saw misses a
change with a lower one that commits after. So each row carries the id of its writing transaction, and the feed
reads only behind the oldest transaction still running: whatever is there is all there will ever be.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection

PAGE_SIZE = 1000
_CURSOR = re.compile(r"(\d{1,18})\.(\d{1,18})\Z")
_LAST_ID = 2**63 - 1


class FeedError(Exception):
    """The feed cannot be read on from here; the message says what to do."""


@dataclass(frozen=True, slots=True, order=True)
class Cursor:
    """A place in the feed: after the change `id`, written by the transaction `xid`."""

    xid: int = 0
    id: int = 0

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Read the `xid.id` form. Raises FeedError."""
        if not (match := _CURSOR.match(text)):
            raise FeedError(f"{text!r} is no cursor. Use one that the feed gave, such as 742.16, or none.")
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"{self.xid}.{self.id}"


@dataclass(frozen=True, slots=True)
class Change:
    """One change at its place in the feed; `fields` are JSON, described in docs/commands.md."""

    cursor: Cursor
    fields: dict[str, Any]


_HORIZON = """
SELECT pg_snapshot_xmin(snapshot)::text::bigint, pg_snapshot_xmax(snapshot)::text::bigint,
       (SELECT max(xid) FROM preferences_preferencechange)
FROM pg_current_snapshot() AS snapshot
"""
_CHANGES = """
SELECT change.xid, change.id, change.changed_at, brand.slug, topic.slug, change.channel, recipient.address,
       change.state, change.frequency, change.paused_until, change.suppression, change.is_untracked,
       change.source, change.reason, change.mailing, change.actor, change.settles_at,
       change.replaced::text, change.evidence::text
FROM preferences_preferencechange change
JOIN preferences_brand brand ON brand.id = change.brand_id
LEFT JOIN preferences_topic topic ON topic.id = change.topic_id
LEFT JOIN preferences_recipient recipient ON recipient.id = change.recipient_id
"""
_PAGE = """
WHERE (change.xid, change.id) > (%(xid)s, %(id)s) AND change.xid < %(horizon)s
      AND (%(brand)s::bigint IS NULL OR change.brand_id = %(brand)s)
ORDER BY change.xid, change.id
LIMIT %(limit)s
"""
_OF_RECIPIENT = "WHERE change.recipient_id = %s ORDER BY change.id"


class Feed:
    """A reader of the feed from `after` on, of one brand or of all. `cursor` is the last change it gave out."""

    def __init__(self, after: Cursor, brand_id: int | None = None) -> None:
        self.cursor = after
        self._position = after
        self._brand_id = brand_id

    def read(self) -> Iterator[list[Change]]:
        """Yield what there is now, in pages. Raises FeedError when rows or cursor come from another cluster."""
        horizon = self._horizon()
        while page := self._page(horizon):
            self._position = page[-1].cursor
            yield page
            self.cursor = page[-1].cursor
        # Rows of other brands need not be read again either.
        self._position = max(self._position, Cursor(horizon - 1, _LAST_ID))

    def _horizon(self) -> int:
        """Return the oldest transaction that may still write. Later snapshots see all there is before it."""
        with connection.cursor() as cursor:
            cursor.execute(_HORIZON)
            oldest_running, next_id, newest_row = cursor.fetchone()
        if newest_row is not None and newest_row >= next_id:
            raise FeedError(
                "The ledger's rows come from another database cluster, as after a restore from a dump: their order"
                " is not this one's. Run `manage.py changes --after-restore` once, then start over without a cursor."
            )
        if self.cursor.xid >= next_id:
            raise FeedError(
                f"The cursor {self.cursor} is ahead of this database: it comes from another one, or from before a"
                " backup was restored. Start over without a cursor, and skip by id what you already have."
            )
        horizon: int = oldest_running
        return horizon

    def _page(self, horizon: int) -> list[Change]:
        position, values = self._position, {"horizon": horizon, "brand": self._brand_id, "limit": PAGE_SIZE}
        with connection.cursor() as cursor:
            cursor.execute(_CHANGES + _PAGE, {"xid": position.xid, "id": position.id, **values})
            return [_change(row) for row in cursor.fetchall()]


def of_recipient(recipient_id: UUID) -> list[Change]:
    """Return all changes of one recipient, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(_CHANGES + _OF_RECIPIENT, [recipient_id])
        return [_change(row) for row in cursor.fetchall()]


def forget_transactions() -> int:
    """Move all rows to the beginning of the feed, ordered by id; return how many. For after a restore."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE preferences_preferencechange SET xid = 0 WHERE xid <> 0")
        count: int = cursor.rowcount
        return count


def utc(moment: datetime | None) -> str | None:
    """Return the moment as JSON carries it: 2026-11-21T18:00:00.123456Z."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z") if moment else None


def _change(row: tuple[Any, ...]) -> Change:
    (
        xid,
        id,
        changed_at,
        brand,
        topic,
        channel,
        address,
        state,
        *setting,
        source,
        reason,
        mailing,
        actor,
        until,
        was,
        why,
    ) = row
    frequency, paused_until, suppression, is_untracked = setting
    cursor = Cursor(xid, id)
    fields = {
        "id": id,
        "cursor": str(cursor),
        "changed_at": utc(changed_at),
        "brand": brand,
        "topic": topic,
        "channel": channel,
        "address": address or None,
        "state": state,
        "frequency": frequency,
        "paused_until": paused_until.isoformat() if paused_until else None,
        "suppression": suppression,
        "untracked": is_untracked if topic is None else None,
        "source": source,
        "reason": reason,
        "mailing": mailing,
        "actor": actor,
        "provisional_until": utc(until),
        "replaced": _replaced(json.loads(was), is_above=topic is None),
        "evidence": json.loads(why),
    }
    return Change(cursor, fields)


def _replaced(was: dict[str, Any], *, is_above: bool) -> dict[str, Any]:
    replaced = {name: was.get(name) for name in ("state", "change")}
    return {**replaced, "untracked": bool(was.get("is_untracked"))} if is_above else replaced
