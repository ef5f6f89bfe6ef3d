"""What tests of rejudgements make: rows that were stored, and runs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from engagement.detection import RULES_VERSION
from engagement.learning import learned
from engagement.models import Interaction, Rejudgement
from engagement.rejudging.runs import look
from preferences.models import Brand
from tests.engagement.makers import NOON, make_interaction

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"
)
CURL = "curl/8.5.0"
BROWSER = {"method": "GET", "has_accept_language": True, "fetch_site": "none", "fetch_mode": "navigate"}
PAGE = {"visible": True, "focused": True, "presence": {"spots": 5, "span": 400}}
HIDDEN = {"name": "hidden_link", "points": 0, "hard": True, "reason": "The same visitor followed the link."}


def without_learned() -> Iterator[None]:
    """Nothing learned in this process before and after."""
    learned.forget()
    yield
    learned.forget()


def stored(**fields: Any) -> Interaction:
    """An unsaved row by Chrome, hours after sending."""
    defaults = {
        "occurred_at": NOON,
        "agent": CHROME,
        "signals": [],
        "facts": {"request": BROWSER},
        "send_age": 20_000,
        "verdict": "unsure",
    }
    return Interaction(**{**defaults, "send_age": 20_000, **fields})


def make_old(brand: Brand, number: int = 0, **fields: Any) -> Interaction:
    """A row that was judged unsure, of a program that the catalogue now knows."""
    defaults: dict[str, Any] = {"agent": CURL, "occurred_at": NOON + timedelta(seconds=number), "visit": number}
    return make_interaction(brand=brand, **{**defaults, **fields})


def make_run(**fields: Any) -> Rejudgement:
    day = timedelta(days=1)
    return Rejudgement.objects.create(
        **{"since": NOON - day, "until": NOON + day, "rules": RULES_VERSION, "actor": "carol", **fields}
    )


def table() -> list[tuple[Any, ...]]:
    return list(Interaction.objects.order_by("occurred_at", "id").values_list("verdict", "score", "rules", "facts"))


def looked_at(brand: Brand) -> Rejudgement:
    make_old(brand)
    make_old(brand, 1, kind="arrive", facts={"request": BROWSER, "page": PAGE}, agent=CHROME, send_age=20_000)
    look(row := make_run(brand=brand))
    return row
