"""Counts results and prints them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass

from scorecard.visits import Label, Result

HEAD = ("", "robots at once", "after settling", "one click", "of those with scripts", "one more press", "lost")


@dataclass(frozen=True, slots=True)
class Score:
    """One row: how many of the robots and of the people what happened to."""

    robots: int
    at_once: int
    standing: int
    people: int
    served: int
    people_with_scripts: int
    served_with_scripts: int
    asked: int
    lost: int

    @classmethod
    def of(cls, results: Iterable[Result]) -> Score:
        results = list(results)
        robots = [result for result in results if result.label is Label.ROBOT]
        people = [result for result in results if result.label is Label.PERSON]
        scripted = [result for result in people if result.has_script]
        return cls(
            robots=len(robots),
            at_once=sum(robot.at_once for robot in robots),
            standing=sum(robot.settled for robot in robots),
            people=len(people),
            served=sum(person.is_served for person in people),
            people_with_scripts=len(scripted),
            served_with_scripts=sum(person.is_served for person in scripted),
            asked=sum(person.is_asked for person in people),
            lost=sum(person.is_lost for person in people),
        )

    def as_json(self) -> dict[str, int]:
        return asdict(self)

    def cells(self) -> tuple[str, ...]:
        return (
            _of(self.at_once, self.robots),
            _of(self.standing, self.robots),
            _of(self.served, self.people),
            _of(self.served_with_scripts, self.people_with_scripts),
            _of(self.asked, self.people),
            str(self.lost),
        )


def _of(part: int, whole: int) -> str:
    return f"{part} of {whole}" + (f" ({100 * part / whole:.0f} %)" if whole else "")


def models_of(results: Sequence[Result]) -> list[str]:
    """The models in the order in which they came."""
    return list(dict.fromkeys(result.model for result in results))


def scores(results: Sequence[Result], key: Callable[[Result], str]) -> dict[str, Score]:
    """A score for each value of `key`, in the order in which they came."""
    values = dict.fromkeys(key(result) for result in results)
    return {value: Score.of(result for result in results if key(result) == value) for value in values}


def markdown(rows: dict[str, Score], first: str = "") -> str:
    """The rows as a table of Markdown."""
    head = [(first, *HEAD[1:]), ("---",) * len(HEAD)]
    lines = [*head, *((name, *score.cells()) for name, score in rows.items())]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def plain(rows: dict[str, Score], first: str = "") -> str:
    """The rows as a table for a terminal."""
    lines = [(first, *HEAD[1:]), *((name, *score.cells()) for name, score in rows.items())]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if not n else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
