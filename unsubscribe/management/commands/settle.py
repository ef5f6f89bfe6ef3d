from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from preferences.management.example import ExampleCommand
from unsubscribe.settling import sweep

_EXAMPLE = """\
manage.py settle

Reviews every provisional opt-out once against the recorded interactions and puts back what a robot ended. The web
processes do this by themselves as evidence comes; the command is for when they were down and no worker runs."""


class Command(ExampleCommand):
    help = "Put back the provisional opt-outs that evidence proves a robot's."
    example = _EXAMPLE

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--late", action="store_true", help="also those of the last 48 hours that are final by now")

    def handle(self, *args: Any, **options: Any) -> None:
        result = sweep(is_late=options["late"])
        self.stdout.write(
            f"{result.suspected_count} provisional opt-outs have something recorded beside them; "
            f"{result.reinstated_count} were a robot's and were put back."
        )
