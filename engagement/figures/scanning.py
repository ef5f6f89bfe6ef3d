"""What machines did, from where and how soon, as the tallies have it: who scans us."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from django.db import connection

from engagement.counting.ages import AGES, UNKNOWN
from engagement.figures.counted import UNJUDGED, Counted, TallyRow, tallies
from engagement.figures.ranking import buckets, first
from engagement.models import Dimension

DEEDS = {
    "opened": "Opened the mail",
    "clicked": "Clicked",
    "visited": "Unsubscribe page",
    "script": "Ran its script",
    "hidden": "Hidden link",
    "other": "Other",
}
_DEED_OF = {"open": "opened", "click": "clicked", "visit": "visited", "header_visit": "visited", "arrive": "script"}
SURE_SIGNS = {"agent": "Says it is a robot", "learned": "Learned", "behaviour": "By what it did"}
# Since when after sending, in seconds, each class of "how soon" begins; a tally of many values knows the coarser ones.
SOON = {"0": 0, "10": 10, "60": 60, "600": 600, "3600": 3_600, "86400": 86_400}
COARSE_SOON = ("0", "60", "600", "3600", "86400")
NEVER_SAID = ""  # the class of what has no time of sending


# Of the first ones each cell is found by the index: its buckets are named one by one.
_CELLS = """
SELECT value, record, verdict, age, sum(events)::bigint
FROM unnest(%(levels)s::text[], %(starts)s::timestamptz[]) AS bucket(level, start)
JOIN engagement_tally AS cell ON cell.brand_id = ANY(%(brands)s) AND cell.dimension = %(dimension)s
     AND cell.level = bucket.level AND cell.start = bucket.start AND cell.mailing = ''
WHERE (%(channel)s = '' OR channel = %(channel)s) AND value = ANY(%(names)s)
GROUP BY 1, 2, 3, 4
"""


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


def heaviest(scope: Counted, dimension: Dimension, limit: int | None) -> tuple[list[Scanner], bool]:
    """Return the origins with the most events of machines, the most first, and whether there are more of them."""
    ranked, parts = first(scope, dimension, limit), buckets(scope)
    values: dict[str, Any] = {
        "brands": scope.brands,
        "dimension": dimension.value,
        "channel": scope.channel,
        "levels": [level for level, _ in parts],
        "starts": [start for _, start in parts],
        "names": list(ranked.values),
    }
    with connection.cursor() as cursor:
        cursor.execute(_CELLS, values)
        keys = ("value", "record", "verdict", "age", "events")
        found = scanners(TallyRow(**dict(zip(keys, row, strict=True))) for row in cursor.fetchall())
    return [found.get(name) or Scanner(name) for name in ranked.values], ranked.is_cut


def scanners(rows: Iterable[TallyRow]) -> dict[str, Scanner]:
    """By the rows' value."""
    found: dict[str, Scanner] = {}
    everybody: Counter[str] = Counter()
    for row in rows:
        one = found.setdefault(row.value, Scanner(row.value))
        everybody[row.value] += row.events
        if is_machine(row):
            one.deeds[deed_of(row.record)] += row.events
            one.signs[row.record.rpartition("_machine_")[2] if "_machine_" in row.record else ""] += row.events
            one.soon[soon_of(row.age)] += row.events
    return {name: replace(one, everybody=everybody[name]) for name, one in found.items()}


def is_machine(row: TallyRow) -> bool:
    return row.verdict == "machine" and row.record not in UNJUDGED


def deed_of(record: str) -> str:
    """Return which of `DEEDS` a machine's record type is."""
    if record == "hidden_link":
        return "hidden"
    return _DEED_OF.get(record.partition("_machine")[0], "other")


def soon_of(age: int) -> str:
    """Return which of `SOON` a class of ages belongs to."""
    if age == UNKNOWN:
        return NEVER_SAID
    return max((name for name, since in SOON.items() if since <= AGES[age]), key=SOON.__getitem__)


def events_of_agents(scope: Counted, agents: Iterable[str]) -> Counter[str]:
    """Return how many events machines of these agents made. Tallies know programs without their minor versions."""
    cut_of = {agent: cut_agent(agent) for agent in agents}
    rows = tallies(replace(scope, values=frozenset(cut_of.values())), Dimension.AGENT, "value", "record", "verdict")
    sums: defaultdict[str, int] = defaultdict(int)
    for row in rows:
        sums[row.value] += row.events if is_machine(row) else 0
    return Counter({agent: sums[cut] for agent, cut in cut_of.items()})


def cut_agent(agent: str) -> str:
    """An agent as tallies call it (engagement/counting/changes.py)."""
    return re.sub(r"([0-9]+)([._][0-9]+)+", r"\1", agent)[:120]
