"""Which networks are learned, how what was learned is known in each process, and who learns."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import OperationalError
from django.utils import timezone

from engagement import tasks
from engagement.learning import LearnedRobots, learn_agents, learn_networks, learned
from engagement.models import Learned
from preferences.models import Brand
from tests.commands import run
from tests.engagement.learning import CHROME, GUARD, NOW, hammer
from tests.engagement.makers import NOON, make_interaction
from tests.makers import make_brand

pytestmark = pytest.mark.django_db


@pytest.fixture
def brand() -> Brand:
    return make_brand()


def crowd(brand: Brand, visits: int = 20, people: int = 10, hard: int = 20, **fields: Any) -> None:
    """Visits from one network, at so many people's links, `hard` of them with hard evidence."""
    for number in range(visits):
        is_hard = number < hard
        row = {"verdict": "machine" if is_hard else "unsure", "is_hard": is_hard, "occurred_at": NOON, **fields}
        make_interaction(brand=brand, recipient_id=UUID(int=number % people), **row)


@pytest.mark.parametrize(
    ("fields", "is_learned"),
    [
        ({}, True),
        ({"hard": 18}, True),
        ({"hard": 17}, False),
        ({"visits": 19}, False),
        ({"people": 9}, False),
        ({"network": "2001:db8:1::"}, True),
        ({"network": None}, False),
        ({"kind": "one_click"}, False),
        ({"occurred_at": NOW - timedelta(days=8)}, False),
        ({"facts": {"request": {"network_class": "mail_filter"}}}, False),
    ],
)
def test_a_network_of_robots_alone_is_learned(
    brand: Brand, settings: Any, fields: dict[str, Any], *, is_learned: bool
) -> None:
    settings.FAREWELL_LEARN_NETWORKS = True
    crowd(brand, **fields)
    learn_networks(NOW)
    learn_networks(NOW)
    network = fields.get("network", "192.0.2.0")
    assert list(Learned.objects.values_list("kind", "value")) == [("network", network)] * is_learned
    assert learned.is_network(network or "") is is_learned


def test_one_person_saves_a_network(brand: Brand, settings: Any) -> None:
    settings.FAREWELL_LEARN_NETWORKS = True
    crowd(brand, visits=40, hard=40)
    make_interaction(brand=brand, kind="arrive", verdict="human", occurred_at=NOON)
    [finding] = learn_networks(NOW)
    assert finding.reason == "1 visits from it were a person's."


def test_networks_are_learned_only_when_switched_on(brand: Brand) -> None:
    crowd(brand)
    assert learn_networks(NOW) == []
    Learned.objects.create(kind="network", value="192.0.2.0")
    assert not learned.is_network("192.0.2.0")


def test_a_learned_program_is_known_at_once(brand: Brand, settings: Any) -> None:
    assert not learned.is_agent(GUARD)
    before = learned.generation
    hammer(brand)
    learn_agents(NOW)
    assert learned.is_agent(GUARD)
    assert learned.generation == before + 1
    settings.FAREWELL_LEARN_AGENTS = False
    assert not learned.is_agent(GUARD)


def test_asking_costs_one_query_for_all(django_assert_num_queries: Any) -> None:
    robots = LearnedRobots()
    with django_assert_num_queries(1):
        assert not any(robots.is_agent(f"agent {number}") for number in range(100))
        assert (robots.is_network("192.0.2.0"), robots.generation) == (False, 0)


def test_what_is_known_stays_when_the_database_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    Learned.objects.create(kind="agent", value=GUARD)
    robots = LearnedRobots()
    assert robots.is_agent(GUARD)

    def fail() -> None:
        raise OperationalError("away")

    monkeypatch.setattr(Learned.objects, "in_force", fail)
    robots.forget()
    assert robots.is_agent(GUARD)
    assert robots.generation == 1


@pytest.mark.django_db(transaction=True)
def test_an_old_snapshot_is_renewed_beside_the_asking(settings: Any) -> None:
    robots = LearnedRobots()
    assert not robots.is_agent(GUARD)
    Learned.objects.create(kind="agent", value=GUARD)
    settings.FAREWELL_KEYRING_REFRESH_SECONDS = 0
    robots.is_agent(GUARD)
    for thread in threading.enumerate():
        if thread.name == "farewell-learned":
            thread.join()
    settings.FAREWELL_KEYRING_REFRESH_SECONDS = 1e9
    assert robots.is_agent(GUARD)


def test_the_command_tells_what_was_learned_and_what_was_not(brand: Brand, settings: Any) -> None:
    settings.FAREWELL_LEARN_NETWORKS = True
    now = timezone.now()
    hammer(brand, occurred_at=now - timedelta(hours=5))
    hammer(brand, CHROME, count=12, person=2, occurred_at=now - timedelta(hours=5), verdict="unsure")
    out = run("learn").out
    assert "programs: 1 learned, 1 not" in out
    assert (
        f"  learned  {GUARD}\n    Opened the same link 11 times within an hour, at 1 link of 1 person, last on" in out
    )
    assert f"  not learned  {CHROME}\n" in out
    assert "networks: 0 learned, 0 not" in out
    assert tasks.learn.call() == []


def test_the_worker_learns(brand: Brand) -> None:
    hammer(brand, occurred_at=timezone.now() - timedelta(hours=5))
    assert tasks.learn.call() == [GUARD]
