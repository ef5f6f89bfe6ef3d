"""The counter: interactions become figures, each exactly once, in the order of the feed. The ledger's changes come
first (engagement/counting/doors.py).

One transaction takes the next stretch of the feed: a second look at its opens and clicks, the counts, and how far it
has come, all of it or nothing. An advisory lock lets one counter work at a time, so a second one simply leaves. Only
rows behind the oldest running transaction are taken: one that commits late is never passed over.

Whoever changes a verdict that may be counted already does so under the same lock, in the transaction that calls
`recount`:

    with transaction.atomic():
        counting_position.lock()
        ...  # update a few thousand interactions at a time, and the revisions that say so
        recount(Change.of(revision) for revision in revisions)

Rows that are not counted yet may be among them; they are left to the counter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.utils import timezone

from engagement.counting.changes import STORED, Change, Tables, gather_new, gather_revised, look_up_by_index
from engagement.counting.doors import count_changes
from engagement.counting.page_views import look_at_views
from engagement.counting.position import COUNTED_AFTER, Place, move, place, try_lock
from engagement.counting.scans import note_scans
from engagement.counting.tallies import add_events
from engagement.counting.touches import touch_new, touch_revised
from engagement.judging.loading import load
from engagement.judging.second_look import Relooked, earlier_affected, look_again, write
from engagement.models import Interaction, Revision
from engagement.recording.rows import signals_json

__all__ = ["BATCH_SIZE", "Change", "CountingError", "count_all", "count_next", "count_stretch", "recount"]

BATCH_SIZE = 10_000


class CountingError(Exception):
    """Nothing can be counted; the message says what to do."""


def count_all(
    now: datetime | None = None, progress: Callable[[int], object] = int, size: int = BATCH_SIZE
) -> int | None:
    """Count what waits, stretch by stretch; return how many interactions, None if somebody else is counting.

    `progress` is told the number of interactions of each stretch. Raises CountingError.
    """
    now, total = now or timezone.now(), 0
    while count_changes(size):
        pass
    while count := count_next(now, size):
        total += count
        progress(count)
    return total if count == 0 else None


def count_next(now: datetime, size: int = BATCH_SIZE) -> int | None:
    """Count the next stretch of the feed; return how many rows it had, None if somebody else is counting.

    Rows younger than two minutes wait, and all after them: what came around them is not known yet.
    """
    with transaction.atomic():
        if not try_lock():
            return None
        after = place()
        rows = _next(after, now, size)
        if not rows:
            move(after, now)
            return 0
        earlier = _look_again(rows)
        look_up_by_index()
        _revise(earlier, after)
        count_stretch(after, to := Place(rows[-1].xid, rows[-1].id))
        move(to, None)
        return len(rows)


def recount(changes: Iterable[Change], counted: Place | None = None) -> None:
    """Let rows count as they are now and no longer as they were: those that are counted, and stored as `changes` says.

    Call it under the lock (position.py), in the transaction that changes the interactions and after it did. Some ten
    thousand at a time, each row once.
    """
    counted = counted or place()
    look_up_by_index()
    if gather_revised(changes, counted):
        add_events()
        touch_revised(counted)
        look_at_views(counted)
        note_scans(counted)


_HORIZON = """
SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint
"""
_NEXT = """
SELECT * FROM engagement_interaction
WHERE (xid, id) > (%(xid)s, %(id)s) AND xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
ORDER BY xid, id LIMIT %(size)s
"""


def _next(after: Place, now: datetime, size: int) -> list[Interaction]:
    with connection.cursor() as cursor:
        cursor.execute(_HORIZON)
        if after.xid >= cursor.fetchone()[0]:
            raise CountingError(
                "What was counted last comes from another database cluster, as after a restore from a dump."
                " Run `manage.py interactions --after-restore` once."
            )
    values = {"xid": after.xid, "id": after.id, "size": size}
    rows = load(_NEXT, values)
    end = next((number for number, row in enumerate(rows) if _is_young(row, now)), len(rows))
    return rows[:end]


def _is_young(row: Interaction, now: datetime) -> bool:
    """A moment far in the future is a wrong clock's, and holds nobody up."""
    age: timedelta = now - row.occurred_at
    return -COUNTED_AFTER <= age < COUNTED_AFTER


def _look_again(rows: Sequence[Interaction]) -> list[Relooked]:
    """Judge the stretch with what happened around it; return which rows before it count otherwise because of it."""
    write(look_again(rows))
    earlier = look_again(earlier_affected(rows))
    write(earlier)
    return [one for one in earlier if one.is_counted_otherwise]


def _revise(relooked: Sequence[Relooked], counted: Place) -> None:
    if not relooked:
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()::text::bigint, now()")
        xid, now = cursor.fetchone()
    revisions = [_revision(one, xid, now) for one in relooked]
    Revision.objects.bulk_create(revisions, batch_size=1_000)
    recount(map(Change.of, revisions), counted)


def _revision(one: Relooked, xid: int, now: datetime) -> Revision:
    row, verdict = one.row, one.verdict
    return Revision.of(
        row,
        verdict.value.value,
        one.record,
        new={"score": verdict.score, "is_hard": verdict.is_hard, "signals": signals_json(verdict.signals)},
        xid=xid,
        applied_at=now,
    )


def count_stretch(after: Place, to: Place, tables: Tables = STORED) -> None:
    """Count the rows after one place up to another, as they are. Whoever calls it sees to the lock and the place."""
    gather_new(after, to)
    add_events(tables)
    touch_new(tables)
    look_at_views(to, tables)
    note_scans(to, tables)
