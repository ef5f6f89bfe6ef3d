from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from engagement.forgetting import forget
from preferences import addresses
from preferences.addresses import AddressError
from preferences.links import Channel
from preferences.management import lookups
from preferences.management.example import ExampleCommand
from preferences.models import Recipient

_EXAMPLE = """\
manage.py forget --brand demo alice@example.org

Erases all that is stored about the address at this brand, as the person can on the page with their data. What is kept
is a keyed hash, so that the brand does not write to the address again. It cannot be undone."""


class Command(ExampleCommand):
    help = "Erase everything about one address."
    example = _EXAMPLE
    answers_somebody = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("address", metavar="ADDRESS", help="an e-mail address or, with --channel sms, a number")
        lookups.add_brand(parser)
        lookups.add_channel(parser)
        parser.add_argument("--yes", action="store_true", help="do not ask first")

    def handle(self, *args: Any, **options: Any) -> None:
        brand, channel = lookups.brand_named(options["brand"]), Channel(options["channel"])
        try:
            address = addresses.validate(channel, options["address"])
        except AddressError as error:
            raise CommandError(str(error)) from None
        if not options["yes"]:
            self._ask(f"Erase everything that {brand.slug} has stored about {address}? It cannot be undone.")
        if forget(Recipient.at(brand.id, channel, address), actor="forget").has_changed:
            self.stdout.write(
                f"Erased. A keyed hash is kept, so that {brand.slug} does not write to the address again."
            )
        else:
            self.stdout.write("It was erased before.")

    def _ask(self, question: str) -> None:
        self.stderr.write(f"{question}\nType yes to go on: ", ending="")
        self.stderr.flush()
        if sys.stdin.readline().strip().lower() != "yes":
            raise CommandError("Nothing was erased.")
