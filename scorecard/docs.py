"""Writes the tables into docs/scorecard.md, between markers."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from scorecard.aims import OURS, Miss, misses, verdicts
from scorecard.report import markdown, scores
from scorecard.visits import Result

FILE = Path(__file__).resolve().parent.parent / "docs" / "scorecard.md"

type Seen = Callable[[Result], str]


def write(results: Sequence[Result], seen: Seen) -> None:
    """Replace what stands between each pair of markers. Raises ValueError when a pair is missing."""
    text = FILE.read_text()
    for name, content in _sections(results, seen).items():
        text = between(text, name, content)
    FILE.write_text(text)


def between(text: str, name: str, content: str) -> str:
    """Return `text` with `content` between `<!-- name -->` and `<!-- /name -->`."""
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    if text.count(start) != 1 or text.count(end) != 1:
        raise ValueError(f"there is not exactly one pair of markers {start} {end}")
    return re.sub(f"(?s){start}.*{end}", lambda _: f"{start}\n{content}\n{end}", text)


def _sections(results: Sequence[Result], seen: Seen) -> dict[str, str]:
    ours = [result for result in results if result.model == OURS]
    return {
        "table": markdown(scores(results, lambda result: result.model)),
        "aims": _aims(ours),
        "by age": markdown(scores(ours, lambda result: result.case.age), "sent before"),
        "by network": markdown(scores(ours, lambda result: result.case.network), "network"),
        "by visitor": markdown(scores(ours, lambda result: result.case.visitor), "visitor"),
        "missed": missed_table(misses(ours), seen),
    }


def _aims(results: Sequence[Result]) -> str:
    head = "| aim of `balanced` | reached | |\n| --- | --- | --- |\n"
    return head + "\n".join(
        f"| {aim} | {reached} | {'ok' if is_met else 'missed'} |" for aim, reached, is_met in verdicts(results)
    )


def missed_table(missed: Sequence[Miss], seen: Seen) -> str:
    """Cases of one visitor that were recorded alike share a line."""
    groups: dict[tuple[str, str, str], list[str]] = {}
    for miss in missed:
        case = miss.result.case
        what = miss.what + (", which misses an aim" if miss.is_aim else "")
        groups.setdefault((case.visitor, what, seen(miss.result)), []).append(f"{case.age} {case.network}")
    lines = [
        f"| {visitor} | {'; '.join(where)} | {what} | {recorded} |"
        for (visitor, what, recorded), where in groups.items()
    ]
    head = "| visitor | sent before, network | what happened | what was recorded |\n| --- | --- | --- | --- |\n"
    return head + "\n".join(lines)
