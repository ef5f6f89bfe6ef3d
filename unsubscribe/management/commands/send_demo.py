from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from preferences import addresses, mailable
from preferences.addresses import AddressError
from preferences.links import Channel
from preferences.management import lookups
from preferences.management.example import ExampleCommand
from preferences.models import Topic
from unsubscribe import mails
from unsubscribe.demo import RECIPIENTS
from unsubscribe.mails import Letter

_EXAMPLE = """\
manage.py send_demo --brand demo --mailing 2026-11 --to alice@example.org

Sends through the mailer of the settings: without EMAIL_URL into the outbox folder, as .eml files that a mail client
opens. Who does not get the topic any more is left out, as in any mailing."""


class Command(ExampleCommand):
    help = "Send the demo mails, with all links and headers."
    example = _EXAMPLE

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--brand", default="demo", metavar="SLUG", help="the brand's slug (default: demo)")
        parser.add_argument("--topic", default="news", metavar="SLUG", help="the topic (default: news)")
        parser.add_argument("--mailing", metavar="NAME", help="the mailing's name (default: this month, as 2026-11)")
        parser.add_argument(
            "--to", nargs="+", default=list(RECIPIENTS), metavar="ADDRESS", help=f"default: {' '.join(RECIPIENTS)}"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        brand = lookups.brand_named(options["brand"])
        topic, key = lookups.topic_named(brand, options["topic"]), lookups.link_key_of(brand)
        mailing = options["mailing"] or f"{timezone.now():%Y-%m}"
        to = self._mailable(topic, [_checked(text) for text in options["to"]])
        letters = [Letter(brand, topic, key, mailing, address, int(time.time())) for address in to]
        try:
            sent = mails.send(letters)
        except OSError as error:
            raise CommandError(f"The mails could not be sent: {error}. Check EMAIL_URL.") from None
        except ValueError as error:
            raise CommandError(f"{str(error).capitalize()}.") from None
        self.stdout.write(f"{sent} mails sent.")

    def _mailable(self, topic: Topic, to: list[str]) -> list[str]:
        reasons = [answer.reason for answer in mailable.answers(topic, Channel.EMAIL, to)]
        for address, reason in zip(to, reasons, strict=True):
            if reason not in mailable.MAY_MAIL:
                self.stderr.write(f"{address} is left out: {reason.replace('_', ' ')}.")
        return [address for address, reason in zip(to, reasons, strict=True) if reason in mailable.MAY_MAIL]


def _checked(text: str) -> str:
    try:
        return addresses.validate(Channel.EMAIL, text)
    except AddressError as error:
        raise CommandError(f"{text}: {str(error).rstrip('.')}.") from None
