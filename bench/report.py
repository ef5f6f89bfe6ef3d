"""What a measurement says: a line with a figure, what stands beside it, and the aim."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Line:
    """`value`, or the ratio where there is one, is judged against `aim`: a limit if `is_limit`, else a minimum.

    `beside` is the yardstick's own figure, `more` what only the file of figures has.
    """

    part: str
    name: str
    value: float
    unit: str
    beside: float | None = None
    ratio: float | None = None
    aim: float | None = None
    is_limit: bool = False
    note: str = ""
    more: dict[str, float] | None = None

    @classmethod
    def compared(
        cls, part: str, name: str, unit: str, pairs: Sequence[tuple[float, float]], aim: float | None = None
    ) -> Line:
        """Medians of the pairs (ours, yardstick's), each of which was measured one right after the other."""
        ours, beside = (median(side) for side in zip(*pairs, strict=True))
        ratios = sorted(mine / other for mine, other in pairs)
        note = f"ratio of {len(pairs)} rounds {ratios[0]:.2f} to {ratios[-1]:.2f}"
        return cls(part, name, ours, unit, beside, median(ratios), aim, note=note)

    @property
    def is_met(self) -> bool:
        if self.aim is None:
            return True
        judged = self.value if self.ratio is None else self.ratio
        return judged <= self.aim if self.is_limit else judged >= self.aim

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "is_met": self.is_met}


def say(text: str) -> None:
    """Tell a person at a terminal how far it is; leaves no trace in a file."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def table(lines: Sequence[Line]) -> str:
    rows = [("", "Farewell", "beside", "ratio", "aim", "")]
    for line in lines:
        aim = "" if line.aim is None else f"{'<=' if line.is_limit else '>='} {_number(line.aim)}"
        verdict = "" if line.aim is None else ("ok" if line.is_met else "MISSED")
        beside = "" if line.beside is None else _number(line.beside)
        ratio = "" if line.ratio is None else f"{line.ratio:.2f}"
        rows.append((line.name, f"{_number(line.value)} {line.unit}", beside, ratio, aim, verdict))
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    text = []
    for row in rows:
        cells = [
            cell.rjust(width) if 0 < n < 5 else cell.ljust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        text.append("  ".join(cells).rstrip())
    notes = [f"{line.name}: {line.note}" for line in lines if line.note]
    return "\n".join([*text, *([""] if notes else []), *notes])


def _number(value: float) -> str:
    """Three digits at least."""
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:,.2f}"
