"""The list of mailings, and what may be written of one by hand."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from engagement.models import Delivery, Mailing
from tests.engagement.dashboard_makers import ROOT, make_member
from tests.engagement.makers import make_mailing
from tests.makers import make_brand, make_topic

pytestmark = pytest.mark.django_db


def save(client: Client, mailing: Mailing, **fields: Any) -> Any:
    """Post the form of a mailing's page; return the response."""
    said = {"kind": "campaign", "channel": "email", "deliveries-TOTAL_FORMS": "0", "deliveries-INITIAL_FORMS": "0"}
    return client.post(f"{ROOT}{mailing.pk}/change/", said | fields)


def errors(response: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = response.context["adminform"].form.errors
    return found


def test_what_a_link_does_not_say_is_written_by_hand(admin_client: Client) -> None:
    mailing = make_mailing()
    topic = make_topic(mailing.brand)
    said = {"name": "Spring", "kind": "automation", "automation": "welcome", "channel": "sms", "topics": [topic.pk]}
    said |= {"sent_at_0": "2026-11-03", "sent_at_1": "12:00:00", "sent_count": "1000", "delivered_count": "990"}
    assert save(admin_client, mailing, **said).status_code == 302
    mailing.refresh_from_db()
    assert (mailing.name, mailing.kind, mailing.automation, mailing.channel) == (
        *("Spring", "automation", "welcome", "sms"),
    )
    assert (mailing.sent_count, mailing.delivered_count) == (1000, 990)
    assert mailing.sent_at
    assert mailing.sent_at.isoformat() == "2026-11-03T12:00:00+00:00"
    assert list(mailing.topics.all()) == [topic]


@pytest.mark.parametrize(
    ("fields", "name", "words"),
    [
        (
            {"sent_count": "10", "delivered_count": "11"},
            "delivered_count",
            "No more can be delivered than were sent (10).",
        ),
        ({"kind": "automation"}, "automation", "Say which automation this mail belongs to, such as welcome."),
        (
            {"automation": "welcome"},
            "automation",
            "A campaign belongs to no automation: leave this empty, or choose the other kind.",
        ),
        ({"delivered_count": "many"}, "delivered_count", "Enter a whole number."),
        ({"sent_at_0": "soon"}, "sent_at", "Enter a valid date."),
    ],
)
def test_what_cannot_be_is_said_to_be_wrong(
    admin_client: Client, fields: dict[str, str], name: str, words: str
) -> None:
    mailing = make_mailing()
    assert words in errors(save(admin_client, mailing, **fields))[name]
    mailing.refresh_from_db()
    assert (mailing.delivered_count, mailing.automation) == (None, "")


def test_a_topic_of_another_brand_cannot_be_named(admin_client: Client) -> None:
    mailing, topic = make_mailing(), make_topic(make_brand(), "strange")
    assert "topics" in errors(save(admin_client, mailing, topics=[topic.pk]))
    assert "Strange" not in admin_client.get(f"{ROOT}{mailing.pk}/change/").text


def test_counts_that_are_fed_day_by_day_are_shown_and_not_written(admin_client: Client) -> None:
    mailing = make_mailing(sent_count=100, delivered_count=90)
    fed = {"sent_on": date(2026, 11, 1), "sent_count": 100, "delivered_count": 90}
    delivery = Delivery.objects.create(mailing=mailing, segment="loyal", **fed)
    page = admin_client.get(f"{ROOT}{mailing.pk}/change/").text
    assert "loyal" in page
    assert "Added up from what was sent and delivered day by day" in page
    inline = {"deliveries-TOTAL_FORMS": "1", "deliveries-INITIAL_FORMS": "1", "deliveries-0-id": f"{delivery.pk}"}
    inline |= {"deliveries-0-sent_count": "7", "deliveries-0-DELETE": "on"}
    assert save(admin_client, mailing, sent_count="5", delivered_count="5", **inline).status_code == 302
    mailing.refresh_from_db()
    assert (mailing.sent_count, mailing.delivered_count) == (100, 90)
    assert Delivery.objects.get().sent_count == 100


def row(mailing: Mailing, delivered: str) -> dict[str, str]:
    form = {"form-TOTAL_FORMS": "1", "form-INITIAL_FORMS": "1", "form-0-id": f"{mailing.pk}", "_save": "Save"}
    return form | {"form-0-delivered_count": delivered}


def test_delivered_is_written_in_the_list(admin_client: Client) -> None:
    mailing = make_mailing(sent_count=100)
    admin_client.post(ROOT, row(mailing, "90"))
    mailing.refresh_from_db()
    assert mailing.delivered_count == 90
    text = admin_client.post(ROOT, row(mailing, "101")).text
    assert "No more can be delivered than were sent (100)." in text


def test_delivered_is_not_written_in_the_list_where_it_is_fed(admin_client: Client) -> None:
    mailing = make_mailing(sent_count=100, delivered_count=90)
    Delivery.objects.create(mailing=mailing, sent_on=date(2026, 11, 1), sent_count=100, delivered_count=90)
    admin_client.post(ROOT, row(mailing, "5"))
    mailing.refresh_from_db()
    assert mailing.delivered_count == 90


@pytest.mark.parametrize(
    "query",
    [
        {"kind__exact": "automation"},
        {"channel__exact": "sms"},
        {"automation": "welcome"},
        {"q": "wel"},
        {"q": "Hello"},
        {"topics__id__exact": "topic"},
        {"delivered_count__isempty": "0"},
    ],
)
def test_the_list_is_filtered_and_searched(admin_client: Client, query: dict[str, str]) -> None:
    brand = make_brand()
    topic = make_topic(brand)
    fields = {"kind": "automation", "automation": "welcome", "channel": "sms", "delivered_count": 5}
    found = make_mailing(brand, "welcome-1", name="Hello", **fields)
    found.topics.add(topic)
    make_mailing(brand, "spring")
    query = {name: f"{topic.pk}" if value == "topic" else value for name, value in query.items()}
    response = admin_client.get(ROOT, query)
    assert [row.slug for row in response.context["cl"].result_list] == ["welcome-1"]


def test_topics_of_several_brands_are_told_apart_in_the_filter(admin_client: Client, client: Client) -> None:
    own, other = make_brand(name="Letters"), make_brand(name="Shop")
    for brand in (own, other):
        make_mailing(brand, "m0").topics.add(make_topic(brand, "news", name="News"))
    text = admin_client.get(ROOT).text
    assert ">Letters: News</a>" in text
    assert ">Shop: News</a>" in text
    client.force_login(make_member(own, "view_mailing"))
    text = client.get(ROOT).text
    assert ">News</a>" in text
    assert "Shop" not in text


def test_the_newest_stands_first_by_when_it_was_sent(admin_client: Client) -> None:
    brand, now = make_brand(), timezone.now()
    make_mailing(brand, "old", sent_at=now - timedelta(days=9))
    make_mailing(brand, "seen")
    make_mailing(brand, "yesterday", sent_at=now - timedelta(days=1))
    response = admin_client.get(ROOT)
    assert [row.slug for row in response.context["cl"].result_list] == ["seen", "yesterday", "old"]


def test_no_other_brands_automations_are_suggested(client: Client) -> None:
    own, other = make_brand(), make_brand()
    make_mailing(own, "m0", kind="automation", automation="welcome")
    make_mailing(other, "m0", kind="automation", automation="secret")
    client.force_login(make_member(own, "view_mailing"))
    text = client.get(ROOT).text
    assert "welcome" in text
    assert "secret" not in text


def test_who_may_only_look_writes_nothing(client: Client) -> None:
    mailing = make_mailing()
    client.force_login(bob := make_member(mailing.brand, "view_mailing"))
    assert client.get(f"{ROOT}{mailing.pk}/change/").status_code == 200
    assert save(client, mailing, name="Spring").status_code == 403
    bob.user_permissions.add(Permission.objects.get(codename="change_mailing"))
    assert save(client, mailing, name="Spring").status_code == 302


def test_the_number_of_queries_does_not_grow_with_the_list(admin_client: Client) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            admin_client.get(ROOT)
        return len(queries)

    brand = make_brand()
    topic = make_topic(brand)
    make_mailing(brand, "first").topics.add(topic)
    before = asked()
    for number in range(20):
        make_mailing(brand, f"mailing-{number}").topics.add(topic)
    assert asked() <= before
