from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from itertools import batched
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from preferences.csv_rows import CsvFile
from preferences.imports import ImportFileError, RowError
from preferences.management import lookups
from preferences.management.example import ExampleCommand
from preferences.pairing import BATCH_SIZE, Pair, find_pair_columns, pair_many, part_many, read_pair
from preferences.streams import beside_progress, progress

_EXAMPLE = """\
manage.py companions --brand demo < pairs.csv

Says which e-mail address and which phone number are one person's, so that one page shows both. The first line names the
columns: email and phone. A pair takes the place of what either side was paired with before."""
_SHOWN_ERRORS = 20


class Command(ExampleCommand):
    help = "Pair e-mail addresses with the phone numbers of the same people."
    example = _EXAMPLE

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, nargs="?", metavar="FILE.csv", help="default: standard input")
        lookups.add_brand(parser)
        parser.add_argument("--forget", action="store_true", help="drop these pairs instead")

    def handle(self, *args: Any, **options: Any) -> None:
        self.brand = lookups.brand_named(options["brand"])
        self.is_parting: bool = options["forget"]
        self.read_count = self.new_count = self.bad_count = 0
        path: Path | None = options["file"]
        try:
            with CsvFile.open_or_stdin(path) as file:
                self._take(file, path.stat().st_size if path else None)
        except (OSError, ImportFileError) as error:
            raise CommandError(f"{path or 'standard input'}: {getattr(error, 'strerror', None) or error}") from None
        self._sum_up()

    def _take(self, file: CsvFile, size: int | None) -> None:
        with progress("B", size, is_size=True) if size else progress("rows") as bar:
            for batch in batched(self._pairs(file), BATCH_SIZE):
                self._write(list(batch))
                bar.update((file.size_read() if size else self.read_count) - bar.n)

    def _pairs(self, file: CsvFile) -> Iterator[Pair]:
        columns = find_pair_columns(file.peek())
        rows = file.rows(columns.delimiter)
        next(rows)
        for row in rows:
            self.read_count += 1
            try:
                yield read_pair(self.brand, columns, row)
            except RowError as error:
                self._report(row.line, str(error))

    def _write(self, pairs: list[Pair]) -> None:
        if self.is_parting:
            self.new_count += part_many(self.brand, pairs)
            return
        count, left_out = pair_many(self.brand, pairs)
        self.new_count += count
        for pair in left_out:
            self._report(pair.line, "one of the two was erased at their wish")

    def _report(self, line: int, reason: str) -> None:
        self.bad_count += 1
        if self.bad_count <= _SHOWN_ERRORS:
            with beside_progress():
                self.stderr.write(f"line {line}: {reason}")

    def _sum_up(self) -> None:
        if self.bad_count > _SHOWN_ERRORS:
            self.stderr.write(f"and {self.bad_count - _SHOWN_ERRORS} more bad rows.")
        done = "pairs dropped" if self.is_parting else "new pairs"
        self.stdout.write(f"{self.read_count} rows read, {self.new_count} {done}, {self.bad_count} bad")
        if self.bad_count:
            raise CommandError(f"{self.bad_count} rows were left out.")
