"""Every setting that is read can be found by an operator."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = [path for folder in ("config", "bin") for path in (ROOT / folder).glob("*.py")]
NAMES = sorted({name for path in SOURCES for name in re.findall(r'\benv\.\w+\(\s*"(\w+)"', path.read_text())})
GRANIAN = ["GRANIAN_HOST", "GRANIAN_WORKERS", "GRANIAN_BLOCKING_THREADS"]


def test_settings_are_found() -> None:
    assert {"DATABASE_URL", "FAREWELL_BASE_URL", "PORT"} < set(NAMES)


@pytest.mark.parametrize("name", sorted({*NAMES, *GRANIAN}))
def test_a_setting_is_in_the_example_and_in_the_readme(name: str) -> None:
    example = (ROOT / ".env.example").read_text()
    assert re.search(rf"^# .+\n#{name}=", example, re.MULTILINE)
    assert re.search(rf"^\| `{name}` \|", (ROOT / "README.md").read_text(), re.MULTILINE)


def test_the_example_names_no_setting_that_is_not_read() -> None:
    named = re.findall(r"^#([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert sorted(named) == sorted({*NAMES, *GRANIAN})
