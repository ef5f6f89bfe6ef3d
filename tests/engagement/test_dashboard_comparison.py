"""What it would have been: recounted, and never more than its assumptions say."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from engagement.models import Interaction
from preferences.models import Source
from tests.engagement.dashboard_makers import (
    ROOT,
    alone,
    cells,
    count_everything,
    make_event,
    make_member,
    make_year,
    messages,
    percent,
    queries_of,
    saved,
    shown,
    tile,
)
from tests.makers import make_brand, make_cause, make_recipient, make_topic

pytestmark = pytest.mark.django_db
PAGE = "comparison/"


def test_the_overview_and_the_start_lead_there(admin_client: Client) -> None:
    assert reverse("admin:engagement_comparison") == ROOT + PAGE
    assert f'href="{ROOT}{PAGE}"' in admin_client.get("/admin/").text
    make_event(make_brand(), "m0", "visit")
    count_everything()
    assert f'href="{ROOT}{PAGE}?' in admin_client.get(f"{ROOT}overview/").text


def test_nothing_at_all_is_said_to_be_nothing(admin_client: Client) -> None:
    assert "Nobody visited an unsubscribe page" in admin_client.get(ROOT + PAGE).text


def test_each_way_is_a_recount(admin_client: Client) -> None:
    make_year()
    count_everything()
    rows, found = list(Interaction.objects.all()), cells(shown(admin_client, PAGE), "ways")
    left, slipped = messages(rows, "left", of_people=True), alone(rows, "left")
    for name, people, robots in (
        ("As it was", left, slipped),
        ("Opening is enough", messages(rows, "visit", of_people=True), alone(rows, "visit")),
        ("The script is enough", messages(rows, "script", of_people=True), alone(rows, "script")),
        ("Always a button", left, 0),
    ):
        assert found[name] == (people + robots, people, robots, percent(robots, people + robots), 0)
    assert all(numbers[1] for numbers in found.values())


def test_what_the_ledger_knows_is_taken_in(admin_client: Client) -> None:
    """One-click works at every page, an arrival has saved a press, and what was put back did not stay."""
    brand = make_brand()
    make_event(brand, "m0", "arrive", person=1, verdict="machine")
    make_event(brand, "m0", "arrive", person=2)
    make_event(brand, "m0", "visit", person=2)
    topic = make_topic(brand)
    for name, source in (("alice", Source.ONE_CLICK), ("bob", Source.ARRIVAL), ("mallory", Source.ARRIVAL)):
        make_recipient(brand, f"{name}@example.org").opt_out(topic.id, make_cause(source))
    mallory = make_recipient(brand, "mallory@example.org")
    mallory.undo_opt_out(topic.id, make_cause(Source.REINSTATEMENT))
    count_everything()
    context = shown(admin_client, PAGE)
    found = cells(context, "ways")
    assert found["As it was"] == (1, 1, 0, "0.0%", 0)
    assert found["Opening is enough"] == (2, 2, 0, "0.0%", 0)
    assert found["The script is enough"] == (3, 2, 1, "33.3%", 0)
    assert found["Always a button"] == (1, 1, 0, "0.0%", 1)
    assert tile(context, "Presses saved") == {"": "1"}
    assert tile(context, "Slipped through") == {"": "0"}


def test_each_mailing_is_a_recount(admin_client: Client) -> None:
    make_year()
    count_everything()
    found = cells(shown(admin_client, PAGE), "mailings")
    assert set(found) == {"m0", "m1", "m2"}
    assert [int(numbers[2]) for numbers in found.values()] == sorted(
        (int(numbers[2]) for numbers in found.values()), reverse=True
    )
    for slug, numbers in found.items():
        rows = list(Interaction.objects.filter(mailing=slug))
        by_act = [(messages(rows, act), alone(rows, act)) for act in ("visit", "script")]
        assert numbers == (messages(rows, "left"), *by_act[0], *by_act[1])


def test_a_brand_alone_has_its_own(admin_client: Client) -> None:
    first, second = make_year(make_brand()), make_year(make_brand(), seed=2)
    count_everything()
    for brand in (first, second):
        rows = list(Interaction.objects.filter(brand=brand))
        found = cells(shown(admin_client, PAGE, brand=brand.pk), "ways")
        assert found["Opening is enough"][0] == messages(rows, "visit")


def test_the_tables_are_files(admin_client: Client) -> None:
    make_year()
    count_everything()
    for found in shown(admin_client, PAGE)["tables"]:
        lines = saved(admin_client, PAGE, found.slug)
        assert lines == [list(found.columns), *([row.label, *map(str, row.cells)] for row in found.rows)]


def test_it_takes_the_permission_to_see_mailings(client: Client) -> None:
    brand = make_year()
    make_year(make_brand(name="Foreign"), seed=2)
    count_everything()
    bob = make_member(brand, "view_interaction")
    client.force_login(bob)
    assert client.get(ROOT + PAGE).status_code == 403
    bob.user_permissions.add(Permission.objects.get(codename="view_mailing"))
    assert "Foreign" not in client.get(ROOT + PAGE).text
    rows = list(Interaction.objects.filter(brand=brand))
    assert cells(shown(client, PAGE), "ways")["Opening is enough"][0] == messages(rows, "visit")


def test_the_number_of_queries_does_not_grow_with_the_rows(admin_client: Client) -> None:
    make_year(events=20)
    count_everything()
    before = queries_of(admin_client, PAGE)
    make_year(seed=3)
    count_everything()
    assert queries_of(admin_client, PAGE) <= before <= 20
