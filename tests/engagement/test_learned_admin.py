"""Learned robots in the admin: looked at with their evidence, refused and accepted, never edited."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from engagement.learning import learned
from engagement.models import Learned
from preferences.models import Brand
from tests.engagement.learning import GUARD
from tests.engagement.makers import make_interaction
from tests.engagement.test_admin import assert_strict, page
from tests.makers import make_brand

pytestmark = pytest.mark.django_db

LEARNED = "/admin/engagement/learned/"


@pytest.fixture
def brand() -> Brand:
    return make_brand()


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
