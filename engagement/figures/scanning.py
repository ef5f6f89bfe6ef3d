"""What machines did, from where and how soon: who scans us."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from engagement.counting.origins import COARSE_PACES, OTHER, PACES, SIGNS, deed_of, pace_of, sign_of
from engagement.figures.counted import UNJUDGED, TallyRow

DEEDS = {
    "opened": "Opened the mail",
    "clicked": "Clicked",
    "visited": "Unsubscribe page",
    "script": "Ran its script",
    "hidden": "Hidden link",
    "other": "Other",
}
SURE_SIGNS = {"agent": "Says it is a robot", "learned": "Learned", "behaviour": "By what it did"}
# Since when after sending, in seconds, each class of "how soon" begins; of single origins the coarser ones are counted.
SOON = tuple(map(str, PACES))
COARSE_SOON = tuple(map(str, COARSE_PACES))
NEVER_SAID = ""  # the class of what has no time of sending


@dataclass(frozen=True, slots=True)
class Scanner:
    """The events of one origin, such as a domain: those of machines by what they did, by the sign that gave them away,
    and by how soon they came; and how many there were of everybody."""

    name: str
    deeds: Counter[str] = field(default_factory=Counter)
    signs: Counter[str] = field(default_factory=Counter)
    soon: Counter[str] = field(default_factory=Counter)
    everybody: int = 0

    @property
    def events(self) -> int:
        return self.deeds.total()


def scanners(rows: Iterable[TallyRow]) -> dict[str, Scanner]:
    """By the rows' value."""
    found: dict[str, Scanner] = {}
    everybody: Counter[str] = Counter()
    for row in rows:
        one = found.setdefault(row.value, Scanner(row.value))
        everybody[row.value] += row.events
        if row.verdict == "machine" and row.record not in UNJUDGED:
            one.deeds[deed_of(row.record)] += row.events
            one.signs[sign_of(row.record)] += row.events
            one.soon[pace_of(row.age)] += row.events
    return {name: replace(one, everybody=everybody[name]) for name, one in found.items()}


def of_sums(name: str, sums: Mapping[str, int]) -> Scanner:
    """From the columns of a ranking (engagement/counting/origins.py)."""
    deeds = Counter({deed: sums[deed] for deed in DEEDS if deed != OTHER})
    signs = Counter({sign: sums[f"by_{sign}"] for sign in SIGNS})
    soon = Counter({since: sums[f"soon_{since}"] for since in COARSE_SOON})
    deeds[OTHER] = sums["events"] - deeds.total()
    signs[""] = sums["events"] - signs.total()
    soon[NEVER_SAID] = sums["events"] - soon.total()
    return Scanner(name, deeds, signs, soon, sums["everybody"])


def cut_agent(agent: str) -> str:
    """An agent as it is counted (engagement/counting/changes.py)."""
    return re.sub(r"([0-9]+)([._][0-9]+)+", r"\1", agent)[:120]
