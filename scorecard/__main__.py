"""Sends labelled robots and people to the real server and prints what each way to unsubscribe does to them.

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
from bench.report import say
from scorecard import docs, recorded
from scorecard.aims import misses, verdicts
from scorecard.cast import CAST, choose
from scorecard.play import Played, play
from scorecard.report import markdown, plain, scores
from scorecard.run import Extent
from tests.browser.chromium import NoChromiumError, find_chromium


def main() -> int:
    options = _options()
    visitors = choose(options.only, is_quick=options.quick)
    extent = Extent.QUICK if options.quick else Extent.FULL
    if not visitors:
        print(f"scorecard: nobody is called {options.only!r}; --list names all", file=sys.stderr)
        return 2
    try:
        chromium = find_chromium()
    except NoChromiumError as error:
        print(f"scorecard: it needs Chromium.\n{error}", file=sys.stderr)
        return 2
    say("starting the server and Chromium")
    started = time.monotonic()
    try:
        played = asyncio.run(play(chromium, visitors, extent=extent, tell=_tell))
    except KeyboardInterrupt:
        say("")
        return 130
    say("")
    about = {"seconds": round(time.monotonic() - started), "visits": played.visits}
    _print(played)
    print(f"\n{played.visits} visits in {about['seconds']} s, {played.repeated} of them made anew")
    _write(options, played, about)
    return 0 if all(is_met for _, _, is_met in verdicts(played.results)) else 1


def _tell(done: int, total: int) -> None:
    width = 30
    say(f"[{'#' * (width * done // total):{width}}] {done} of {total} visitors")


def _print(played: Played) -> None:
    print(plain(scores(played.results, lambda result: result.model)) + "\n")
    for aim, reached, is_met in verdicts(played.results):
        print(f"{'ok    ' if is_met else 'MISSED'}  {aim}: {reached}")
    missed = misses(played.results)
    print(f"\n{len(missed)} cases are not as wished" + (":" if missed else ""))
    for miss in missed:
        print(f"{'!' if miss.is_aim else ' '} {miss.result.case}: {miss.what}")
        for sighting in played.seen(miss.result):
            print(f"      {sighting}")


def _write(options: argparse.Namespace, played: Played, about: dict[str, int]) -> None:
    if options.json:
        content = {**about, **recorded.as_json(played.results)}
        options.json.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    if options.write_docs:
        recorded.write("quick" if options.quick else "full", played.results, about)
        if not options.quick:
            docs.write(played.results, played.seen)
            print("\nFor the README:\n\n" + markdown(scores(played.results, lambda result: result.model)))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m scorecard", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two ages, two networks, and only the policy balanced")
    parser.add_argument("--only", default="", metavar="NAME", help="only visitors whose name contains NAME")
    parser.add_argument("--list", action="store_true", help="name the visitors and stop")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    parser.add_argument(
        "--write-docs",
        action="store_true",
        help="keep this run in docs/scorecard.json, a full one in docs/scorecard.md",
    )
    options = parser.parse_args()
    if options.write_docs and options.only:
        parser.error("--write-docs keeps whole runs: leave out --only")
    if options.list:
        _list()
        parser.exit()
    return options


def _list() -> None:
    for visitor in CAST:
        print(f"{visitor.label}  {visitor.name}" + (f"  (shows {visitor.shows})" if visitor.shows else ""))


if __name__ == "__main__":
    sys.exit(main())
