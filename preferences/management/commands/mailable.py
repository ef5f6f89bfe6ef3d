from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from preferences import mailable
from preferences.links import Channel
from preferences.management import lookups
from preferences.management.example import ExampleCommand
from preferences.models import Frequency, Topic
from preferences.streams import AddressLines, progress, quiet_end

_EXAMPLE = """\
manage.py mailable --brand demo --topic news < addresses.txt | awk -F '\\t' '$2 == "yes" { print $1 }'

Reads one address a line from standard input and writes ADDRESS<TAB>yes|no<TAB>REASON<TAB>FREQUENCY for each, in the
same order.
Every line gets its answer, a bad address the answer no, so the exit status is 0 whatever the answers are.
docs/commands.md lists the reasons."""


class Command(ExampleCommand):
    help = "Tell which of the addresses on standard input may get a topic's mails now."
    example = _EXAMPLE
    answers_somebody = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        lookups.add_brand(parser)
        lookups.add_channel(parser)
        parser.add_argument("--topic", required=True, metavar="SLUG", help="the topic of the mailing")

    def handle(self, *args: Any, **options: Any) -> None:
        topic = lookups.topic_named(lookups.brand_named(options["brand"]), options["topic"])
        channel = Channel(options["channel"])
        lines = AddressLines(sys.stdin.buffer, channel)
        with quiet_end():
            self._write(topic, channel, lines)
        if lines.bad_count:
            self.stderr.write(f"{lines.bad_count} bad addresses, answered no.")

    def _write(self, topic: Topic, channel: Channel, lines: AddressLines) -> None:
        with progress("address") as bar:
            for batch in lines.batches():
                answers = mailable.answers(topic, channel, [address for _, address in batch])
                rows = [
                    f"{text}\t{'yes' if answer.reason in mailable.MAY_MAIL else 'no'}\t{answer.reason}"
                    f"\t{answer.frequency or Frequency.EVERY}\n"
                    for (text, _), answer in zip(batch, answers, strict=True)
                ]
                self.stdout.write("".join(rows), ending="")
                bar.update(len(batch))
