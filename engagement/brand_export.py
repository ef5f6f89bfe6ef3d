"""Everything of one brand as files, to take elsewhere: one moment's picture, table by table, in constant memory.

`TABLES` names what is exported, `LEFT_OUT` what is not, and why; a test goes through all models and finds each in one
of them. The manifest is written last: a folder without one is not whole.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import batched
from pathlib import Path
from typing import Any

from django.apps import apps
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from preferences.csv_rows import harmless
from preferences.feed import utc
from preferences.knowing import plain
from preferences.models import Brand

FORMAT = 1
MANIFEST = "manifest.json"
_AT_ONCE = 2_000


class ExportError(Exception):
    """The export cannot be written; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Table:
    """A model's rows as a file: those whose `path` leads to the brand, in `order`, `without` some columns."""

    file: str
    model: str
    path: str = "brand_id"
    without: tuple[str, ...] = ()
    order: tuple[str, ...] = ("pk",)


TABLES = (
    Table("brand", "preferences.Brand", "id", ("address_key_check",)),
    Table("brand_texts", "preferences.BrandText"),
    Table("keys", "preferences.BrandKey", without=("sealed_secret",)),
    Table("topic_groups", "preferences.TopicGroup"),
    Table("topic_group_texts", "preferences.TopicGroupText", "group__brand_id"),
    Table("topics", "preferences.Topic"),
    Table("topic_texts", "preferences.TopicText", "topic__brand_id"),
    Table("leaving_reasons", "preferences.LeavingReason"),
    Table("leaving_reason_texts", "preferences.LeavingReasonText", "reason__brand_id"),
    Table("recipients", "preferences.Recipient"),
    Table("companions", "preferences.Companions"),
    Table("subscriptions", "preferences.Subscription", "recipient__brand_id"),
    Table("suppressions", "preferences.Suppression", "recipient__brand_id"),
    Table("pauses", "preferences.Pause", "recipient__brand_id"),
    Table("ledger", "preferences.PreferenceChange", without=("xid",)),
    Table("leaving_answers", "preferences.LeavingAnswer"),
    Table("leaving_answer_counts", "preferences.LeavingAnswerCount"),
    Table("mailings", "engagement.Mailing"),
    Table("mailing_topics", "engagement.Mailing_topics", "mailing__brand_id"),
    Table("deliveries", "engagement.Delivery", "mailing__brand_id"),
    Table("links", "engagement.TrackedLink"),
    Table("short_links", "engagement.ShortLink"),
    Table("interactions", "engagement.Interaction", without=("xid",), order=("occurred_at", "id")),
    Table("revisions", "engagement.Revision", without=("xid",)),
    Table("conversions", "engagement.Conversion"),
    Table("tallies", "engagement.Tally"),
    Table("rankings", "engagement.Ranking"),
    Table("reach", "engagement.Reach"),
    Table("touches", "engagement.Touch"),
    Table("page_views", "engagement.PageView"),
    Table("scanned", "engagement.Scanned"),
    Table("counting_switches", "engagement.CountingSwitch", without=("decided_by_id",)),
    Table("rejudgements", "engagement.Rejudgement"),
)
LEFT_OUT = {
    "preferences.Brand_members": "accounts of this installation",
    "preferences.LinkRequest": "hashes of a day, of no brand",
    "engagement.Position": "how far this installation's readers have come",
    "engagement.SpoolPosition": "how far this installation's files have been written",
    "engagement.Learned": "learned from all brands together",
    "engagement.MailHost": "public knowledge about mail domains, of no brand",
    "engagement.RecordingGap": "of the whole installation, of no brand",
    "unsubscribe.ScannedMailing": "the mailings, seen otherwise",
}


@dataclass(frozen=True, slots=True)
class Written:
    """A file of the export, as the manifest names it."""

    file: str
    model: str
    columns: list[str]
    rows: int
    bytes: int
    sha256: str


