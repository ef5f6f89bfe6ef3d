"""Batches of interactions: what is written in one transaction, and exactly once.

Each process numbers its batches. The transaction that copies one also says in PostgreSQL how far that process has
come, so that a batch whose commit was not heard of, and is therefore written again, is known and left out.
"""

from __future__ import annotations

import json
import logging
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import DataError, IntegrityError, connection, transaction

from engagement.models import Kind
from engagement.recording import partitions
from engagement.recording.mentions import Mentions
from engagement.recording.rows import COLUMNS, Row, Written
from preferences.tracking import untracked

logger = logging.getLogger(__name__)

_TRACKED = frozenset({Kind.OPEN.value, Kind.CLICK.value, Kind.CONVERSION.value})
_COMPRESSION = 1  # the rows' JSON shrinks to a tenth, and faster than a disk takes it
_ROWS_TRIED = 100

# Nothing comes back for a number that is there: that batch is in the database already.
_ADVANCE = """
INSERT INTO engagement_spoolposition (spool, position, drained_at) VALUES (%s, %s, now())
ON CONFLICT (spool) DO UPDATE SET position = EXCLUDED.position, drained_at = EXCLUDED.drained_at
WHERE engagement_spoolposition.position < EXCLUDED.position
RETURNING position
"""
_ERASED = """
SELECT recipient_id, max(changed_at) FROM preferences_preferencechange
WHERE source = 'erasure' AND recipient_id = ANY(%s) GROUP BY 1
"""


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows in the form of COPY with these `columns`, as the batch `number` of the process `spool`."""

    spool: UUID
    number: int
    rows: Sequence[Row]
    mentions: Mentions = field(default_factory=Mentions)
    columns: tuple[str, ...] = COLUMNS
    is_late: bool = field(default=False, compare=False)  # it was in a file, perhaps for long

    def pack(self) -> bytes:
        """Return all but its number, for a file that another version may read."""
        head = {"columns": self.columns, **{name: sorted(found) for name, found in self.mentions._asdict().items()}}
        lines = "".join([row.line for row in self.rows])
        return zlib.compress(f"{json.dumps(head)}\n{lines}".encode(), _COMPRESSION)

    @classmethod
    def unpack(cls, spool: UUID, number: int, packed: bytes) -> Batch:
        head, *lines = zlib.decompress(packed).decode().split("\n")
        fields = json.loads(head)
        mentions = Mentions(*(frozenset(map(tuple, fields[name])) for name in Mentions._fields))
        columns, lines = _known_columns(fields["columns"], [line for line in lines if line])
        return cls(spool, number, [_row(columns, f"{line}\n") for line in lines], mentions, columns, is_late=True)


class Outcome(NamedTuple):
    """What became of a batch: whom the rows speak of that were written, and how many PostgreSQL refused."""

    written: list[Written]
    refused_count: int = 0


def write(batch: Batch) -> Outcome:
    """Write the batch, unless it is in the database already. Raises `django.db.Error` when that cannot be done now;
    rows that can never be written are left out."""
    rows = _kept(batch)
    try:
        with transaction.atomic():
            if _advance(batch):
                _copy(batch.columns, rows)
        return Outcome([row.about for row in rows])
    except (DataError, IntegrityError):
        return _rescue(batch, rows)


def _advance(batch: Batch) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(_ADVANCE, [batch.spool, batch.number])
        return cursor.fetchone() is not None


def _copy(columns: Sequence[str], rows: Sequence[Row]) -> None:
    statement = f"COPY engagement_interaction ({', '.join(columns)}) FROM STDIN"
    # Django turns psycopg's errors into its own for execute() alone, so that copy() has to ask for it.
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(statement) as copy:
        copy.write("".join([row.line for row in rows]).encode())


def _rescue(batch: Batch, rows: Sequence[Row]) -> Outcome:
    """A batch was refused: make the months it needs, and if that was not it, drop only the rows at fault."""
    for month in sorted({_value(batch.columns, row.line, "occurred_at")[:7] for row in rows}):
        year, number = month.split("-")
        partitions.make_partitions(datetime(int(year), int(number), 1, tzinfo=UTC).date(), months=1)
    written: list[Written] = []
    with transaction.atomic():
        if _advance(batch):
            for start in range(0, len(rows), _ROWS_TRIED):
                written += _rescue_rows(batch.columns, rows[start : start + _ROWS_TRIED])
            return Outcome(written, len(rows) - len(written))
    return Outcome([row.about for row in rows])


def _rescue_rows(columns: Sequence[str], rows: Sequence[Row]) -> list[Written]:
    try:
        with transaction.atomic():
            _copy(columns, rows)
        return [row.about for row in rows]
    except (DataError, IntegrityError) as error:
        if len(rows) > 1:
            return [about for row in rows for about in _rescue_rows(columns, [row])]
        logger.error("one interaction could not be stored: %s", type(error).__name__)
        return []


def _kept(batch: Batch) -> Sequence[Row]:
    """The rows without the opens and clicks of who refused tracking, and without those of who was erased since."""
    about = {row.about.recipient for row in batch.rows if row.kind in _TRACKED}
    refusing = {recipient.hex for recipient in untracked({UUID(hex=digits) for digits in about})}
    erased = _erased_at({UUID(hex=row.about.recipient) for row in batch.rows}) if batch.is_late else {}
    if not refusing and not erased:
        return batch.rows
    return [
        row
        for row in batch.rows
        if not (row.kind in _TRACKED and row.about.recipient in refusing)
        and not _is_before(_value(batch.columns, row.line, "occurred_at"), erased.get(row.about.recipient))
    ]


def _erased_at(recipients: Iterable[UUID]) -> dict[str, datetime]:
    with connection.cursor() as cursor:
        cursor.execute(_ERASED, [list(recipients)])
        return {recipient.hex: at for recipient, at in cursor.fetchall()}


def _is_before(text: str, moment: datetime | None) -> bool:
    return moment is not None and datetime.fromisoformat(text) <= moment


def _known_columns(columns: list[str], lines: list[str]) -> tuple[tuple[str, ...], list[str]]:
    """Leave out what the table has no longer; what it has got since takes its default."""
    known = [index for index, name in enumerate(columns) if name in COLUMNS]
    if len(known) < len(columns):
        lines = ["\t".join(fields[index] for index in known) for fields in (line.split("\t") for line in lines)]
    return tuple(columns[index] for index in known), lines


def _row(columns: Sequence[str], line: str) -> Row:
    visitor = _value(columns, line, "visitor")
    about = Written(_value(columns, line, "recipient_id"), visitor.removeprefix("\\\\x"))
    return Row(line, about, _value(columns, line, "kind"))


def _value(columns: Sequence[str], line: str, name: str) -> Any:
    """The text of one column, as COPY has it: for those that need no escapes."""
    index = columns.index(name)
    return line.split("\t", index + 1)[index]
