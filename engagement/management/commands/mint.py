from __future__ import annotations

import sys
import time
from argparse import ArgumentParser
from dataclasses import dataclass
from typing import Any

from django.core.management.base import CommandError

from engagement.tracking import short_links
from preferences.link_urls import DOORS, short_url_of, url_of
from preferences.links import MAY_LACK_TOPIC, Channel, Claims, LinkKey, Purpose, seal, seal_many
from preferences.management import lookups
from preferences.management.example import ExampleCommand
from preferences.models import Brand
from preferences.streams import AddressLines, beside_progress, progress, quiet_end

_EXAMPLE = """\
manage.py mint --brand demo --topic news --mailing 2026-11 --purpose unsubscribe < addresses.txt > links.tsv

manage.py mint --brand demo --mailing 2026-11 --segment loyal --purpose click --target https://example.org/offers
manage.py mint --brand demo --topic news --mailing winter --channel sms --short < numbers.txt > links.tsv

Reads one address a line from standard input and writes ADDRESS<TAB>URL for each, in the same order. A bad address
is told on standard error with its line number, the others go on, and the exit status is then 1."""


class Command(ExampleCommand):
    help = "Mint the links of a mailing, one for each address on standard input."
    example = _EXAMPLE
    answers_somebody = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        lookups.add_brand(parser)
        lookups.add_channel(parser)
        purposes = ", ".join(DOORS)
        parser.add_argument("--topic", default="", metavar="SLUG", help="the topic of the mailing")
        parser.add_argument("--mailing", default="", metavar="NAME", help="the mailing, such as 2026-11")
        parser.add_argument("--segment", default="", metavar="NAME", help="the part of the mailing's recipients")
        parser.add_argument("--purpose", default="unsubscribe", help=f"{purposes} (default: unsubscribe)")
        parser.add_argument("--target", default="", metavar="URL", help="where a click leads to")
        parser.add_argument("--short", action="store_true", help="store the links and write short ones, for SMS")
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
        links = _Links(brand, lookups.link_key_of(brand, options["key"]), claims, is_short=options["short"])
        lines = AddressLines(sys.stdin.buffer, claims.channel, self._report)
        with quiet_end():
            self._write(links, lines)
        if lines.bad_count:
            raise CommandError(f"{lines.bad_count} bad addresses got no link; all others have theirs.")

    def _claims(self, brand: Brand, options: dict[str, Any]) -> Claims:
        """What all links say, proved by sealing it once: no link is written when one would not be."""
        if options["purpose"] not in set(DOORS):
            raise CommandError(f"Links for {options['purpose']!r} cannot be minted. Use one of {', '.join(DOORS)}.")
        purpose, channel = Purpose(options["purpose"]), Channel(options["channel"])
        if options["topic"] or purpose not in MAY_LACK_TOPIC:
            lookups.topic_named(brand, options["topic"])
        sent_at = int(lookups.moment(options["sent_at"]).timestamp()) if options["sent_at"] else int(time.time())
        texts = {name: options[name] for name in ("topic", "mailing", "target", "segment")}
        claims = Claims(purpose, channel, sent_at, address="alice@example.org", **texts)
        try:
            seal(LinkKey.generate(), claims)
        except ValueError as error:
            raise CommandError(f"{str(error).capitalize()}.") from None
        return claims

    def _write(self, links: _Links, lines: AddressLines) -> None:
        with progress("link") as bar:
            for batch in lines.batches():
                good = [entry for entry in batch if entry[1]]
                urls = links.of([address for _, address in good])
                rows = [f"{text}\t{url}\n" for (text, _), url in zip(good, urls, strict=True)]
                self.stdout.write("".join(rows), ending="")
                bar.update(len(batch))

    def _report(self, number: int, text: str, reason: str) -> None:
        with beside_progress():
            self.stderr.write(f"line {number}: {reason}: {text}")


@dataclass(frozen=True, slots=True)
class _Links:
    brand: Brand
    key: LinkKey
    claims: Claims
    is_short: bool

    def of(self, addresses: list[str]) -> list[str]:
        """Return the URL of each address's link. A short one is stored before it is written down."""
        tokens, base = seal_many(self.key, self.claims, addresses), self.brand.link_base
        if self.is_short:
            codes = short_links.shorten(self.brand.id, self.claims.purpose, list(tokens))
            return [short_url_of(base, code) for code in codes]
        before, after = url_of(base, self.claims.purpose, "|").split("|")
        return [f"{before}{token}{after}" for token in tokens]
