"""One whole run, from starting the server to what is known afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scorecard.browsers import Browsers
from scorecard.run import Extent, Run
from scorecard.visits import Result, Sighting, Visitor
from scorecard.world import set_up


@dataclass(frozen=True, slots=True)
class Played:
    """The results, and what the server recorded, by mailing. `repeated` counts
    visits that were made anew because the machine was too busy for the browser."""

    results: list[Result]
    visits: int
    repeated: int
    records: dict[str, list[Sighting]]

    def seen(self, result: Result) -> list[Sighting]:
        return self.records.get(result.mailing, [])


async def play(
    chromium: str,
    visitors: Sequence[Visitor],
    *,
    extent: Extent,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> Played:
    """Send the visitors to the models. Raises what a visitor met, with the visitor's name as a note."""
    with set_up() as world:
        async with Browsers.started(chromium) as browsers:
            run = Run(world, browsers, visitors, extent, tell)
            await run.visit_all()
        results = run.results()
        return Played(results, run.visits, run.repeated, world.seen())
