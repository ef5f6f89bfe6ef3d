from __future__ import annotations

from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.core.management.base import CommandError
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from engagement.retention import expiry, people, pseudonyms
from engagement.retention.expiry import Step
from preferences.management.example import ExampleCommand
from preferences.streams import progress

_EXAMPLE = """\
manage.py keep --dry-run

Does now what the worker does each night: drops opens, clicks and visits that are past their time, with all that was
kept about people beside them, and exchanges the people of older opens and clicks for pseudonyms. docs/retention.md says
what is kept for how long, and which settings say so. Run twice it changes nothing more."""
_UNITS = ("bytes", "kB", "MB", "GB", "TB")


class Command(ExampleCommand):
    help = "Drop what is past its time, and forget whose the older opens and clicks were."
    example = _EXAMPLE

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="change nothing, tell what would go")

    def handle(self, *args: Any, **options: Any) -> None:
        now, is_dry_run = timezone.now(), bool(options["dry_run"])
        try:
            steps = [
                *expiry.drop_past(now, is_dry_run=is_dry_run),
                *people.delete_past(now, is_dry_run=is_dry_run),
            ]
            for step in steps:
                self.stdout.write(_tell(step))
            self._pseudonymise(now, is_dry_run=is_dry_run)
        except (KeyboardInterrupt, OperationalError, InterfaceError) as error:
            why = f"The database went away: {' '.join(str(error).split())}" if str(error) else "Interrupted."
            raise CommandError(f"{why}\nRun it again: it goes on where it was.", returncode=130) from None
        if is_dry_run:
            self.stdout.write("Nothing was changed.")

    def _pseudonymise(self, now: datetime, *, is_dry_run: bool) -> None:
        waiting = pseudonyms.waiting_count(now)
        if is_dry_run:
            self.stdout.write(f"{waiting:,} opens, clicks and conversions get a pseudonym for their person")
            return
        with progress("row", waiting) as bar:
            count = pseudonyms.pseudonymise(now, bar.update)
        self.stdout.write(f"{count:,} opens, clicks and conversions got a pseudonym for their person")
        if left := pseudonyms.waiting_count(now):
            self.stdout.write(f"{left:,} wait until they have been counted")


def _tell(step: Step) -> str:
    what = f"{', '.join(step.kinds)} of {step.table}" if step.kinds else step.table
    size = f", {_size(step.size)}" if step.size else ""
    return f"{what}: {step.rows:,} rows{size}" + (f"; stays, it {step.problem}" if step.problem else "")


def _size(count: float) -> str:
    for unit in _UNITS[:-1]:
        if count < 1024:
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.1f} {_UNITS[-1]}"
