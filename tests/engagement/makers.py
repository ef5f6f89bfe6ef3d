"""Makers of interactions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from engagement.models import Interaction, Mailing
from preferences.models import Brand
from tests.makers import make_brand

NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)


def make_interaction(**fields: Any) -> Interaction:
    """A stored landing visit at `NOON` by nobody in particular. `method` and `reasons` stand for facts and signals."""
    method, reasons = fields.pop("method", "GET"), fields.pop("reasons", [])
    defaults: dict[str, Any] = {
        "occurred_at": NOON,
        "recipient_id": UUID(int=1),
        "channel": "email",
        "topic": "news",
        "mailing": "2026-11",
        "purpose": "unsubscribe",
        "kind": "visit",
        "answer": "page",
        "verdict": "unsure",
        "score": 0,
        "is_hard": False,
        "signals": [{"name": "test", "points": 0, "hard": False, "reason": reason} for reason in reasons],
        "rules": 1,
        "visit": 1,
        "visitor": bytes(16),
        "network": "192.0.2.0",
        "agent": "Mozilla/5.0",
        "send_age": 12,
        "facts": {"request": {"method": method}},
        "record": fields.get("kind", "visit"),
        "segment": "",
    }
    brand: Brand = fields.pop("brand", None) or make_brand()
    return Interaction.objects.create(brand=brand, **{**defaults, **fields})


def make_mailing(brand: Brand | None = None, slug: str = "2026-11", **fields: Any) -> Mailing:
    return Mailing.objects.create(brand=brand or make_brand(), slug=slug, **fields)
