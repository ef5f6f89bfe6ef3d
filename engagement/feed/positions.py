"""How far the readers of the feed of interactions have come, where Farewell keeps that for them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from engagement.counting.position import LEDGER, NAME, lock
from engagement.models import Position
from preferences.feed import Cursor, FeedError

COUNTING = NAME  # up to which row all has been counted
PRUNED_ROWS, PRUNED_REVISIONS = "pruned", "pruned:revisions"  # up to which row retention has dropped some
_START = Cursor()
_END = Cursor(0, 10**18 - 1)  # as many digits as a cursor may have
_PARTS = ("feed", "revisions", "erasures")  # of what is kept under a reader's name
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,23}\Z")


@dataclass(frozen=True, slots=True)
class FeedCursor:
    """A place in the feed: after these rows, these revisions and, of the ledger, these erasures."""

    rows: Cursor = _START
    revisions: Cursor = _START
    erasures: Cursor = _START

    @classmethod
    def parse(cls, text: str) -> FeedCursor:
        """Read the form `742.16-750.3-751.9`, of which the last part may be missing. Raises FeedError."""
        parts = text.split("-")
        if len(parts) not in (2, 3):
            raise FeedError(f"{text!r} is no cursor. Use one that this feed gave, such as 742.16-750.3-751.9, or none.")
        return cls(*map(Cursor.parse, parts))

    def __str__(self) -> str:
        parts = [self.rows, self.revisions] + ([self.erasures] if self.erasures != _START else [])
        return "-".join(map(str, parts))


def position(name: str) -> Cursor:
    """Return how far a position has come; the beginning, when there is none of that name."""
    return _positions(name).get(name, _START)


def raise_position(name: str, to: Cursor) -> None:
    """Move a position on, never back."""
    Position.objects.get_or_create(name=name)
    behind = Q(xid__lt=to.xid) | Q(xid=to.xid, id_read__lt=to.id)
    Position.objects.filter(behind, name=name).update(xid=to.xid, id_read=to.id, moved_at=timezone.now())


class KeptPosition:
    """A reader's place that Farewell keeps. It moves when what was read up to there has been written out."""

    def __init__(self, name: str) -> None:
        """Raises FeedError when the name is none."""
        if not _NAME.match(name):
            raise FeedError(f"{name!r} is no name: use 1 to 24 of a-z, 0-9, _ and -, first a letter or digit.")
        self._name = name
        self._names = tuple(f"{part}:{name}" for part in _PARTS)
        self.cursor = self._stored()

    def move(self, to: FeedCursor) -> None:
        """Raises FeedError when somebody else has moved it meanwhile."""
        with transaction.atomic():
            Position.objects.bulk_create([Position(name=name) for name in self._names], ignore_conflicts=True)
            list(Position.objects.select_for_update().filter(name__in=self._names).order_by("name"))
            if self._stored() != self.cursor:
                raise FeedError(
                    f"Another reader has moved the position {self._name!r} at the same time: what was written last"
                    " was written twice. Let only one read under a name."
                )
            for name, cursor in zip(self._names, (to.rows, to.revisions, to.erasures), strict=True):
                row = Position.objects.filter(name=name)
                row.update(xid=cursor.xid, id_read=cursor.id, moved_at=timezone.now())
        self.cursor = to

    def _stored(self) -> FeedCursor:
        found = _positions(*self._names)
        return FeedCursor(*(found.get(name, _START) for name in self._names))


def _positions(*names: str) -> dict[str, Cursor]:
    rows = Position.objects.filter(name__in=names).values_list("name", "xid", "id_read")
    return {name: Cursor(xid, id) for name, xid, id in rows}


# What has been counted goes to the beginning, what has not right behind it, both before whatever comes now.
_FORGET_ROWS = """
UPDATE engagement_interaction SET xid = ((xid, id) > (%(xid)s, %(id)s))::int
WHERE xid <> ((xid, id) > (%(xid)s, %(id)s))::int
"""
_FORGET_REVISIONS = "UPDATE engagement_revision SET xid = 0 WHERE xid <> 0"


def forget_transactions() -> int:
    """Put rows and revisions in an order that needs no transaction numbers of another cluster; return how many rows.
    What is counted stays counted, and what is not is counted next. For after a restore; readers start over."""
    with transaction.atomic(), connection.cursor() as cursor:
        lock()
        counted = position(COUNTING)
        cursor.execute(_FORGET_ROWS, {"xid": counted.xid, "id": counted.id})
        count: int = cursor.rowcount
        cursor.execute(_FORGET_REVISIONS)
        for name in (PRUNED_ROWS, PRUNED_REVISIONS, LEDGER):  # the ledger is counted anew
            Position.objects.filter(name=name).delete()
        for part in _PARTS:
            Position.objects.filter(name__startswith=f"{part}:").delete()
        if counted != _START:
            Position.objects.filter(name=COUNTING).update(xid=_END.xid, id_read=_END.id)
    return count
