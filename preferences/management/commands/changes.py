from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from django.core.management.base import CommandError
from django.db import InterfaceError, OperationalError

from preferences import feed
from preferences.feed import Change, Cursor, Feed, FeedError
from preferences.management import lookups
from preferences.management.example import ExampleCommand
from preferences.streams import Following, quiet_end

_EXAMPLE = """\
manage.py changes --after 742.16 --follow

Writes one change a line as JSON, oldest first; docs/commands.md has the fields. Keep the `cursor` of the last line
that you have dealt with, and go on from there with --after. No change is ever skipped, however late it commits."""


class Command(ExampleCommand):
    help = "Write the ledger of preference changes as newline-delimited JSON."
    example = _EXAMPLE

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--after", default="0.0", metavar="CURSOR", help="go on after this cursor")
        parser.add_argument("--brand", metavar="SLUG", help="only this brand's changes (default: all)")
        parser.add_argument("--limit", type=int, metavar="N", help="stop after N changes")
        parser.add_argument("--follow", action="store_true", help="wait for further changes until interrupted")
        parser.add_argument("--interval", type=float, default=1.0, metavar="SECONDS", help="how often --follow looks")
        parser.add_argument(
            "--after-restore",
            action="store_true",
            help="write nothing; put the ledger back in order once after a dump was restored into a new cluster",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["after_restore"]:
            self.stdout.write(f"{feed.forget_transactions()} changes stand at the feed's beginning. Start over now.")
            return
        if options["limit"] is not None and options["limit"] < 1:
            raise CommandError("--limit is 1 or more.")
        if not options["interval"] > 0:
            raise CommandError("--interval is more than 0 seconds.")
        brand = lookups.brand_named(options["brand"]) if options["brand"] else None
        try:
            reader = Feed(Cursor.parse(options["after"]), brand.id if brand else None)
            with quiet_end():
                self._stream(reader, options["limit"], Following(options["interval"]) if options["follow"] else None)
        except FeedError as error:
            raise CommandError(str(error)) from None

    def _stream(self, reader: Feed, limit: int | None, following: Following | None) -> None:
        try:
            while (limit := self._write_present(reader, limit, following)) != 0 and following and following.wait():
                pass
        except (OperationalError, InterfaceError) as error:
            raise CommandError(
                f"The database went away: {' '.join(str(error).split())}\n"
                f"Go on with --after {reader.cursor} when it is back."
            ) from None

    def _write_present(self, reader: Feed, limit: int | None, following: Following | None) -> int | None:
        """Write what there is; return how many more may follow, None for any number."""
        for page in reader.read():
            changes = page if limit is None else page[:limit]
            self._write(changes)
            limit = limit if limit is None else limit - len(changes)
            if limit == 0 or (following and following.is_stopping):
                break
        return limit

    def _write(self, changes: Sequence[Change]) -> None:
        lines = [json.dumps(change.fields, ensure_ascii=False, separators=(",", ":")) for change in changes]
        self.stdout.write("\n".join(lines))
        self.stdout.flush()
