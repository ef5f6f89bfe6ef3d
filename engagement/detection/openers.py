"""Programs that fetch a mail's pictures: proxies of mail services, mail programs, and what fetches ahead of the reader.

data/openers.json has them, each with samples and a source. docs/detection.md says what an open proves and what not.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

_FILE = Path(__file__).parent / "data" / "openers.json"


@dataclass(frozen=True, slots=True)
class Opener:
    """One program: a regular expression over the agent, its class, its name, samples, a source.

    Classes: "proxy" fetches when the reader looks, "program" is what readers hold, "prefetch" fetches ahead of them,
    of "app" it is not known which of these.
    `networks` are the names of the networks it works in, where they are known; from another data centre it is not it.
    """

    pattern: re.Pattern[str]
    opener_class: str
    name: str
    networks: frozenset[str]
    samples: tuple[str, ...]
    source: str


@cache
def openers() -> tuple[Opener, ...]:
    return tuple(
        Opener(
            re.compile(row["pattern"]),
            row["class"],
            row["name"],
            frozenset(row.get("networks", ())),
            tuple(row["samples"]),
            row["source"],
        )
        for row in json.loads(_FILE.read_text(encoding="utf-8"))
    )


@lru_cache(16_384)
def find_opener(agent: str) -> Opener | None:
    """Return the program that calls itself `agent`; the first entry that matches."""
    return next((opener for opener in openers() if opener.pattern.search(agent)), None)
