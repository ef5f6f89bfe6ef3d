"""The pages on which stored interactions are judged again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django_tasks_db.models import DBTaskResult

from engagement import tasks
from engagement.admin.rejudgements import changed_verdicts, matrix
from engagement.detection import RULES_VERSION
from engagement.models import Rejudgement
from preferences.models import Brand
from tests.engagement.rejudging import looked_at, make_run, table, without_learned
from tests.engagement.test_admin import assert_strict, page
from tests.makers import make_brand

LIST = "/admin/engagement/rejudgement/"


@pytest.fixture(autouse=True)
def nothing_learned() -> Iterator[None]:
    yield from without_learned()


@pytest.fixture
def brand(db: None) -> Brand:
    return make_brand(slug="demo")


def staff(client: Client, *codenames: str) -> Client:
    bob = User.objects.create_user("bob", is_staff=True)
    bob.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    bob.brands.set(Brand.objects.all())
    client.force_login(bob)
    return client


def test_a_look_is_started_for_a_period_and_brand(admin_client: Client, brand: Brand) -> None:
    data = {"since": "2026-11-01", "until": "2026-11-05", "brand": brand.pk}
    response = admin_client.post(f"{LIST}add/", data)
    run = Rejudgement.objects.get()
    assert response["Location"] == f"{LIST}{run.pk}/change/"
    assert (run.since.isoformat(), run.until.isoformat()) == ("2026-11-01T00:00:00+00:00", "2026-11-06T00:00:00+00:00")
    assert (run.brand, run.rules, run.actor, run.state) == (brand, RULES_VERSION, "admin", "looking")
    [(name, arguments)] = DBTaskResult.objects.values_list("task_path", "args_kwargs")
    assert (name, arguments["args"]) == ("engagement.tasks.look_again", [run.pk])
    assert "The worker begins in a moment." in page(admin_client, f"{LIST}{run.pk}/change/")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"since": "2026-11-05", "until": "2026-11-01"}, "after the last one"),
        ({"since": "2024-11-05", "until": "2026-11-01"}, "a year at most"),
        ({"since": "x", "until": ""}, "Enter a valid date"),
    ],
)
def test_a_period_that_makes_no_sense_is_explained(admin_client: Client, data: dict[str, str], words: str) -> None:
    html = admin_client.post(f"{LIST}add/", data).content.decode()
    assert_strict(html)
    assert words in html
    assert not Rejudgement.objects.exists()


def test_the_page_shows_what_would_change(admin_client: Client, brand: Brand) -> None:
    run = looked_at(brand)
    html = page(admin_client, f"{LIST}{run.pk}/change/")
    assert_strict(html)
    flat = " ".join(re.sub(r"<[^>]+>", " ", html).split())
    assert "2 of 2 verdicts would change." in flat
    assert "was unsure 1 0 as before 0 1" in flat
    assert "Strict evidence always 1 0 0" in flat
    assert "The program calls itself a robot or a tool." in html
    assert f"/admin/engagement/interaction/{run.examples[0]['id']}/change/" in html


def test_applying_is_asked_for_once_more_and_done_by_the_worker(admin_client: Client, brand: Brand) -> None:
    run = looked_at(brand)
    url = f"{LIST}{run.pk}/apply/"
    assert url in page(admin_client, f"{LIST}{run.pk}/change/")
    assert "Nobody's subscription changes" in unescape(page(admin_client, url))
    assert table()[0][0] == "unsure"
    admin_client.post(url)
    run.refresh_from_db()
    assert run.state == "applying"
    assert [row.task_path for row in DBTaskResult.objects.all()] == ["engagement.tasks.apply_rejudgement"]
    tasks.apply_rejudgement.call(run.pk)
    assert [verdict for verdict, *_ in table()] == ["machine", "human"]
    html = page(admin_client, f"{LIST}{run.pk}/change/")
    assert "<strong>Applied</strong>" in html
    assert "2</strong> of 2 verdicts changed" in html
    assert admin_client.post(url).status_code == 404


@pytest.mark.parametrize("fields", [{"rules": RULES_VERSION - 1}, {"changed_count": 0}, {"state": "failed"}])
def test_what_cannot_be_applied_is_not_offered(admin_client: Client, brand: Brand, fields: dict[str, Any]) -> None:
    run = looked_at(brand)
    Rejudgement.objects.update(**fields)
    assert "/apply/" not in page(admin_client, f"{LIST}{run.pk}/change/")
    assert admin_client.post(f"{LIST}{run.pk}/apply/").status_code == 404


def test_a_worker_that_was_killed_can_be_followed_by_another(admin_client: Client, brand: Brand) -> None:
    run = looked_at(brand)
    Rejudgement.objects.update(state="applying", seen_count=1)
    assert "if it stands still" in page(admin_client, f"{LIST}{run.pk}/change/")
    assert admin_client.post(f"{LIST}{run.pk}/apply/").status_code == 302


@pytest.mark.parametrize(
    ("codenames", "looks", "starts", "applies"),
    [
        (["view_rejudgement"], 200, 403, 403),
        (["view_rejudgement", "add_rejudgement"], 200, 200, 403),
        (["view_rejudgement", "change_rejudgement"], 200, 403, 200),
        (["view_interaction"], 403, 403, 403),
    ],
)
def test_each_may_what_they_are_permitted(
    client: Client, brand: Brand, codenames: list[str], looks: int, starts: int, applies: int
) -> None:
    run = looked_at(brand)
    client = staff(client, *codenames)
    urls = (f"{LIST}{run.pk}/change/", f"{LIST}add/", f"{LIST}{run.pk}/apply/")
    assert tuple(client.get(url).status_code for url in urls) == (looks, starts, applies)


def test_the_list_says_how_far_a_run_is(admin_client: Client, brand: Brand) -> None:
    make_run(state="looking", seen_count=30, total_count=120)
    html = page(admin_client, LIST)
    assert_strict(html)
    assert "being looked at, 25 %" in html


def test_an_empty_list_says_what_it_is_for(admin_client: Client) -> None:
    assert "changes nothing until you apply it" in page(admin_client, LIST)


def test_bars_compare_what_changes() -> None:
    verdicts = {"unsure": {"unsure": 100_000, "machine": 40, "human": 10}, "human": {"machine": 1}}
    rows = dict(matrix(Rejudgement(verdicts=verdicts)))
    assert [cell.width for cell in rows["unsure"]] == ["25.00%", "100.00%", "0.00%", "100.00%"]
    assert [cell.count for cell in rows["human"]] == [0, 0, 0, 1]
    assert changed_verdicts(Rejudgement(verdicts=verdicts)) == 51
