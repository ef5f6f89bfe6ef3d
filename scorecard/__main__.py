"""Sends labelled robots and people to the real server and prints what each way to unsubscribe would have done to them.

docs/scorecard.md explains the table. Needs Chromium, and lets nothing leave the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path

import tests.database  # noqa: F401  (a PostgreSQL of its own, before anything reads the environment)
from scorecard.browsers import Browsers
from scorecard.cast import CAST
from scorecard.report import plain, scores
from scorecard.run import Run
from scorecard.world import set_up
from tests.browser.chromium import NoChromiumError, find_chromium


def main() -> int:
    options = _options()
    try:
        chromium = find_chromium()
    except NoChromiumError as error:
        print(f"scorecard: it needs Chromium.\n{error}", file=sys.stderr)
        return 2
    visitors = [v for v in CAST if options.only in v.name and (v.is_quick or not options.quick)]
    if not visitors:
        print(f"scorecard: no visitor is called {options.only!r}", file=sys.stderr)
        return 2
    results = asyncio.run(_run(chromium, visitors, options.quick))
    print(plain(scores(results, lambda result: result.model)))
    return 0


async def _run(chromium, visitors, is_quick):
    with set_up() as world:
        async with Browsers.started(chromium) as browsers:
            started = time.monotonic()
            run = Run(world, browsers, visitors, is_quick)
            await run.visit_all()
            print(time.monotonic() - started, file=sys.stderr)
        return run.results()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m scorecard", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two ages and fewer networks")
    parser.add_argument("--only", default="", metavar="NAME", help="only visitors whose name contains NAME")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
