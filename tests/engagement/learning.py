"""Programs and people whose visits there is something to learn from."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from engagement.learning import learn_agents
from engagement.models import Learned
from preferences.models import Brand
from tests.engagement.makers import NOON, make_interaction

NOW = NOON + timedelta(days=1)
MINUTE = timedelta(minutes=1)
GUARD = "Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko"  # no browser that anyone uses still
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"
)
HAND = [{"name": "trusted_input", "points": -3, "hard": False, "reason": "A hand moved."}]


def hammer(brand: Brand, agent: str = GUARD, count: int = 11, person: int = 1, **fields: Any) -> None:
    """So many visits to one link, a minute apart."""
    at = fields.pop("occurred_at", NOON)
    step = fields.pop("step", MINUTE)
    rows = {"brand": brand, "agent": agent, "recipient_id": UUID(int=person), **fields}
    for number in range(count):
        make_interaction(**rows, occurred_at=at + number * step)


def visits_of_people(brand: Brand, agent: str, count: int, **fields: Any) -> None:
    for number in range(count):
        make_interaction(brand=brand, agent=agent, recipient_id=UUID(int=100 + number), **fields)


def learned_agents() -> list[str]:
    return list(Learned.objects.filter(kind="agent").values_list("value", flat=True))


def only_reason() -> str:
    [finding] = learn_agents(NOW)
    return finding.reason
