"""Robots and people at recipients of some domains, and what plain Python counts of them."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from random import Random

from django.utils import timezone

from engagement.models import Interaction
from preferences.models import Brand
from tests.engagement.dashboard_makers import (
    make_event,
)
from tests.makers import make_brand

DOMAINS = ("firm.example", "works.example", "home.example", "")
AGENTS = ("AcmeLinkChecker/1.0.3", "AcmeLinkChecker/1.0.4", "Go-http-client/2.0", "")
DEEDS = {
    "open": "open_machine",
    "click": "click_machine_agent",
    "visit": "visit_machine_learned",
    "header_visit": "header_visit_machine_behaviour",
    "arrive": "arrive_machine_behaviour",
    "hidden_visit": "hidden_link",
    "prefs_visit": "prefs_visit_machine_agent",
}
_COLUMN = {"open": 0, "click": 1, "visit": 2, "header_visit": 2, "arrive": 3, "hidden_visit": 4, "prefs_visit": 5}
_AGES = (3, 20, 90, 700, 5_000, 100_000, None)


def make_crowd(brand: Brand | None = None, seed: int = 1, events: int = 160) -> Brand:
    """Robots and people at recipients of four domains; number `n` is at the domain `n % 4`."""
    brand, chance = brand or make_brand(), Random(seed)
    for _ in range(events):
        person, kind = chance.randrange(12), chance.choice(list(DEEDS))
        verdict = "machine" if kind == "hidden_visit" else chance.choice(["human", "unsure", "machine", "machine"])
        verdict = chance.choice([verdict, "prefetched"]) if kind == "open" else verdict
        owner = chance.choice(["Proofpoint", None])
        make_event(
            brand,
            chance.choice(["m0", "m1", ""]),
            kind,
            person,
            verdict,
            record=DEEDS[kind] if verdict == "machine" else f"{kind}_prefetched" if verdict == "prefetched" else kind,
            domain=DOMAINS[person % 4],
            agent=chance.choice(AGENTS),
            network=chance.choice(["192.0.2.0", "2001:db8::", None]),
            facts={"request": {"method": "GET", **({"network": owner} if owner else {})}},
            send_age=chance.choice(_AGES),
            occurred_at=timezone.now() - timedelta(days=chance.randrange(1, 20)),
        )
    make_event(brand, "m0", "one_click", 0, "machine", domain="firm.example", agent=AGENTS[0])
    return brand


def robots(rows: list[Interaction] | None = None) -> list[Interaction]:
    rows = list(Interaction.objects.all()) if rows is None else rows
    return [row for row in rows if row.verdict == "machine" and row.kind != "one_click"]


def network_of(row: Interaction) -> str:
    owner = row.facts["request"].get("network")
    return owner or ("" if not row.network else f"{row.network}/{48 if ':' in row.network else 24}")


def deeds_of(rows: list[Interaction]) -> tuple[int, ...]:
    counts = Counter(_COLUMN[row.kind] for row in rows)
    return tuple(counts[number] for number in range(6))


def soon_of(rows: list[Interaction]) -> tuple[int, ...]:
    counts = Counter(soon_kind(row.send_age) for row in rows)
    return (*(counts[f"soon-{since}"] for since in (0, 60, 600, 3_600, 86_400)), counts["unsure"])


def soon_kind(age: int | None) -> str:
    return "unsure" if age is None else f"soon-{max(since for since in (0, 60, 600, 3_600, 86_400) if since <= age)}"
