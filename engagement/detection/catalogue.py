"""The catalogue of programs as data: which agents scan mail, make previews or drive a browser."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_DATA = Path(__file__).parent / "data"


@dataclass(frozen=True, slots=True)
class AgentEntry:
    """One known program: a regular expression over the agent, its class, samples that it must match, a source."""

    pattern: re.Pattern[str]
    agent_class: str
    samples: tuple[str, ...]
    source: str


@cache
def agents() -> tuple[AgentEntry, ...]:
    rows = json.loads((_DATA / "agents.json").read_text())
    return tuple(
        AgentEntry(re.compile(row["pattern"]), row["class"], tuple(row["samples"]), row["source"]) for row in rows
    )


def classify_agent(agent: str) -> str:
    """Return the class of a known program, or "" for none."""
    return next((entry.agent_class for entry in agents() if entry.pattern.search(agent)), "")
