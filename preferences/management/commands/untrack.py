from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.db import InterfaceError, OperationalError

from preferences.bulk import OptOut, Origin, in_batches
from preferences.bulk_tracking import track_many
from preferences.csv_rows import CsvFile
from preferences.imports import ImportFileError, RowError, RowReader, find_columns
from preferences.links import Channel
from preferences.management import lookups
from preferences.management.example import ExampleCommand
from preferences.streams import beside_progress, progress

_EXAMPLE = """\
manage.py untrack --brand demo < addresses.txt

Records no opens and no clicks of these people any more. One address a line, or a CSV file whose first line names the
columns: email (or phone), and if you have it, reason. Who is not recorded already is counted, and nothing changes."""
_SHOWN_ERRORS = 20


class Command(ExampleCommand):
    help = "Record no opens and no clicks of these people, or record them again."
    example = _EXAMPLE

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, nargs="?", metavar="FILE", help="default: standard input")
        lookups.add_brand(parser)
        lookups.add_channel(parser)
        parser.add_argument("--undo", action="store_true", help="record their opens and clicks again")
        parser.add_argument("--actor", default="untrack", metavar="NAME", help="who does it, for the ledger")

    def handle(self, *args: Any, **options: Any) -> None:
        self.brand = lookups.brand_named(options["brand"])
        self.channel = Channel(options["channel"])
        self.is_undo: bool = options["undo"]
        self.read_count = self.new_count = self.bad_count = 0
        path: Path | None = options["file"]
        self.origin = Origin(options["actor"][:150], path.name[:100] if path else "")
        try:
            with CsvFile.open_or_stdin(path) as file:
                self._take(file, path.stat().st_size if path else None)
        except (OSError, ImportFileError) as error:
            raise CommandError(f"{path or 'standard input'}: {getattr(error, 'strerror', None) or error}") from None
        except (KeyboardInterrupt, OperationalError, InterfaceError) as error:
            raise CommandError(self._interruption(error), returncode=130) from None
        self._sum_up()

    def _take(self, file: CsvFile, size: int | None) -> None:
        with progress("B", size, is_size=True) if size else progress("rows") as bar:
            for batch in in_batches(self._people(file)):
                self.new_count += track_many(self.brand, self.channel, batch, self.origin, is_tracked=self.is_undo)
                bar.update((file.size_read() if size else self.read_count) - bar.n)

    def _people(self, file: CsvFile) -> Iterator[OptOut]:
        columns = find_columns(file.peek(), self.channel)
        reader = RowReader(self.brand, self.channel, replace(columns, topic=None), "")
        rows = file.rows(columns.delimiter)
        if columns.has_header:
            next(rows)
        for row in rows:
            self.read_count += 1
            try:
                yield reader.read(row)
            except RowError as error:
                self._report(row.line, str(error))

    def _report(self, line: int, reason: str) -> None:
        self.bad_count += 1
        if self.bad_count <= _SHOWN_ERRORS:
            with beside_progress():
                self.stderr.write(f"line {line}: {reason}")

    def _interruption(self, error: BaseException) -> str:
        why = f"The database went away: {' '.join(str(error).split())}" if str(error) else "Interrupted."
        return f"{why}\n{self.new_count} changes were written and stay. Run it again: repeated rows are harmless."

    def _sum_up(self) -> None:
        if self.bad_count > _SHOWN_ERRORS:
            self.stderr.write(f"and {self.bad_count - _SHOWN_ERRORS} more bad rows.")
        done = "recorded again" if self.is_undo else "no longer recorded"
        same = self.read_count - self.new_count - self.bad_count
        self.stdout.write(
            f"{self.read_count} rows read, {self.new_count} {done}, {same} as before, {self.bad_count} bad"
        )
        if self.bad_count:
            raise CommandError(f"{self.bad_count} rows were left out.")
