"""How long interactions are kept: each kind for its own time (docs/retention.md), then its part of a month is dropped.

A part goes as a whole when all of it is past its time. It is never waited for: whoever reads or writes goes first, and
what is in use is left to the next day. Nothing goes that has not been counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import OperationalError, ProgrammingError, connection, transaction
from psycopg.errors import LockNotAvailable, UndefinedTable

from engagement.feed.positions import COUNTING, PRUNED_ROWS, position, raise_position
from engagement.kept import kept_since
from engagement.models import Kind
from engagement.recording.partitions import PARTS, TABLE, next_month
from preferences.feed import Cursor

_NAME = re.compile(rf"{TABLE}_(\d{{4}})_(\d{{2}})\Z")
_LOCK_MILLISECONDS = 250  # what a door may have to wait behind us, once
_TRIES = 5
KINDS = {"opens": (Kind.OPEN.value,), "clicks": (Kind.CLICK.value, Kind.CONVERSION.value)}
KINDS["visits"] = tuple(sorted({*Kind.values} - {*KINDS["opens"], *KINDS["clicks"]}))
_DEFAULT_PART = "visits"  # takes every kind that has no part, so that it stays as long as its month


@dataclass(frozen=True, slots=True)
class Step:
    """One thing past its time: `rows` of a table, all of them when `kinds` is empty. `problem` says why it stayed."""

    table: str
    rows: int
    size: int = 0  # bytes that are given back
    kinds: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class _Month:
    table: str
    first: date
    parts: frozenset[str]  # those it still has; none when it is from before months were parted
    is_parted: bool

    @property
    def end(self) -> datetime:
        end = next_month(self.first)
        return datetime(end.year, end.month, end.day, tzinfo=UTC)

    def past(self, now: datetime) -> list[str]:
        return [part for part in PARTS if (before := kept_since(part, now)) and self.end <= before]


def drop_past(now: datetime, *, is_dry_run: bool = False) -> Iterator[Step]:
    """Drop the parts of months that are past their time and yield what went, or would go. Idempotent."""
    for month in _months():
        past = month.past(now)
        if len(past) == len(PARTS):
            yield _drop(month.table, TABLE, is_dry_run=is_dry_run)
            continue
        for part in past:
            yield from _end(month, part, is_dry_run=is_dry_run)


def _end(month: _Month, part: str, *, is_dry_run: bool) -> Iterator[Step]:
    if part in month.parts and part != _DEFAULT_PART:
        yield _drop(f"{month.table}_{part}", month.table, is_dry_run=is_dry_run)
        return
    # Rows that stand among others: of a month that was never parted, or so late that their part was gone.
    holder = f"{month.table}_{_DEFAULT_PART}" if month.is_parted else month.table
    yield from _delete(holder, month, KINDS[part], is_dry_run=is_dry_run)


_MONTHS = """
SELECT month.relname, month.relkind = 'p',
       array(SELECT part.relname FROM pg_inherits JOIN pg_class AS part ON part.oid = inhrelid
             WHERE inhparent = month.oid)
FROM pg_inherits JOIN pg_class AS month ON month.oid = inhrelid
WHERE inhparent = %s::regclass
ORDER BY 1
"""


def _months() -> Iterator[_Month]:
    with connection.cursor() as cursor:
        cursor.execute(_MONTHS, [TABLE])
        rows = cursor.fetchall()
    for table, is_parted, parts in rows:
        if found := _NAME.match(table):
            names = frozenset(part.removeprefix(f"{table}_") for part in parts)
            yield _Month(table, date(int(found[1]), int(found[2]), 1), names & PARTS.keys(), is_parted)


_SIZE = """
SELECT (SELECT count(*) FROM {table}), (SELECT coalesce(sum(pg_total_relation_size(relid)), 0)::bigint
                                        FROM pg_partition_tree('{table}'))
"""
_NEWEST = "SELECT xid, id FROM {table} ORDER BY xid DESC, id DESC LIMIT 1"
_NOT_COUNTED = "holds rows that have not been counted yet"
_IN_USE = "is in use"


def _drop(table: str, parent: str, *, is_dry_run: bool) -> Step:
    try:
        with connection.cursor() as cursor:
            cursor.execute(_SIZE.format(table=table))
            rows, size = cursor.fetchone()
        if is_dry_run:
            return Step(table, rows, size, problem="" if _newest(table) <= position(COUNTING) else _NOT_COUNTED)
        return Step(table, rows, size, problem=_drop_in_turn(table, parent))
    except ProgrammingError as error:
        if isinstance(error.__cause__, UndefinedTable):
            return Step(table, 0)  # somebody else has just dropped it
        raise


def _drop_in_turn(table: str, parent: str) -> str:
    """Drop the table; return why it is still there, "" when it is not."""
    for _ in range(_TRIES):
        try:
            return "" if _drop_now(table, parent) else _NOT_COUNTED
        except OperationalError as error:
            if not isinstance(error.__cause__, LockNotAvailable):
                raise
    return _IN_USE


def _drop_now(table: str, parent: str) -> bool:
    """Drop the table unless something in it is not counted; return whether it is gone."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = {_LOCK_MILLISECONDS}")
        cursor.execute(f"LOCK TABLE ONLY {parent} IN ACCESS EXCLUSIVE MODE")
        cursor.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        newest = _newest(table)
        if newest > position(COUNTING):
            return False
        raise_position(PRUNED_ROWS, newest)
        cursor.execute(f"DROP TABLE {table}")
        return True


def _newest(table: str) -> Cursor:
    found = _one(_NEWEST.format(table=table))
    return Cursor(*found) if found else Cursor()


_COUNT = "SELECT count(*) FROM {table} WHERE kind = ANY(%s)"
_DELETE = """
WITH gone AS (
    DELETE FROM {table}
    WHERE occurred_at >= %s AND occurred_at < %s AND kind = ANY(%s) AND (xid, id) <= (%s, %s)
    RETURNING xid, id
)
SELECT xid, id, count(*) OVER () FROM gone ORDER BY xid DESC, id DESC LIMIT 1
"""


def _delete(table: str, month: _Month, kinds: tuple[str, ...], *, is_dry_run: bool) -> Iterator[Step]:
    """Delete rows of these kinds day by day, so that no transaction is long."""
    if is_dry_run:
        found = _one(_COUNT.format(table=table), list(kinds))
        rows = int(found[0]) if found else 0
    else:
        first = datetime(month.first.year, month.first.month, 1, tzinfo=UTC)
        starts = [first + timedelta(days=day) for day in range(31)]
        rows = sum(_delete_day(table, start, kinds) for start in starts if start < month.end)
    if rows:
        yield Step(table, rows, kinds=kinds)


def _delete_day(table: str, start: datetime, kinds: tuple[str, ...]) -> int:
    counted = position(COUNTING)
    with transaction.atomic():
        found = _one(
            _DELETE.format(table=table), start, start + timedelta(days=1), list(kinds), counted.xid, counted.id
        )
        if found is None:
            return 0
        raise_position(PRUNED_ROWS, Cursor(*found[:2]))
        return int(found[2])


def _one(statement: str, *values: Any) -> tuple[Any, ...] | None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        row: tuple[Any, ...] | None = cursor.fetchone()
    return row
