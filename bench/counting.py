"""Counting interactions and the ledger: how fast new rows, a recount and revisions go, and what figures take to read as
they grow."""

from __future__ import annotations

from typing import Any

from bench import pages, year
from bench.clock import Spent, clock
from bench.report import Line, say
from bench.stage import Stage

_AIM = 10_000_000 / 3_600  # rows/s: ten million within an hour
_SIZES = (1_000_000, 10_000_000)
_QUICK_SIZES = (20_000, 100_000)
_AT_ONCE = 10_000


def measure(stage: Stage) -> list[Line]:
    sizes, some = (_QUICK_SIZES, 20_000) if stage.is_quick else (_SIZES, 200_000)
    lines = _steps(stage, some)
    reads = []
    for size in sizes:
        with clock() as spent:
            count = year.fill(stage, size, is_counted=True)
        ledger = _ledger(year.finish(stage))
        say(f"counting: {count:,} interactions made and counted in {spent.wall:,.0f} s")
        reads.append(pages.readings(stage))
    return [*lines, ledger, *pages.growth(stage, sizes, reads)]


def _steps(stage: Stage, some: int) -> list[Line]:
    """What one row costs, at the density of a year of ten million: its second look alone, looked at and counted,
    revised and counted again, and counted anew by whole days."""
    from django.utils import timezone

    from engagement.counting.counter import count_next

    made = year.fill(stage, _SIZES[1], limit=some)
    stage.database.execute("VACUUM ANALYZE engagement_interaction")
    looked, otherwise = _second_looks(some // 10)
    counted = Spent()
    done = 0
    while done < made:
        with clock() as spent:
            count = count_next(timezone.now()) or 0
        done, counted = done + count, counted + spent
        say(f"counting: {done:,} of {made:,} interactions counted")
    revised, revisions = _revisions(min(done, 50_000))
    return [
        _line("Opens and clicks looked at again", looked, some // 10, f"{otherwise:.0f} % of them judged otherwise"),
        _line("Interactions looked at again and counted", counted, done, aim=_AIM),
        _line("Verdicts revised and counted otherwise", revised, revisions),
        _rebuilt(made),
    ]


def _line(name: str, spent: Spent, count: int, note: str = "", aim: float | None = None) -> Line:
    words = "; ".join(part for part in (spent.words(count), note) if part)
    more = {"python_seconds": spent.python, "database_seconds": spent.database, "rows": float(count)}
    return Line("counting", name, spent.rate(count), "rows/s", aim=aim, note=words, more=more)


def _ledger(count: int) -> Line:
    """Doors and leavings. Everybody leaves once or a few times, and each one's rows are read by their index."""
    from engagement.counting.counter import count_all

    say(f"counting: {count:,} rows of the ledger")
    with clock() as spent:
        count_all()
    return _line("Rows of the ledger counted, by door and by leaving", spent, count)


def _second_looks(count: int) -> tuple[Spent, float]:
    """Return what it took, and how many of a hundred opens and clicks are judged otherwise."""
    from engagement.judging.second_look import LOOKED_AT, earlier_affected, look_again
    from engagement.models import Interaction

    rows = list(Interaction.objects.order_by("xid", "id")[:count])
    with clock() as spent:
        otherwise = 0
        for first in range(0, len(rows), _AT_ONCE):
            otherwise += len(look_again(rows[first : first + _AT_ONCE]))
            earlier_affected(rows[first : first + _AT_ONCE])
    return spent, 100 * otherwise / sum(row.kind in LOOKED_AT for row in rows)


def _revisions(count: int) -> tuple[Spent, int]:
    """As a rejudgement applies them, ten thousand at a time: people become machines, machines become unsure."""
    from django.db import transaction

    from engagement.counting import position
    from engagement.counting.counter import Change, recount
    from engagement.models import Interaction

    rows = list(Interaction.objects.filter(xid__lte=position.place().xid).order_by("xid", "id")[:count])
    with clock() as spent:
        for first in range(0, len(rows), _AT_ONCE):
            say(f"counting: {first:,} of {len(rows):,} verdicts revised")
            changes = []
            for row in rows[first : first + _AT_ONCE]:
                new = "unsure" if row.verdict == "machine" else "machine"
                changes.append(
                    Change(row.id, row.kind, row.occurred_at, row.record, row.verdict, f"{row.kind}_{new}", new)
                )
            with transaction.atomic():
                position.lock()
                _update(changes)
                recount(changes)
    return spent, len(rows)


def _update(changes: list[Any]) -> None:
    from django.db import connection

    moments = [one.occurred_at for one in changes]
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE engagement_interaction AS i SET verdict = new.verdict, record = new.record"
            " FROM unnest(%s::bigint[], %s::text[], %s::timestamptz[], %s::text[], %s::text[])"
            " AS new(id, kind, occurred_at, record, verdict)"
            " WHERE i.occurred_at BETWEEN %s AND %s AND i.occurred_at = new.occurred_at AND i.kind = new.kind"
            " AND i.id = new.id",
            [
                [one.id for one in changes],
                [one.kind for one in changes],
                moments,
                [one.new_record for one in changes],
                [one.new_verdict for one in changes],
                min(moments),
                max(moments),
            ],
        )


def _rebuilt(count: int) -> Line:
    from engagement.counting.recount import rebuild

    say(f"counting: {count:,} interactions counted anew")
    with clock() as spent:
        counted = rebuild(None)
    return _line("Interactions counted anew, whole days at once", spent, counted)
