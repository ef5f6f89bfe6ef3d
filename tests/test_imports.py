"""Who may import whom: downwards only, and detection nothing of ours."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ["config", "api", "unsubscribe", "engagement", "preferences"]
# Pure by the design: what they may import besides the standard library.
LEAVES = {
    "engagement/detection": {"engagement.detection"},
    "preferences/links.py": {"cryptography"},
}
# The settings name the rooms as texts, and the one thing that config is asked for is where its data is.
EXCEPTIONS: set[tuple[str, str]] = set()


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield node.module or ""


def modules(place: str) -> list[Path]:
    path = ROOT / place
    return [path] if path.is_file() else sorted(path.rglob("*.py"))


@pytest.mark.parametrize("room", [room for room in ROOMS if (ROOT / room).is_dir()])
def test_imports_go_one_way(room: str) -> None:
    above = set(ROOMS[: ROOMS.index(room)]) | {"tests", "bench"}
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules(room)
        for name in imports_of(path)
        if name.partition(".")[0] in above and (str(path.relative_to(ROOT)), name) not in EXCEPTIONS
    ]
    assert not wrong


@pytest.mark.parametrize("leaf", LEAVES)
def test_a_leaf_imports_nothing_of_ours(leaf: str) -> None:
    allowed = LEAVES[leaf]
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules(leaf)
        for name in imports_of(path)
        if name.partition(".")[0] not in sys.stdlib_module_names
        and not any(name == a or name.startswith(a + ".") for a in allowed)
    ]
    assert modules(leaf)
    assert not wrong


def test_no_room_is_named_for_nothing() -> None:
    banned = {"utils", "helpers", "common", "core", "services", "constants", "signals"}
    assert not [path for room in ROOMS for path in modules(room) if path.stem in banned]


def test_the_packages_of_engagement_stand_above_one_another() -> None:
    """Each imports those below it only, so that one can be read, and changed, without those above."""
    below: dict[str, set[str]] = {}
    for path in modules("engagement"):
        place = path.relative_to(ROOT).parts
        if len(place) > 2 and place[1] not in ("admin", "management", "models", "migrations"):
            found = {name.split(".")[1] for name in imports_of(path) if name.startswith("engagement.")}
            below.setdefault(place[1], set()).update(found - {place[1], "models"})
    assert {"recording", "judging", "counting", "figures", "feed"} <= below.keys()
    assert tuple(TopologicalSorter(below).static_order())  # raises CycleError, which names the circle
