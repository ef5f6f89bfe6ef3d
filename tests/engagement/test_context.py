"""The context of a page view, where the same visitor also opened the mail and clicked in it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from engagement.judging.context import Seen, context_of, program_of
from preferences.models import Brand
from tests.engagement.makers import NOON, make_interaction
from tests.makers import make_brand

pytestmark = pytest.mark.django_db

AGENT = "Mozilla/5.0"


@pytest.fixture
def brand() -> Brand:
    return make_brand()


def make_seen(brand: Brand) -> Seen:
    """A page view of the unsubscribe link by whom `make_interaction` stores."""
    place = {"visitor": bytes(16), "network": "192.0.2.0", "program": program_of(AGENT), "agent": AGENT}
    link = {"mailing": "2026-11", "link": "unsubscribe news", "domain": "example.org"}
    return Seen(brand_id=brand.pk, recipient_id=UUID(int=1), moment=NOON.timestamp(), **place, **link)  # type: ignore[arg-type]


def make_near(brand: Brand, **fields: Any) -> None:
    make_interaction(brand=brand, occurred_at=NOON + timedelta(seconds=0.5), **fields)


@pytest.mark.parametrize("kind", ["open", "conversion"])
def test_an_open_is_no_link_of_a_burst_and_no_visit_of_a_crowd(brand: Brand, kind: str) -> None:
    for number in range(1, 12):
        make_near(brand, kind=kind, purpose=kind, recipient_id=UUID(int=number))
    context = context_of(make_seen(brand))
    assert (context.own.link_gaps, context.recipient_count, context.neighbour_count) == ((), 1, 1)


def test_each_tracked_link_is_a_link_of_its_own(brand: Brand) -> None:
    for link in (7, 8, 8):
        make_near(brand, kind="click", purpose="click", link=link)
    make_interaction(brand=brand, kind="click", purpose="click", link=9, occurred_at=NOON - timedelta(minutes=1))
    assert context_of(make_seen(brand)).own.link_gaps == (0.5, 60.0)


@pytest.mark.parametrize(("links", "gaps"), [((7,), ()), ((7, 8), (0.5,))])
def test_a_tracked_link_that_led_to_the_page_is_no_second_link(
    brand: Brand, links: tuple[int, ...], gaps: tuple[float, ...]
) -> None:
    for link in links:
        make_near(brand, kind="click", purpose="click", link=link)
    assert context_of(make_seen(brand)).own.link_gaps == gaps


def test_a_click_at_many_recipients_links_is_one_of_a_crowd(brand: Brand) -> None:
    for number in range(1, 4):
        make_near(brand, kind="click", purpose="click", link=7, recipient_id=UUID(int=number))
    assert context_of(make_seen(brand)).recipient_count == 3
