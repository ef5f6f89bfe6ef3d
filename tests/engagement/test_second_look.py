"""The second look at opens and clicks: judged again with what happened around them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.utils import timezone

from engagement.detection import RULES_VERSION
from engagement.models import Interaction
from engagement.second_look import Relooked, earlier_affected, look_again, write
from preferences.models import Brand
from tests.engagement.makers import NOON, make_interaction
from tests.makers import make_brand

pytestmark = pytest.mark.django_db

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"
)
GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
BROWSER = {
    "method": "GET",
    "has_accept_language": True,
    "fetch_site": "none",
    "fetch_mode": "navigate",
    "fetch_dest": "document",
    "fetch_user": "?1",
}
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def brand() -> Brand:
    return make_brand()


def make_click(brand: Brand, link: int | None = 1, after: timedelta = 0 * SECOND, **fields: Any) -> Interaction:
    """A stored click of somebody with Chrome, two hours after sending, judged by its request alone."""
    defaults = {
        "kind": "click",
        "purpose": "click",
        "agent": CHROME,
        "send_age": 7_200,
        "rules": RULES_VERSION,
        "facts": {"request": BROWSER},
        "answer": "gone",
    }
    return make_interaction(brand=brand, link=link, occurred_at=NOON + after, **{**defaults, **fields})


def make_open(brand: Brand, after: timedelta = 0 * SECOND, **fields: Any) -> Interaction:
    defaults = {"kind": "open", "purpose": "open", "agent": GMAIL, "visitor": b"g" * 16, "network": "66.249.84.0"}
    return make_click(brand, None, after, **{**defaults, **fields})


def make_hidden_visit(brand: Brand, after: timedelta = 0 * SECOND, **fields: Any) -> Interaction:
    return make_click(brand, None, after, **{"kind": "hidden_visit", "purpose": "hidden", **fields})


def looked(*rows: Interaction) -> dict[int, Relooked]:
    return {one.row.id: one for one in look_again(rows)}


def names(relooked: Relooked) -> set[str]:
    return {signal.name for signal in relooked.verdict.signals}


def test_a_click_with_nothing_around_it_stays_as_it_was_judged(brand: Brand) -> None:
    assert look_again([make_click(brand)]) == []


def test_links_of_one_message_within_a_second_are_a_robots(brand: Brand) -> None:
    rows = [make_click(brand, 1), make_click(brand, 2, 0.5 * SECOND)]
    assert [(one.record, one.verdict.is_hard) for one in look_again(rows)] == [("click_machine_behaviour", True)] * 2
