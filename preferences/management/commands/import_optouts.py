from __future__ import annotations

import csv
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from django.core.management.base import CommandError
from django.db import InterfaceError, OperationalError

from preferences import bulk
from preferences.bulk import OptOut, Origin
from preferences.csv_rows import CsvFile, Row, harmless
from preferences.imports import ImportFileError, RowError, RowReader, find_columns
from preferences.links import Channel
from preferences.management import lookups
from preferences.management.example import ExampleCommand
from preferences.streams import beside_progress, progress

_EXAMPLE = """\
manage.py import_optouts suppressed.csv --brand demo

Columns are found by their names in the first line: email (or phone), and if you have them topic, reason and date.
A file of nothing but addresses needs no header. A row without a topic is an opt-out of everything. Rows that were
imported before, or that left by themselves, are counted and change nothing."""
_SHOWN_REJECTS = 20


class Rejects:
    """The rows that were no opt-outs, kept in a file that can be mended and imported again."""

    def __init__(self, path: Path, names: list[str]) -> None:
        self.count = 0
        self._path = path
        self._names = names
        self._file: IO[str] | None = None

    def add(self, row: Row, reason: str) -> None:
        if self._file is None:
            self._file = self._path.open("w", encoding="utf-8", newline="")
            csv.writer(self._file).writerow(["rejected_line", "rejected_reason", *self._names])
        csv.writer(self._file).writerow([row.line, reason, *map(harmless, row.cells)])
        self.count += 1

    def close(self) -> None:
        if self._file:
            self._file.close()


class Command(ExampleCommand):
    help = "Bring an existing suppression list in: opt out every address of a CSV file."
    example = _EXAMPLE

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE.csv", help="the list, in any delimiter")
        lookups.add_brand(parser)
        lookups.add_channel(parser)
        parser.add_argument("--topic", metavar="SLUG", help="what rows without a topic leave (default: everything)")
        parser.add_argument(
            "--rejects", type=Path, metavar="FILE", help="where bad rows go (default: FILE.rejects.csv)"
        )
        parser.add_argument("--actor", default="import_optouts", metavar="NAME", help="who does it, for the ledger")
        parser.add_argument("--dry-run", action="store_true", help="change nothing, tell what would be new")

    def handle(self, *args: Any, **options: Any) -> None:
        self.path: Path = options["file"]
        self.is_dry_run: bool = options["dry_run"]
        self.brand = lookups.brand_named(options["brand"])
        self.channel = Channel(options["channel"])
        self.topic = lookups.topic_named(self.brand, options["topic"]).slug if options["topic"] else ""
        self.origin = Origin(options["actor"][:150], self.path.name[:100])
        self.read_count = self.new_count = self.valid_count = 0
        rejects_path = options["rejects"] or self.path.with_name(f"{self.path.name}.rejects.csv")
        if rejects_path.resolve() == self.path.resolve():
            raise CommandError("--rejects names the list itself.")
        try:
            self._import(rejects_path)
        except (OSError, ImportFileError) as error:
            raise CommandError(f"{self.path}: {getattr(error, 'strerror', None) or error}") from None

    def _import(self, rejects_path: Path) -> None:
        with CsvFile.open(self.path) as file:
            columns = find_columns(file.peek(), self.channel)
            reader = RowReader(self.brand, self.channel, columns, self.topic)
            rejects = Rejects(rejects_path, list(columns.names))
            rows = file.rows(columns.delimiter)
            if columns.has_header:
                next(rows)
            try:
                with progress("B", self.path.stat().st_size, is_size=True) as bar:
                    for batch in bulk.in_batches(self._wishes(reader, rows, rejects)):
                        self._write(batch)
                        bar.update(file.size_read() - bar.n)
            except (KeyboardInterrupt, OperationalError, InterfaceError) as error:
                raise CommandError(self._interruption(error), returncode=130) from None
            finally:
                rejects.close()
            self._sum_up(file.legacy_count, rejects.count, rejects_path)

    def _wishes(self, reader: RowReader, rows: Iterator[Row], rejects: Rejects) -> Iterator[OptOut]:
        for row in rows:
            self.read_count += 1
            try:
                wish = reader.read(row)
            except RowError as error:
                rejects.add(row, str(error))
                self._report(rejects.count, row.line, str(error))
            else:
                yield wish

    def _write(self, wishes: list[OptOut]) -> None:
        if self.is_dry_run:
            self.new_count += bulk.count_new(self.brand, self.channel, wishes)
        else:
            self.new_count += bulk.opt_out_many(self.brand, self.channel, wishes, self.origin)
        self.valid_count += len(wishes)

    def _report(self, count: int, line: int, reason: str) -> None:
        if count > _SHOWN_REJECTS:
            return
        with beside_progress():
            self.stderr.write(f"line {line}: {reason}")

    def _interruption(self, error: BaseException) -> str:
        why = f"The database went away: {' '.join(str(error).split())}" if str(error) else "Interrupted."
        return f"{why}\n{self.new_count} new opt-outs were written and stay. Run it again: repeated rows are harmless."

    def _sum_up(self, legacy_count: int, reject_count: int, rejects_path: Path) -> None:
        if legacy_count:
            self.stderr.write(f"{legacy_count} lines were not UTF-8 and were read as Windows-1252.")
        if reject_count > _SHOWN_REJECTS:
            self.stderr.write(f"and {reject_count - _SHOWN_REJECTS} more rejected rows.")
        would = "would be at most " if self.is_dry_run else ""
        self.stdout.write(
            f"{self.read_count} rows read, {would}{self.new_count} new opt-outs,"
            f" {self.valid_count - self.new_count} already out, {reject_count} rejected"
        )
        if reject_count:
            raise CommandError(f"{reject_count} rows were rejected. They are in {rejects_path}, each with its reason.")
