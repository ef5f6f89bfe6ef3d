from __future__ import annotations

import sys
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from preferences.link_urls import DOORS, url_of
from preferences.links import Channel, Claims, LinkKey, Purpose, seal, seal_many
from preferences.management import lookups
from preferences.management.example import ExampleCommand
from preferences.models import Brand
from preferences.streams import AddressLines, beside_progress, progress, quiet_end

_EXAMPLE = """\
manage.py mint --brand demo --topic news --mailing 2026-11 --purpose unsubscribe < addresses.txt > links.tsv

Reads one address a line from standard input and writes ADDRESS<TAB>URL for each, in the same order. A bad address
is told on standard error with its line number, the others go on, and the exit status is then 1."""


class Command(ExampleCommand):
    help = "Mint the links of a mailing, one for each address on standard input."
    example = _EXAMPLE

    def add_arguments(self, parser: ArgumentParser) -> None:
        lookups.add_brand(parser)
        lookups.add_channel(parser)
        purposes = ", ".join(DOORS)
        parser.add_argument("--topic", default="", metavar="SLUG", help="the topic of the mailing")
        parser.add_argument("--mailing", default="", metavar="NAME", help="the mailing, such as 2026-11")
        parser.add_argument("--purpose", default="unsubscribe", help=f"{purposes} (default: unsubscribe)")
        parser.add_argument(
            "--sent-at",
            metavar="ISO8601",
            help="when the mails go out, such as 2026-11-21T18:00:00Z (default: now). Scanners are told from people"
            " by it, so give the planned moment when you send later",
        )
        parser.add_argument("--key", default="", metavar="KID", help="the key to seal with (default: the newest)")

    def handle(self, *args: Any, **options: Any) -> None:
        brand = lookups.brand_named(options["brand"])
        claims = self._claims(brand, options)
        key = lookups.link_key_of(brand, options["key"])
        lines = AddressLines(sys.stdin.buffer, claims.channel, self._report)
        with quiet_end():
            self._write(brand, key, claims, lines)
        if lines.bad_count:
            raise CommandError(f"{lines.bad_count} bad addresses got no link; all others have theirs.")

    def _claims(self, brand: Brand, options: dict[str, Any]) -> Claims:
        """What all links say, proved by sealing it once: no link is written when one would not be."""
        if options["purpose"] not in set(DOORS):
            raise CommandError(f"Links for {options['purpose']!r} cannot be minted. Use one of {', '.join(DOORS)}.")
        purpose, channel = Purpose(options["purpose"]), Channel(options["channel"])
        if options["topic"] or purpose is not Purpose.PREFERENCES:
            lookups.topic_named(brand, options["topic"])
        sent_at = int(lookups.moment(options["sent_at"]).timestamp()) if options["sent_at"] else int(time.time())
        claims = Claims(purpose, channel, sent_at, options["topic"], options["mailing"], "alice@example.org")
        try:
            seal(LinkKey.generate(), claims)
        except ValueError as error:
            raise CommandError(f"{str(error).capitalize()}.") from None
        return claims

    def _write(self, brand: Brand, key: LinkKey, claims: Claims, lines: AddressLines) -> None:
        stem = url_of(brand.link_base, claims.purpose, "")
        with progress("link") as bar:
            for batch in lines.batches():
                good = [entry for entry in batch if entry[1]]
                tokens = seal_many(key, claims, [address for _, address in good])
                rows = [f"{text}\t{stem}{token}\n" for (text, _), token in zip(good, tokens, strict=True)]
                self.stdout.write("".join(rows), ending="")
                bar.update(len(batch))

    def _report(self, number: int, text: str, reason: str) -> None:
        with beside_progress():
            self.stderr.write(f"line {number}: {reason}: {text}")
