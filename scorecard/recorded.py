"""The result that is kept in docs/scorecard.json, so that a later one can be held against it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from scorecard.aims import OURS
from scorecard.report import scores
from scorecard.visits import Label, Result

FILE = Path(__file__).resolve().parent.parent / "docs" / "scorecard.json"
# What gets worse when a case enters the list, in the order of the table's columns.
KINDS: dict[str, Callable[[Result], bool]] = {
    "robots at once": lambda result: result.label is Label.ROBOT and result.at_once,
    "robots after settling": lambda result: result.label is Label.ROBOT and result.settled,
    "people not served by one click": lambda result: result.label is Label.PERSON and not result.is_served,
    "people lost": lambda result: result.is_lost,
}


def as_json(results: Sequence[Result]) -> dict[str, Any]:
    """The rows of the table, and of ours the cases that are not as wished."""
    rows = scores(results, lambda result: result.model)
    return {"rows": {name: score.as_json() for name, score in rows.items()}, "cases": cases(results)}


def cases(results: Iterable[Result]) -> dict[str, list[str]]:
    """The cases of ours of each kind, by name."""
    ours = [result for result in results if result.model == OURS]
    return {kind: sorted(str(result.case) for result in ours if is_so(result)) for kind, is_so in KINDS.items()}


def worse(results: Iterable[Result], recorded: dict[str, Any]) -> dict[str, list[str]]:
    """The cases that are of a kind now, and were not when `recorded` (one run of the file) was written."""
    before = {kind: set(names) for kind, names in recorded["cases"].items()}
    new = {kind: [name for name in names if name not in before[kind]] for kind, names in cases(results).items()}
    return {kind: names for kind, names in new.items() if names}


def read() -> dict[str, Any]:
    """Both runs, by "quick" and "full"."""
    return dict(json.loads(FILE.read_text()))


def write(run: str, results: Sequence[Result], about: dict[str, Any]) -> None:
    """Replace the run named `run` in the file."""
    runs = read() if FILE.exists() else {}
    runs[run] = {**about, **as_json(results)}
    FILE.write_text(json.dumps(runs, indent=1, ensure_ascii=False) + "\n")
