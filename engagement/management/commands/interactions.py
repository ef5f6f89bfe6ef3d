from __future__ import annotations

import csv
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.core.management.base import CommandError
from django.db import InterfaceError, OperationalError

from engagement.feed import positions
from engagement.feed.lines import COLUMNS, Line, cursor_line
from engagement.feed.positions import COUNTING, FeedCursor, KeptPosition, position
from engagement.feed.stream import InteractionFeed, Page, Wanted
from engagement.models import Kind
from preferences.feed import Cursor, FeedError
from preferences.management import lookups
from preferences.management.example import ExampleCommand
from preferences.streams import Following, progress, quiet_end

_EXAMPLE = """\
manage.py interactions --cleaned --brand demo --position warehouse --follow >> interactions.ndjson

Writes what happened to mailings, one line each, and what was judged anew since; docs/feeds.md has the columns. Keep the
cursor of the last line that you have dealt with and go on from there with --since, or let Farewell keep it under a name
with --position. No interaction is ever skipped, however late it commits."""


class Command(ExampleCommand):
    help = "Write opens, clicks and visits as a feed, raw or as the cleaned figures count them."
    example = _EXAMPLE

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--raw", action="store_true", help="all of them, robots' too (default)")
        what.add_argument("--cleaned", action="store_true", help="only what people did, or may have done")
        where = parser.add_mutually_exclusive_group()
        where.add_argument("--since", metavar="CURSOR", help="go on after this cursor (default: the beginning)")
        where.add_argument("--position", metavar="NAME", help="go on where the last run under this name ended")
        parser.add_argument("--format", choices=["ndjson", "csv"], default="ndjson", help="default: ndjson")
        parser.add_argument("--no-header", action="store_true", help="csv without the line of column names")
        parser.add_argument("--brand", metavar="SLUG", help="only this brand's (default: all)")
        parser.add_argument("--kinds", metavar="KIND,...", help="only these, such as open,click (default: all)")
        parser.add_argument("--limit", type=int, metavar="N", help="stop after N lines")
        parser.add_argument("--follow", action="store_true", help="wait for more until interrupted")
        parser.add_argument("--interval", type=float, default=5.0, metavar="SECONDS", help="how often --follow looks")
        parser.add_argument("--accept-loss", action="store_true", help="go on although retention dropped unread lines")
        parser.add_argument(
            "--after-restore",
            action="store_true",
            help="write nothing; put the feed back in order once after a dump was restored into a new cluster",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["after_restore"]:
            count = positions.forget_transactions()
            self.stdout.write(f"{count} interactions were put at the feed's beginning. All readers start over now.")
            return
        if options["limit"] is not None and options["limit"] < 1:
            raise CommandError("--limit is 1 or more.")
        if not options["interval"] > 0:
            raise CommandError("--interval is more than 0 seconds.")
        if options["follow"]:
            self._warn_of_nothing()
        try:
            with quiet_end():
                self._stream(options)
        except FeedError as error:
            raise CommandError(str(error)) from None
        if not options["follow"]:
            self._warn_of_nothing()

    def _warn_of_nothing(self) -> None:
        if position(COUNTING) == Cursor():
            self.stderr.write(
                "Nothing has been counted yet, and the feed tells what was. The worker counts what is two minutes old:"
                " are manage.py db_worker and manage.py crontask running?"
            )

    def _stream(self, options: dict[str, Any]) -> None:
        kept = KeptPosition(options["position"]) if options["position"] else None
        start = kept.cursor if kept else FeedCursor.parse(options["since"]) if options["since"] else FeedCursor()
        feed = InteractionFeed(start, _wanted(options), accepts_loss=options["accept_loss"])
        self._is_csv: bool = options["format"] == "csv"
        if self._is_csv and not options["no_header"]:
            csv.writer(self.stdout).writerow(COLUMNS)
        told = end = start
        following = Following(options["interval"]) if options["follow"] else None
        try:
            for page in _limited(_followed(feed, following) if following else _shown(feed), options["limit"]):
                self._write(page.lines)
                if kept:
                    kept.move(page.end)
                told, end = FeedCursor.parse(page.lines[-1].cursor) if page.lines else told, page.end
            if not kept and told != end and options["limit"] is None:
                self._write([cursor_line(str(end))])
        except (OperationalError, InterfaceError) as error:
            raise CommandError(
                f"The database went away: {' '.join(str(error).split())}\nGo on when it is back, with --since {told}"
                " if no --position is kept."
            ) from None

    def _write(self, lines: list[Line]) -> None:
        if self._is_csv:
            csv.writer(self.stdout).writerows(line.cells() for line in lines)
        elif lines:
            self.stdout.write("\n".join(line.as_json() for line in lines))
        self.stdout.flush()


def _wanted(options: dict[str, Any]) -> Wanted:
    brand = lookups.brand_named(options["brand"]) if options["brand"] else None
    kinds = tuple(filter(None, (kind.strip() for kind in (options["kinds"] or "").split(","))))
    if unknown := sorted({*kinds} - {*Kind.values}):
        raise CommandError(f"There is no kind {unknown[0]!r}. Known: {', '.join(Kind.values)}.")
    return Wanted(options["cleaned"], brand.id if brand else None, kinds)


def _shown(feed: InteractionFeed) -> Iterator[Page]:
    """Read the feed, with a progress bar of what it goes through where somebody looks."""
    with progress("line") as bar:
        if not bar.disable:
            bar.total = feed.waiting_count()
        for page in feed.read():
            yield page
            bar.update(page.read_count)


def _followed(feed: InteractionFeed, following: Following) -> Iterator[Page]:
    """Read the feed, and what comes to it, until a signal: then the page that was begun is the last."""
    while True:
        for page in feed.read():
            yield page
            if following.is_stopping:
                return
        if not following.wait():
            return


def _limited(pages: Iterator[Page], limit: int | None) -> Iterator[Page]:
    for page in pages:
        yield page if limit is None else page.cut(limit)
        if limit is not None:
            limit -= len(page.lines)
            if limit <= 0:
                return
