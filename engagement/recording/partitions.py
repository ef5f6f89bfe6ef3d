"""Monthly partitions of the interactions table, made ahead by themselves.

Each month is parted by kind: what tracking stores is kept for a shorter time than the evidence for opt-outs, and goes
by dropping its part of a month.
"""

from __future__ import annotations

from datetime import UTC, date, datetime

from django.db import connection, transaction

TABLE = "engagement_interaction"
MONTHS_AHEAD = 3
PARTS = {
    "opens": "FOR VALUES IN ('open')",
    "clicks": "FOR VALUES IN ('click', 'conversion')",
    "visits": "DEFAULT",
}
_LOCK = 0x0FA2E_0001


def partition_name(month: date) -> str:
    return f"{TABLE}_{month:%Y_%m}"


def next_month(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def make_partitions(first: date, months: int = MONTHS_AHEAD + 1) -> list[str]:
    """Make the partitions of `months` months from the month of `first` on; return the names of the new ones.

    Idempotent and safe to call from many processes at once. A partition is made beside the table and then
    attached, so that readers and writers of the other months are not held up.
    """
    made, month = [], first.replace(day=1)
    for _ in range(months):
        if _make(month):
            made.append(partition_name(month))
        month = next_month(month)
    return made


def _make(month: date) -> bool:
    name, start, end = partition_name(month), _midnight(month), _midnight(next_month(month))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", [name])
        if cursor.fetchone()[0] is not None:
            return False
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        cursor.execute(
            f"CREATE TABLE IF NOT EXISTS {name} (LIKE {TABLE} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)"
            " PARTITION BY LIST (kind)"
        )
        cursor.execute("SELECT relispartition FROM pg_class WHERE oid = to_regclass(%s)", [name])
        if cursor.fetchone()[0]:
            return False
        for part, bound in PARTS.items():
            cursor.execute(f"CREATE TABLE {name}_{part} PARTITION OF {name} {bound}")
        cursor.execute(f"ALTER TABLE {TABLE} ATTACH PARTITION {name} FOR VALUES FROM (%s) TO (%s)", [start, end])
        return True


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
