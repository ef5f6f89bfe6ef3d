from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from engagement.explaining.history import explain, waiting_at
from engagement.explaining.sentences import tell, waits
from preferences.links import Channel
from preferences.management import lookups
from preferences.management.example import ExampleCommand, no_answer
from preferences.models import Brand

_EXAMPLE = """\
manage.py explain alice@example.org --brand demo

Tells what the address gets, every change of it with its source and evidence, and every visit to its links with the
verdict and its reasons, newest last. docs/commands.md has the fields of --json."""


class Command(ExampleCommand):
    help = "Tell everything that is known about one address."
    example = _EXAMPLE
    answers_somebody = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("address", metavar="ADDRESS", help="an e-mail address or, with --channel sms, a number")
        parser.add_argument("--brand", metavar="SLUG", help="the brand's slug (default: all brands)")
        lookups.add_channel(parser)
        parser.add_argument("--json", action="store_true", help="as JSON, in a stable form")

    def handle(self, *args: Any, **options: Any) -> None:
        address = options["address"].strip()
        if not address or not address.isprintable():
            raise CommandError("Give one address, such as alice@example.org.")
        channel = Channel(options["channel"])
        try:
            story = explain(self._brands(options["brand"]), channel, address, timezone.now())
        except (OperationalError, InterfaceError):
            self.stdout.writelines(f"{line}\n" for wish in waiting_at(channel, address) for line in waits(wish))
            raise CommandError(f"{no_answer()}\nAbove is what waits for it on this machine, if anything.") from None
        if options["json"]:
            self.stdout.write(json.dumps(story.as_json(), ensure_ascii=False, indent=2))
        else:
            self.stdout.write("\n".join(tell(story)))

    def _brands(self, slug: str | None) -> list[Brand]:
        if slug:
            return [lookups.brand_named(slug)]
        brands = list(Brand.objects.all())
        for brand in brands:
            lookups.require_address_key(brand)
        return brands