def row_count(brand: Brand) -> int:
    """Return how many rows an export would have now."""
    return sum(_rows_of(table, brand).count() for table in TABLES)


def export(
    brand: Brand, folder: Path, *, is_csv: bool = False, progress: Callable[[int], object] = int
) -> list[Written]:
    """Write the files into `folder`, which is made or empty. Raises ExportError and OSError. `progress` is told the
    number of rows now and then."""
    _make_folder(folder)
    with transaction.atomic(), connection.cursor() as cursor:
        # One picture of all tables, however long it takes, and no writing by mistake.
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        now = timezone.now()
        written = [_write_table(table, brand, folder, is_csv, progress) for table in TABLES]
    _write_manifest(folder, brand, now, written)
    return written


def _make_folder(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise ExportError(f"{folder} is not empty: name a folder that is, or one that is not there yet.")


def _columns(table: Table) -> list[str]:
    fields = apps.get_model(table.model)._meta.concrete_fields
    return [field.attname for field in fields if field.column and field.attname not in table.without]


def _rows_of(table: Table, brand: Brand) -> QuerySet[Any]:
    rows: QuerySet[Any] = apps.get_model(table.model)._default_manager.filter(**{table.path: brand.pk})
    return rows


def _write_table(table: Table, brand: Brand, folder: Path, is_csv: bool, progress: Callable[[int], object]) -> Written:
    name, columns = f"{table.file}.{'csv' if is_csv else 'ndjson'}", _columns(table)
    rows = _rows_of(table, brand).order_by(*table.order).values_list(*columns).iterator(chunk_size=_AT_ONCE)
    digest, row_count, size = hashlib.sha256(), 0, 0
    with _open(folder / name) as file:
        for part, count in _parts(columns, rows, is_csv=is_csv):
            file.write(part)
            digest.update(part)
            row_count, size = row_count + count, size + len(part)
            progress(count)
        _sync(file)
    return Written(name, table.model, columns, row_count, size, digest.hexdigest())


def _parts(columns: list[str], rows: Iterator[tuple[Any, ...]], *, is_csv: bool) -> Iterator[tuple[bytes, int]]:
    if is_csv:
        yield _csv([columns]), 0
    for batch in batched(rows, _AT_ONCE):
        yield (_csv([_cells(row) for row in batch]) if is_csv else _ndjson(columns, batch)), len(batch)


def _ndjson(columns: list[str], rows: tuple[tuple[Any, ...], ...]) -> bytes:
    texts = [json.dumps(dict(zip(columns, row, strict=True)), default=_json, ensure_ascii=False) for row in rows]
    return "".join(f"{text}\n" for text in texts).encode()


def _csv(rows: list[list[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _cells(row: tuple[Any, ...]) -> list[str]:
    return ["" if value is None else _cell(value) for value in row]


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return harmless(value)
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, bool | dict | list):
        return harmless(json.dumps(value, default=_json, ensure_ascii=False))
    return str(_json(value))


def _json(value: Any) -> Any:
    """A value that JSON has no form of its own for: moments in UTC, bytes as hexadecimal digits, amounts as texts."""
    return plain(value) if isinstance(value, datetime | date | bytes | memoryview) else str(value)


def _open(path: Path) -> io.FileIO:
    return io.FileIO(path, "x", opener=lambda name, flags: os.open(name, flags, 0o600))


def _sync(file: io.FileIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _write_manifest(folder: Path, brand: Brand, now: datetime, written: list[Written]) -> None:
    manifest = {
        "format": FORMAT,
        "brand": brand.slug,
        "exported_at": utc(now),
        "files": [asdict(file) for file in written],
        "left_out": LEFT_OUT,
    }
    unfinished = folder / f".{MANIFEST}"
    with _open(unfinished) as file:
        file.write(json.dumps(manifest, indent=2, ensure_ascii=False).encode())
        _sync(file)
    unfinished.rename(folder / MANIFEST)
