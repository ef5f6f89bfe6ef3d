"""Counts what a classifier makes of a list, and writes the table."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from accuracy.lists import AgentList

HEADS = ("list", "robots", "found", "recall", "browsers", "false alarms", "rate")


@dataclass(frozen=True, slots=True)
class Score:
    """What came out for one list: the robots not found, and the browsers taken for robots."""

    agents: AgentList
    missed: tuple[str, ...]
    alarms: tuple[str, ...]

    @property
    def row(self) -> tuple[str, ...]:
        robots, browsers = len(self.agents.robots), len(self.agents.browsers)
        found = robots - len(self.missed)
        return (
            self.agents.name,
            *((f"{robots:,}", f"{found:,}", _share(found, robots)) if robots else ("–",) * 3),
            *(
                (f"{browsers:,}", f"{len(self.alarms):,}", _share(len(self.alarms), browsers))
                if browsers
                else ("–",) * 3
            ),
        )


def score(agents: AgentList, classify: Callable[[str], str], seen: Callable[[], object] = lambda: None) -> Score:
    """Ask `classify` about every agent; an answer other than "" is a program. `seen` is called after each."""

    def is_program(agent: str) -> bool:
        answer = classify(agent) != ""
        seen()
        return answer

    missed = tuple(agent for agent in agents.robots if not is_program(agent))
    return Score(agents, missed, tuple(agent for agent in agents.browsers if is_program(agent)))


def table(scores: Iterable[Score]) -> str:
    """The scores in columns, numbers to the right, the lists' notes below."""
    scores = list(scores)
    rows = [HEADS, *(result.row for result in scores)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADS))]
    lines = [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    ]
    notes = [f"{result.agents.name.strip()}: {result.agents.note}" for result in scores if result.agents.note]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:], "", *notes]) + "\n"


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.2f} %"
