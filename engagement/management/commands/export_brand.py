from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.db import InterfaceError, OperationalError

from engagement import brand_export
from engagement.brand_export import ExportError
from preferences.management import lookups
from preferences.management.example import ExampleCommand
from preferences.streams import progress

_EXAMPLE = """\
manage.py export_brand demo /srv/exports/demo-2026-11

Writes everything of one brand into a new folder, one file a table, as of one moment: settings without secrets, topics,
recipients with their addresses, the ledger, mailings, interactions and all that is counted. manifest.json comes last,
with the number of rows and the SHA-256 of each file: a folder without it is not whole."""


class Command(ExampleCommand):
    help = "Export everything of one brand as files."
    example = _EXAMPLE

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("brand", metavar="BRAND", help="the brand's slug, such as demo")
        parser.add_argument("folder", type=Path, metavar="DIR", help="where to; made when it is not there, else empty")
        parser.add_argument("--format", choices=["ndjson", "csv"], default="ndjson", help="default: ndjson")

    def handle(self, *args: Any, **options: Any) -> None:
        brand, folder = lookups.brand_named(options["brand"]), options["folder"]
        is_csv = options["format"] == "csv"
        try:
            with progress("row") as bar:
                if not bar.disable:
                    bar.total = brand_export.row_count(brand)
                written = brand_export.export(brand, folder, is_csv=is_csv, progress=bar.update)
        except ExportError as error:
            raise CommandError(str(error)) from None
        except OSError as error:
            raise CommandError(f"{folder}: {error.strerror or error}") from None
        except (KeyboardInterrupt, OperationalError, InterfaceError) as error:
            why = f"The database went away: {' '.join(str(error).split())}" if str(error) else "Interrupted."
            raise CommandError(f"{why}\nDelete {folder} and run it again: it is not whole.", returncode=130) from None
        rows, size = sum(file.rows for file in written), sum(file.bytes for file in written)
        self.stdout.write(f"{len(written)} files with {rows:,} rows and {size:,} bytes are in {folder}.")
