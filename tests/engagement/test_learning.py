"""Which programs are learned from the interactions, and which are not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from engagement.learning import learn_agents
from engagement.models import Learned
from preferences.models import Brand
from tests.commands import run
from tests.engagement.learning import (
    CHROME,
    GUARD,
    HAND,
    MINUTE,
    NOW,
    hammer,
    learned_agents,
    only_reason,
    visits_of_people,
)
from tests.engagement.makers import NOON, make_interaction
from tests.makers import make_brand

pytestmark = pytest.mark.django_db


@pytest.fixture
def brand() -> Brand:
    return make_brand()


def test_more_than_ten_visits_to_one_link_within_an_hour_are_a_robots(brand: Brand) -> None:
    hammer(brand)
    [finding] = learn_agents(NOW)
    assert (finding.value, finding.reason) == (GUARD, "")
    [row] = Learned.objects.all()
    link = {"brand": brand.pk, "recipient": str(UUID(int=1)), "mailing": "2026-11", "topic": "news"}
    assert row.evidence == {
        "most_in_an_hour": 11,
        "links": 1,
        "recipients": 1,
        "networks": ["192.0.2.0"],
        "first_at": NOON.isoformat(),
        "last_at": (NOON + 10 * MINUTE).isoformat(),
        "link": {**link, "purpose": "unsubscribe"},
    }


@pytest.mark.parametrize(
    "fields",
    [
        {"count": 10},
        {"step": 6.5 * MINUTE},
        {"kind": "arrive"},
        {"kind": "open"},
        {"agent": ""},
        {"occurred_at": NOW - timedelta(days=9)},
        {"occurred_at": NOW + MINUTE},
    ],
)
def test_less_than_that_is_nothing(brand: Brand, fields: dict[str, Any]) -> None:
    hammer(brand, **fields)
    assert learn_agents(NOW) == []


def test_more_than_ten_clicks_on_one_link_within_an_hour_are_a_robots(brand: Brand) -> None:
    hammer(brand, kind="click", purpose="click", link=7)
    [finding] = learn_agents(NOW)
    assert (finding.reason, finding.evidence["link"]["link"]) == ("", 7)


def test_the_page_to_subscribe_is_a_link_too(brand: Brand) -> None:
    hammer(brand, kind="join_visit", purpose="subscribe")
    assert [finding.reason for finding in learn_agents(NOW)] == [""]


def test_clicks_on_different_links_of_a_mail_do_not_add_up(brand: Brand) -> None:
    for number in range(3):
        hammer(brand, kind="click", purpose="click", link=number, count=6)
    assert learn_agents(NOW) == []


@pytest.mark.parametrize(
    "agent",
    [
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)",
        "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Thunderbird/140.4.0",
    ],
)
def test_what_people_read_their_mail_with_is_not_learned(brand: Brand, agent: str) -> None:
    hammer(brand, agent=agent, kind="click", purpose="click", link=7)
    assert only_reason() == "People read their mail with it, or through it."


@pytest.mark.parametrize("agent", ["Mozilla/5.0 (via ggpht.com GoogleImageProxy)", "YahooMailProxy", "Mozilla/5.0"])
def test_an_image_proxy_is_not_learned(brand: Brand, agent: str) -> None:
    hammer(brand, agent=agent, kind="click", purpose="click", link=7)
    assert "known without being learned" in only_reason()


@pytest.mark.parametrize("part", ["recipient_id", "mailing", "topic", "purpose", "brand"])
def test_visits_to_different_links_do_not_add_up(brand: Brand, part: str) -> None:
    others = {
        "recipient_id": UUID(int=2),
        "mailing": "2026-10",
        "topic": "offers",
        "purpose": "preferences",
        "brand": make_brand(),
    }
    hammer(brand, count=6)
    for number in range(6):
        fields = {"brand": brand, "recipient_id": UUID(int=1), "agent": GUARD, part: others[part]}
        make_interaction(**fields, occurred_at=NOON + (10 + number) * MINUTE)
    assert learn_agents(NOW) == []


def test_one_person_who_reloads_a_page_teaches_nothing_about_a_browser(brand: Brand) -> None:
    hammer(brand, CHROME, count=30)
    assert "one person may have reloaded" in only_reason()
    assert learned_agents() == []


def test_a_browsers_name_is_learned_when_it_hammers_the_links_of_three(brand: Brand) -> None:
    for person in range(3):
        hammer(brand, CHROME, person=person)
    assert only_reason() == ""
    assert learned_agents() == [CHROME]


def test_a_browser_that_many_people_use_is_never_learned(brand: Brand) -> None:
    for person in range(3):
        hammer(brand, CHROME, person=person)
    visits_of_people(brand, CHROME, 5, verdict="unsure", occurred_at=NOON - timedelta(days=20))
    assert "5 other people" in only_reason()
    assert learned_agents() == []


@pytest.mark.parametrize(
    ("verdict", "count", "is_learned"), [("unsure", 9, True), ("human", 4, True), ("human", 5, False)]
)
def test_a_program_that_is_no_browser_is_spared_by_human_visits_alone(
    brand: Brand, verdict: str, count: int, *, is_learned: bool
) -> None:
    hammer(brand)
    visits_of_people(brand, GUARD, count, verdict=verdict, occurred_at=NOON)
    learn_agents(NOW)
    assert learned_agents() == [GUARD] * is_learned


@pytest.mark.parametrize(("network", "is_learned"), [("192.0.2.0", True), ("203.0.113.0", False)])
def test_a_hand_elsewhere_vouches_for_a_browser_and_one_from_the_same_network_does_not(
    brand: Brand, network: str, *, is_learned: bool
) -> None:
    hammer(brand)
    visits_of_people(brand, GUARD, 1, kind="arrive", verdict="human", signals=HAND, network=network, occurred_at=NOON)
    learn_agents(NOW)
    assert learned_agents() == [GUARD] * is_learned


def test_what_people_did_long_ago_vouches_for_nothing(brand: Brand) -> None:
    hammer(brand)
    visits_of_people(
        brand, GUARD, 9, verdict="human", signals=HAND, network="203.0.113.0", occurred_at=NOW - timedelta(days=31)
    )
    assert only_reason() == ""


def test_a_program_that_says_it_is_a_robot_need_not_be_learned(brand: Brand) -> None:
    hammer(brand, "curl/8.5.0")
    assert "without being learned" in only_reason()
    assert learned_agents() == []


def test_learning_twice_changes_nothing(brand: Brand) -> None:
    hammer(brand)
    learn_agents(NOW)
    before = Learned.objects.values().get()
    assert only_reason() == "It was learned before."
    assert Learned.objects.values().get() == before


def test_what_was_refused_stays_refused(brand: Brand) -> None:
    hammer(brand)
    Learned.objects.create(kind="agent", value=GUARD, is_refused=True, decided_by="carol")
    assert only_reason() == "carol refused it."
    assert not Learned.objects.in_force().exists()


def test_programs_are_not_learned_when_that_is_switched_off(brand: Brand, settings: Any) -> None:
    hammer(brand)
    settings.FAREWELL_LEARN_AGENTS = False
    assert learn_agents(NOW) == []
    assert "programs: switched off by FAREWELL_LEARN_AGENTS" in run("learn").out
