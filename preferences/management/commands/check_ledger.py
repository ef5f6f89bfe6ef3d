from __future__ import annotations

from itertools import batched
from typing import Any

from django.core.management.base import CommandError

from preferences.management.example import ExampleCommand
from preferences.models import Recipient
from preferences.replay import differing
from preferences.streams import progress

_EXAMPLE = """\
manage.py check_ledger

Replays the ledger of every recipient from nothing and compares what it leads to with the state that is kept beside it.
Run it while nothing writes, such as after a restore: a change made meanwhile shows as a difference."""
_AT_ONCE = 500


class Command(ExampleCommand):
    help = "Check that everyone's state is exactly what the ledger tells."
    example = _EXAMPLE
    answers_somebody = True

    def handle(self, *args: Any, **options: Any) -> None:
        ids = Recipient.objects.order_by("id").values_list("id", flat=True).iterator(chunk_size=_AT_ONCE)
        seen = wrong = 0
        with progress("recipient") as bar:
            for batch in batched(ids, _AT_ONCE):
                for recipient_id in differing(batch):
                    wrong += 1
                    self.stderr.write(f"Recipient {recipient_id}: the state is not what the ledger tells.")
                seen += len(batch)
                bar.update(len(batch))
        if wrong:
            raise CommandError(f"{wrong} of {seen} recipients differ. The ledger is what happened: trust it.")
        self.stdout.write(f"{seen} recipient{'s' if seen != 1 else ''}, and each one's state is what the ledger tells.")
