"""What is learned from the interactions, what is not, and how it is used and refused."""

from __future__ import annotations

import re
import threading
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import Permission, User
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from engagement import tasks
from engagement.learning import LearnedRobots, learn_agents, learn_networks, learned
from engagement.models import Learned
from preferences.models import Brand
from tests.commands import run
from tests.engagement.makers import NOON, make_interaction
from tests.engagement.test_admin import assert_strict, page
from tests.makers import make_brand

pytestmark = pytest.mark.django_db

NOW = NOON + timedelta(days=1)
MINUTE = timedelta(minutes=1)
GUARD = "Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko"  # no browser that anyone uses still
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"
)
HAND = [{"name": "trusted_input", "points": -3, "hard": False, "reason": "A hand moved."}]
LEARNED = "/admin/engagement/learned/"


@pytest.fixture(autouse=True)
def nothing_known() -> Any:
    learned.forget()
    yield
    learned.forget()


@pytest.fixture
def brand() -> Brand:
    return make_brand()


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


def make_learned(**fields: Any) -> Learned:
    evidence = {"most_in_an_hour": 14, "links": 2, "recipients": 2, "last_at": "2026-11-03T12:00:00+00:00"}
    return Learned.objects.create(**{"kind": "agent", "value": GUARD, "evidence": evidence, **fields})


def test_the_admin_lists_each_with_its_evidence_and_visits(admin_client: Client, brand: Brand) -> None:
    row = make_learned(value="<b>Guard</b>")
    make_learned(kind="network", value="198.51.100.0", evidence={"visits": 40, "machines": 39, "recipients": 12})
    html = page(admin_client, LEARNED)
    assert_strict(html)
    for words in (
        "&lt;b&gt;Guard&lt;/b&gt;",
        "Opened the same link 14 times within an hour, at 2 links of 2 people, last on 2026-11-03.",
        "39 of 40 visits, at the links of 12 people, were robots.",
        f"/admin/engagement/interaction/?learned={row.pk}&amp;period=30",
    ):
        assert words in html


def test_the_visits_of_a_learned_robot_are_found(admin_client: Client, brand: Brand) -> None:
    agent, network = make_learned(), make_learned(kind="network", value="198.51.100.0")
    now = timezone.now()
    make_interaction(brand=brand, agent=GUARD, occurred_at=now, visit=1)
    make_interaction(brand=brand, network="198.51.100.0", occurred_at=now, visit=2)
    make_interaction(brand=brand, occurred_at=now, visit=3)
    for query, visits in ((agent.pk, [1]), (network.pk, [2]), (0, []), ("x", []), ("", [3, 2, 1])):
        response = admin_client.get(f"/admin/engagement/interaction/?learned={query}")
        assert [row.visit for row in response.context["cl"].result_list] == visits


def decide(client: Client, action: str, *rows: Learned) -> int:
    data = {"action": action, "_selected_action": [row.pk for row in rows]}
    return client.post(LEARNED, data).status_code


def test_refusing_takes_effect_at_once_and_is_signed(admin_client: Client) -> None:
    row = make_learned()
    assert learned.is_agent(GUARD)
    decide(admin_client, "refuse", row)
    assert not learned.is_agent(GUARD)
    row.refresh_from_db()
    assert (row.is_refused, row.decided_by, row.decided_at is None) == (True, "admin", False)
    decide(admin_client, "use_again", row)
    assert learned.is_agent(GUARD)


def test_deciding_the_same_again_signs_nothing(admin_client: Client) -> None:
    row = make_learned(is_refused=True, decided_by="carol")
    decide(admin_client, "refuse", row)
    row.refresh_from_db()
    assert row.decided_by == "carol"


def test_who_is_no_superuser_neither_looks_nor_decides(client: Client) -> None:
    """What is learned comes from the visits of all brands, and holds for all of them."""
    bob = User.objects.create_user("bob", is_staff=True)
    bob.user_permissions.set(Permission.objects.filter(codename__in=["view_learned", "change_learned"]))
    client.force_login(bob)
    row = make_learned()
    assert client.get(LEARNED).status_code == 403
    data = {"action": "refuse", "_selected_action": [str(row.pk)]}
    assert client.post(LEARNED, data).status_code == 403
    row.refresh_from_db()
    assert not row.is_refused


def test_a_learned_robot_is_looked_at_and_never_edited(admin_client: Client) -> None:
    row = make_learned()
    html = page(admin_client, f"{LEARNED}{row.pk}/change/")
    assert_strict(html)
    assert admin_client.post(f"{LEARNED}{row.pk}/change/", {"value": "x"}).status_code == 403
    assert admin_client.post(f"{LEARNED}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert admin_client.post(f"{LEARNED}add/", {}).status_code == 403


@pytest.mark.parametrize(
    ("query", "count"), [("", 3), ("kind__exact=agent", 2), ("state=refused", 1), ("state=in_force", 2), ("state=x", 3)]
)
def test_learned_robots_are_filtered(admin_client: Client, query: str, count: int) -> None:
    make_learned()
    make_learned(value="Other", is_refused=True)
    make_learned(kind="network", value="198.51.100.0")
    assert len(re.findall(r'class="action-select"', page(admin_client, f"{LEARNED}?{query}"))) == count


def test_an_empty_list_says_what_will_appear(admin_client: Client) -> None:
    assert "more than ten times within an hour" in page(admin_client, LEARNED)
