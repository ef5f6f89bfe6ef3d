from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from itertools import batched
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.db import InterfaceError, OperationalError, transaction

from engagement.mailings import imports
from engagement.mailings.imports import MailingImport, Problem, Result
from engagement.mailings.rows import MailingFileError, MailingRow, MailingRowError, find_columns, read_row
from preferences.csv_rows import CsvFile
from preferences.management import lookups
from preferences.management.example import ExampleCommand
from preferences.streams import beside_progress, progress

_EXAMPLE = """\
manage.py import_mailings mailings.csv --brand demo

    mailing,name,topics,sent_at,segment,sent,delivered
    2026-11,November news,news;offers,2026-11-03T09:00:00+01:00,loyal,12000,11890
    2026-11,,,,new,800,

Columns are found by their names in the first line; docs/commands.md has all of them. What a row leaves empty stays as
it is, so that delivered counts can come later. Rows that were imported before change nothing."""
_SHOWN_PROBLEMS = 100


class Command(ExampleCommand):
    help = "Bring mailings in, with how many of them were sent and delivered."
    example = _EXAMPLE

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE.csv", help="the mailings, in any delimiter")
        parser.add_argument("--brand", metavar="SLUG", help="whose they are, where the file does not say; no other's")
        parser.add_argument("--atomic", action="store_true", help="take all rows, or none when one cannot be taken")
        parser.add_argument("--dry-run", action="store_true", help="change nothing, tell what would be new")

    def handle(self, *args: Any, **options: Any) -> None:
        self.path: Path = options["file"]
        self.result, self.read_count, self.is_dry_run = Result(), 0, bool(options["dry_run"])
        brand = lookups.brand_named(options["brand"]) if options["brand"] else None
        is_whole = bool(options["atomic"]) or self.is_dry_run
        try:
            if is_whole:
                self._import_whole(MailingImport(brand))
            else:
                self._import(MailingImport(brand))
        except (OSError, MailingFileError) as error:
            raise CommandError(f"{self.path}: {getattr(error, 'strerror', None) or error}") from None
        except (KeyboardInterrupt, OperationalError, InterfaceError) as error:
            why = f"The database went away: {' '.join(str(error).split())}" if str(error) else "Interrupted."
            left = "Nothing was written." if is_whole else "What was written stays: run it again."
            raise CommandError(f"{why}\n{left}", returncode=130) from None
        self._sum_up(is_whole=bool(options["atomic"]))

    def _import_whole(self, importer: MailingImport) -> None:
        with transaction.atomic():
            self._import(importer)
            transaction.set_rollback(self.is_dry_run or bool(self.result.problems))

    def _import(self, importer: MailingImport) -> None:
        with CsvFile.open(self.path) as file, progress("B", self.path.stat().st_size, is_size=True) as bar:
            for batch in batched(self._rows(file), imports.BATCH_SIZE):
                result = importer.write(batch)
                self.result.add(result)
                self._report(result.problems)
                bar.update(file.size_read() - bar.n)
            if file.legacy_count:
                with beside_progress():
                    self.stderr.write(f"{file.legacy_count} lines were not UTF-8 and were read as Windows-1252.")

    def _rows(self, file: CsvFile) -> Iterator[MailingRow]:
        columns = find_columns(file.peek())
        rows = file.rows(columns.delimiter)
        next(rows)
        for row in rows:
            self.read_count += 1
            try:
                yield read_row(row, columns)
            except MailingRowError as error:
                problem = (row.line, str(error))
                self.result.problems.append(problem)
                self._report([problem])

    def _report(self, problems: list[Problem]) -> None:
        first = len(self.result.problems) - len(problems)
        for line, reason in problems[: max(0, _SHOWN_PROBLEMS - first)]:
            with beside_progress():
                self.stderr.write(f"line {line}: {reason}")

    def _sum_up(self, *, is_whole: bool) -> None:
        result, rejected = self.result, len(self.result.problems)
        if rejected > _SHOWN_PROBLEMS:
            self.stderr.write(f"and {rejected - _SHOWN_PROBLEMS} more rejected rows.")
        if rejected and is_whole:
            raise CommandError(f"{rejected} of {self.read_count} rows were rejected, so none was taken.")
        would = "would be " if self.is_dry_run else ""
        self.stdout.write(
            f"{self.read_count} rows read, {would}{result.new_count} new and {result.changed_count} changed mailings,"
            f" {result.delivery_count} new or changed counts, {rejected} rejected"
        )
        if rejected:
            raise CommandError(f"{rejected} rows were rejected. Mend them and import the file again.")
