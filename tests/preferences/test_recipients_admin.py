"""Finding people in the admin, and what their pages tell."""

from __future__ import annotations

import re
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from preferences.admin import finding
from preferences.links import Channel
from preferences.models import Source
from preferences.models.subscriptions import SuppressionReason
from tests.makers import make_brand, make_cause, make_recipient, make_topic
from tests.preferences.admin_pages import RECIPIENTS, left, page

pytestmark = pytest.mark.django_db


def found(client: Client, text: str) -> str:
    response = client.post(f"{RECIPIENTS}search/", {"q": text})
    assert response.status_code == 302
    return str(response["Location"])


@pytest.mark.parametrize("text", ["alice@example.org", " Alice@Example.ORG ", "alice@", "LICE"])
def test_a_search_leads_to_the_person_without_the_address_in_a_url(admin_client: Client, text: str) -> None:
    recipient, _ = left()
    assert found(admin_client, text) == f"{RECIPIENTS}{recipient.pk}/change/"


def test_a_phone_number_is_found_however_it_is_written(admin_client: Client) -> None:
    recipient = make_recipient(brand := make_brand(), "+14155550123", Channel.SMS)
    recipient.opt_out(make_topic(brand).pk, make_cause())
    assert found(admin_client, "+1 (415) 555-0123") == f"{RECIPIENTS}{recipient.pk}/change/"


def test_a_search_finds_a_person_at_every_brand(admin_client: Client) -> None:
    people = {left()[0].pk, left()[0].pk}
    left(address="bob@example.org")
    response = admin_client.get(found(admin_client, "alice@example.org"))
    assert {row.pk for row in response.context["cl"].result_list} == people


@pytest.mark.parametrize("text", ["bob@example.org", "xx", "", "100%", "\x00", "al\x00nobody"])
def test_a_search_that_finds_nobody_says_so(admin_client: Client, text: str) -> None:
    left()
    location = found(admin_client, text)
    assert location == RECIPIENTS
    assert "Nobody found" in page(admin_client, location)


def test_a_search_that_would_take_long_is_given_up(admin_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    brand = make_brand()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO preferences_recipient (id, brand_id, channel, address)"
            " SELECT gen_random_uuid(), %s, 'email', n || '@example.org' FROM generate_series(1, 60000) AS n",
            [brand.pk],
        )
    monkeypatch.setattr(finding, "_SECONDS", 0.001)
    assert "takes too long" in page(admin_client, found(admin_client, "nowhere"))


def test_a_typed_query_is_understood_too(admin_client: Client) -> None:
    recipient, _ = left()
    response = admin_client.get(f"{RECIPIENTS}?q=alice@example.org")
    assert [row.pk for row in response.context["cl"].result_list] == [recipient.pk]


def test_a_recipients_page_tells_state_ledger_and_reasons(admin_client: Client) -> None:
    settles_at = timezone.now() + timedelta(minutes=30)
    evidence = {"signals": [{"name": "x", "points": 1, "hard": False, "reason": "Came <b>soon</b>."}]}
    recipient, topic = left(source=Source.ARRIVAL, settles_at=settles_at, evidence=evidence)
    make_topic(topic.brand, "offers")
    recipient.suppress(SuppressionReason.ADMIN, make_cause(Source.ADMIN, actor="carol", reason="Asked by letter."))
    html = page(admin_client, f"{RECIPIENTS}{recipient.pk}/change/")
    for words in (
        "alice@example.org",
        "Left News",
        "arrival at the page",
        "provisional until",
        "Came &lt;b&gt;soon&lt;/b&gt;.",
        "Suppressed",
        "Asked by letter.",
        "carol",
        "Lift the suppression",
        "Nobody has opened a link of this person yet.",
    ):
        assert words in html
    assert re.findall(r"<strong>(yes|no)</strong>", html) == ["no", "no"]


def test_a_person_of_whom_nothing_is_stored_has_no_page(admin_client: Client) -> None:
    assert admin_client.get(f"{RECIPIENTS}{UUID(int=5)}/change/").status_code == 404


def test_the_list_shows_those_who_refused_tracking(admin_client: Client) -> None:
    brand = make_brand()
    left(brand, "alice@example.org")[0].refuse_tracking(make_cause())
    left(brand, "bob@example.org")
    assert "bob@example.org" in page(admin_client, RECIPIENTS)
    html = page(admin_client, f"{RECIPIENTS}?tracking=no")
    assert "alice@example.org" in html
    assert "bob@example.org" not in html
