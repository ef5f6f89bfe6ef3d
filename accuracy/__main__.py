"""Prints how many robots are found, and how many browsers are taken for one, on public lists of agents."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tqdm import tqdm

from accuracy.lists import AgentList, BadListError, from_file, packaged
from accuracy.scores import Score, score, table
from engagement.visitors import AGENT_LENGTH, agent_class


def main(arguments: list[str] | None = None) -> int:
    options = _options(arguments)
    try:
        lists = [from_file(path) for path in options.list] or list(packaged())
    except (BadListError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    scores = _scores(lists)
    sys.stdout.write(table(scores))
    if options.misses:
        sys.stdout.write(_misses(scores))
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m accuracy", description=__doc__)
    parser.add_argument(
        "--list",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a list of your own instead; docs/accuracy.md has the forms",
    )
    parser.add_argument("--misses", action="store_true", help="name the robots missed and the browsers taken for one")
    return parser.parse_args(arguments)


def _scores(lists: list[AgentList]) -> list[Score]:
    """Judge as the doors do: by the agent as it is cut before it is looked at."""
    total = sum(len(agents.robots) + len(agents.browsers) for agents in lists)
    with tqdm(total=total, unit="agents", disable=None) as bar:
        return [score(agents, lambda agent: agent_class(agent[:AGENT_LENGTH]), bar.update) for agents in lists]


def _misses(scores: list[Score]) -> str:
    lines = []
    for result in scores:
        lines += [f"\n{result.agents.name.strip()}: robots missed", *(f"  {agent}" for agent in result.missed)]
        lines += [
            f"\n{result.agents.name.strip()}: browsers taken for robots",
            *(f"  {agent}" for agent in result.alarms),
        ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
