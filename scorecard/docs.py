"""Writes the tables into docs/scorecard.md, between markers."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from scorecard.aims import OURS, Miss, misses, verdicts
from scorecard.networks import Network
from scorecard.report import markdown, scores
from scorecard.visits import AGES, Result, Sighting

FILE = Path(__file__).resolve().parent.parent / "docs" / "scorecard.md"

type Seen = Callable[[Result], Sequence[Sighting]]


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
    by_age = sorted(ours, key=lambda result: AGES[result.case.age])
    by_network = sorted(ours, key=lambda result: list(Network).index(Network(result.case.network)))
    return {
        "table": markdown(scores(results, lambda result: result.model)),
        "aims": _aims(ours),
        "by age": markdown(scores(by_age, lambda result: result.case.age), "sent before"),
        "by network": markdown(scores(by_network, lambda result: result.case.network), "network"),
        "by visitor": markdown(scores(ours, lambda result: result.case.visitor), "visitor"),
        "missed": missed_table(misses(ours), seen),
    }


def _aims(results: Sequence[Result]) -> str:
    head = "| aim of `balanced` | reached | |\n| --- | --- | --- |\n"
    return head + "\n".join(
        f"| {aim} | {reached} | {'ok' if is_met else 'missed'} |" for aim, reached, is_met in verdicts(results)
    )


def missed_table(missed: Sequence[Miss], seen: Seen) -> str:
    """One line for all cases of a visitor that ended alike."""
    groups: dict[tuple[str, str], list[Miss]] = {}
    for miss in sorted(missed, key=lambda miss: (not miss.is_aim, miss.what)):
        what = f"**{miss.what}**, which misses an aim" if miss.is_aim else miss.what
        groups.setdefault((miss.result.case.visitor, what), []).append(miss)
    head = "| visitor | what happened | where | signals recorded |\n| --- | --- | --- | --- |\n"
    return head + "\n".join(_line(visitor, what, of_it, seen) for (visitor, what), of_it in groups.items())


def _line(visitor: str, what: str, missed: Sequence[Miss], seen: Seen) -> str:
    ages: dict[str, list[str]] = {}
    for miss in sorted(missed, key=lambda miss: (miss.result.case.network, AGES[miss.result.case.age])):
        ages.setdefault(miss.result.case.network, []).append(miss.result.case.age)
    places = (
        f"{network}: {'all ages' if len(of_it) == len(AGES) else ', '.join(of_it)}" for network, of_it in ages.items()
    )
    signals = dict.fromkeys(name for miss in missed for sighting in seen(miss.result) for name in sighting.signals)
    return f"| {visitor} | {what} | {'; '.join(places)} | {', '.join(signals) or 'none'} |"
