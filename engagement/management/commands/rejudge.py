from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from django.core.management.base import CommandError
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from engagement.detection import RULES_VERSION
from engagement.models import Rejudgement
from engagement.rejudging import runs
from preferences.admin.filters import day_start
from preferences.feed import utc
from preferences.management import lookups
from preferences.management.example import ExampleCommand
from preferences.streams import progress

_EXAMPLE = """\
manage.py rejudge --since 2026-11-01

Judges the stored interactions of the period again under the present rules and tells what would change; with --apply
it writes the new verdicts and keeps the old ones beside them. What anybody receives is not touched. A run that was
interrupted is run again: what is written already is not written twice."""


class Command(ExampleCommand):
    help = "Judge stored interactions again under the present rules."
    example = _EXAMPLE

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--since", required=True, metavar="WHEN", help="a day, or a moment with its offset")
        parser.add_argument("--until", metavar="WHEN", help="up to this day or moment, not included (default: now)")
        parser.add_argument("--brand", metavar="SLUG", help="one brand only (default: all)")
        parser.add_argument("--apply", action="store_true", help="write the new verdicts")
        parser.add_argument("--json", action="store_true", help="as JSON, in a stable form")

    def handle(self, *args: Any, **options: Any) -> None:
        since = _moment(options["since"])
        until = _moment(options["until"]) if options["until"] else timezone.now()
        if since >= until:
            raise CommandError("--since is not before --until.")
        brand = lookups.brand_named(options["brand"]) if options["brand"] else None
        run = Rejudgement(since=since, until=until, brand=brand, rules=RULES_VERSION, actor="rejudge")
        self._work(run, is_applied=options["apply"])
        if options["json"]:
            self.stdout.write(json.dumps(as_json(run), ensure_ascii=False, indent=2))
        else:
            self.stdout.write("\n".join(tell(run)))

    def _work(self, run: Rejudgement, *, is_applied: bool) -> None:
        work = runs.look_and_apply if is_applied else runs.look
        try:
            with progress("rows") as bar:

                def advance(count: int) -> None:
                    bar.total = run.total_count
                    bar.update(count)

                work(run, advance)
        except (KeyboardInterrupt, OperationalError, InterfaceError) as error:
            why = f"The database went away: {' '.join(str(error).split())}" if str(error) else "Interrupted."
            raise CommandError(
                f"{why}\n{run.seen_count} of {run.total_count} interactions were judged. Run it again: what is written"
                " stays, and is not written twice.",
                returncode=130,
            ) from None


def _moment(text: str) -> datetime:
    """A day, which begins in the server's time zone, or a moment with its offset. Raises CommandError."""
    try:
        return day_start(date.fromisoformat(text))
    except ValueError:
        return lookups.moment(text)


def as_json(run: Rejudgement) -> dict[str, Any]:
    """The form of `--json` (docs/commands.md)."""
    return {
        "id": run.pk,
        "state": run.state,
        "since": utc(run.since),
        "until": utc(run.until),
        "brand": run.brand.slug if run.brand else None,
        "rules": run.rules,
        "seen": run.seen_count,
        "changed": run.changed_count,
        "verdicts": run.verdicts,
        "policies": run.policies,
        "examples": run.examples,
    }


def tell(run: Rejudgement) -> Iterator[str]:
    is_applied = run.state == Rejudgement.State.APPLIED
    would = "changed" if is_applied else "would change"
    yield f"{run.seen_count:,} interactions judged again under rules {run.rules}, {run.changed_count:,} {would}."
    yield ""
    yield f"  {'was':<8}  {'is' if is_applied else 'would be':<8}  {'interactions':>12}"
    for was, counts in sorted(run.verdicts.items()):
        for now, count in sorted(counts.items()):
            yield f"  {was:<8}  {now:<8}  {count:>12,}"
    yield ""
    yield "  Page views whose script called, by what came of them under each policy:"
    yield f"  {'policy':<8}  {'left at once':>12}  {'left later':>12}  {'asked':>12}"
    for name, counts in run.policies.items():
        figures = (counts.get(outcome, 0) for outcome in ("left", "later", "asked"))
        yield f"  {name:<8}  {'  '.join(f'{count:>12,}' for count in figures)}"
    if not is_applied:
        yield ""
        yield "Nothing was written. Add --apply to write the new verdicts."
