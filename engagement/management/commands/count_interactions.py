from __future__ import annotations

import time
from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from django.core.management.base import CommandError

from engagement.counting.counter import CountingError, count_all
from engagement.counting.periods import begin, zone
from engagement.counting.recount import Comparison, compare, covered_since
from engagement.counting.zones import ZoneError, check_zone, is_of_another_zone, rebuild_in_zone
from engagement.models import Interaction, Level
from preferences.admin.filters import day_start
from preferences.management.example import ExampleCommand
from preferences.streams import progress

_SECONDS_BETWEEN_TRIES = 0.5
_EXAMPLE = """\
manage.py count_interactions --check

Counts the interactions that are not counted yet, which the worker does every minute; while that is at it this
waits for its turn. With --check the stored interactions are counted again and compared with the figures; nothing is
changed. With --rebuild the figures are made anew from what is stored: whoever was erased goes from them."""


class Command(ExampleCommand):
    help = "Count interactions into figures, check the figures, or make them anew."
    example = _EXAMPLE

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--check", action="store_true", help="compare the figures with the stored interactions")
        what.add_argument("--rebuild", action="store_true", help="make the figures anew from the stored interactions")
        parser.add_argument(
            "--since",
            type=_day,
            metavar="DAY",
            help="from the beginning of this day's month on (default: all that is still stored whole)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["since"] and not (options["check"] or options["rebuild"]):
            raise CommandError("--since goes with --check or --rebuild.")
        covered = covered_since()
        since = max(filter(None, (options["since"], covered)), default=None)
        since = since and begin(since, Level.MONTH)
        try:
            if options["rebuild"]:
                return self._rebuild(since, is_narrowed=since != covered)
            check_zone()
            return self._check(since) if options["check"] else self._count()
        except ZoneError as error:
            raise CommandError(str(error)) from None
        except KeyboardInterrupt:
            raise CommandError("Interrupted. Run it again.", returncode=130) from None

    def _count(self) -> None:
        counts: list[int] = []
        try:
            with progress("rows") as bar:

                def tell(count: int) -> None:
                    counts.append(count)
                    bar.update(count)

                while count_all(progress=tell) is None:
                    time.sleep(_SECONDS_BETWEEN_TRIES)  # somebody else is counting, such as the worker
        except CountingError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{_interactions(sum(counts))} counted.")

    def _rebuild(self, since: datetime | None, *, is_narrowed: bool) -> None:
        is_moved = is_of_another_zone()
        if is_moved and is_narrowed:
            raise CommandError("TIME_ZONE has been changed since the figures were counted: rebuild without --since.")
        with progress("rows", _total(since)) as bar:
            count = rebuild_in_zone(since, bar.update)
        self.stdout.write(f"{_interactions(count)} counted anew{_from(since)}.")
        if is_moved and since:
            self.stdout.write("Figures from before then keep the days of the time zone that they were counted in.")

    def _check(self, since: datetime | None) -> None:
        with progress("rows", _total(since)) as bar:
            found = compare(since, bar.update)
        self.stdout.write("\n".join(_tell(found)))
        if not found.is_exact:
            raise CommandError("The figures are not those of the stored interactions.")


def _day(text: str) -> datetime:
    return day_start(date.fromisoformat(text))


def _total(since: datetime | None) -> int:
    rows = Interaction.objects.all()
    return (rows.filter(occurred_at__gte=since) if since else rows).count()


def _interactions(count: int) -> str:
    return f"{count:,} interaction{'' if count == 1 else 's'}"


def _from(since: datetime | None) -> str:
    return f" from {since.astimezone(zone()):%Y-%m-%d} on" if since else ""


def _tell(found: Comparison) -> Iterator[str]:
    """The differences, never whose."""
    yield f"{_interactions(found.row_count)} counted again{_from(found.since)}."
    for one in found.examples:
        yield f"  {one.table}  {one.cell}: {one.counted or 0:,} counted, {one.recounted or 0:,} stored"
    if found.missing_count:
        yield f"{found.missing_count:,} figures are too low or wrong."
    if found.excess_count and found.erasure_count:
        yield f"{found.excess_count:,} figures are higher than what is stored: {found.erasure_count:,} erasures since."
    elif found.excess_count:
        yield f"{found.excess_count:,} figures are too high."
    if not found.missing_count and not found.excess_count:
        yield "The figures are exact."
