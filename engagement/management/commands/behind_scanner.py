from __future__ import annotations

import sys
from argparse import ArgumentParser
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from engagement.figures import scanned
from engagement.figures.scanned import Behind
from preferences.links import Channel
from preferences.management import lookups
from preferences.management.example import ExampleCommand
from preferences.models import Brand
from preferences.streams import AddressLines, Entry, progress, quiet_end

MOST_DAYS = 36_500  # no robot was seen earlier
_EXAMPLE = """\
manage.py behind_scanner --brand demo --only < addresses.txt > behind-scanner.txt

Reads one address a line from standard input and writes ADDRESS<TAB>yes|likely|no<TAB>LAST-SEEN<TAB>MESSAGES<TAB>GATEWAY
for each, in the same order: whether robots open its mails, when one did last, and at how many messages."""


class Command(ExampleCommand):
    help = "Tell which of the addresses on standard input have a scanner that opens their mails."
    example = _EXAMPLE
    answers_somebody = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        lookups.add_brand(parser)
        lookups.add_channel(parser)
        parser.add_argument("--days", type=int, default=90, metavar="N", help="seen in the last N days (default: 90)")
        parser.add_argument("--only", action="store_true", help="write the addresses with yes or likely, and no more")

    def handle(self, *args: Any, **options: Any) -> None:
        if not 1 <= options["days"] <= MOST_DAYS:
            raise CommandError(f"--days is a number from 1 to {MOST_DAYS:,}.")
        brand, channel = lookups.brand_named(options["brand"]), Channel(options["channel"])
        lines = AddressLines(sys.stdin.buffer, channel)
        with quiet_end():
            self._write(brand, channel, lines, timezone.now() - timedelta(days=options["days"]), options["only"])
        if lines.bad_count:
            self.stderr.write(f"{lines.bad_count} bad addresses, answered no.")

    def _write(self, brand: Brand, channel: Channel, lines: AddressLines, since: datetime, is_only: bool) -> None:
        with progress("address") as bar:
            for batch in lines.batches():
                answers = scanned.answers(brand.pk, channel, [address for _, address in batch], since)
                self.stdout.write("".join(_lines(batch, answers, is_only)), ending="")
                bar.update(len(batch))


def _lines(batch: list[Entry], answers: list[Behind], is_only: bool) -> list[str]:
    pairs = [(text, one) for (text, _), one in zip(batch, answers, strict=True)]
    if is_only:
        return [f"{text}\n" for text, one in pairs if one.word != "no"]
    return [f"{text}\t{one.word}\t{_moment(one.last_at)}\t{one.messages}\t{one.gateway}\n" for text, one in pairs]


def _moment(at: datetime | None) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if at else ""
