"""Text messages have no picture: they are in no rate of opens, and their pages do not speak of any."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from engagement.models import Delivery, Mailing
from preferences.models import Brand
from tests.engagement.dashboard_makers import cells, count_everything, make_event, shown, table, tile
from tests.engagement.makers import make_mailing
from tests.makers import make_brand

pytestmark = pytest.mark.django_db


def make_mail_and_text(**fields: Any) -> Brand:
    """A mail to 100, 40 of whom opened and 10 clicked, and a text message to 300, 30 of whom clicked."""
    brand = make_brand()
    sent_at = timezone.localtime().replace(hour=12) - timedelta(days=2)
    for slug, channel, delivered in (("mail", "email", 100), ("text", "sms", 300)):
        mailing = make_mailing(
            brand, slug, channel=channel, sent_count=delivered, delivered_count=delivered, sent_at=sent_at, **fields
        )
        Delivery.objects.create(
            mailing=mailing, segment="loyal", sent_on=timezone.localdate(sent_at), sent_count=delivered,
            delivered_count=delivered,
        )  # fmt: skip
    for person in range(40):
        make_event(brand, "mail", "open", person, segment="loyal", occurred_at=sent_at)
    for person in range(10):
        make_event(brand, "mail", "click", person, segment="loyal")
    for person in range(30):
        make_event(brand, "text", "click", 100 + person, segment="loyal", channel="sms")
    count_everything()
    return brand


def test_rates_of_opens_are_of_mails(admin_client: Client) -> None:
    make_mail_and_text()
    context = shown(admin_client, "overview/")
    assert tile(context, "Delivered") == {"": "400"}
    assert tile(context, "Open rate")["people"] == "40.0%"
    assert tile(context, "Click-through rate")["people"] == "10.0%"
    assert tile(context, "Click-to-open rate")["people"] == "25.0%"


def test_a_text_messages_row_tells_of_no_opens(admin_client: Client) -> None:
    make_mail_and_text()
    found = cells(shown(admin_client, "overview/"), "mailings")
    assert found["text"][1:8] == (300, "–", "–", "–", 30, 30, "10.0%")
    assert found["mail"][1:5] == (100, 40, 40, "40.0%")


def test_a_text_messages_page_has_no_rates_of_opens(admin_client: Client) -> None:
    make_mail_and_text()
    rates = {
        slug: [one.name for one in shown(admin_client, f"{Mailing.objects.get(slug=slug).pk}/figures/")["rates"]]
        for slug in ("mail", "text")
    }
    assert rates["text"] == ["Delivered", "Clicked", "Click-through rate"]
    assert set(rates["mail"]) > {"Opened", "Open rate", "Click-to-open rate"}


def test_a_text_messages_page_has_no_stage_chart_or_column_of_opens(admin_client: Client) -> None:
    make_mail_and_text()
    pages = {slug: f"{Mailing.objects.get(slug=slug).pk}/figures/" for slug in ("mail", "text")}
    found = {slug: shown(admin_client, page) for slug, page in pages.items()}
    assert list(cells(found["mail"], "funnel"))[:3] == ["Delivered", "Opened", "Clicked"]
    assert list(cells(found["text"], "funnel"))[:2] == ["Delivered", "Clicked"]
    assert [one.slug for one in found["mail"]["paces"]] == ["open-pace", "click-pace", "visit-pace"]
    assert [one.slug for one in found["text"]["paces"]] == ["click-pace", "visit-pace"]
    assert cells(found["mail"], "segments")["loyal"] == (100, 40, 40, "40.0%", 10, 10, "10.0%", 0)
    assert cells(found["text"], "segments")["loyal"] == (300, 30, 30, "10.0%", 0)
    assert not any("pened" in name for name in table(found["text"], "segments").columns)


def test_a_segments_open_rate_is_of_its_mails(admin_client: Client) -> None:
    make_mail_and_text()
    context = shown(admin_client, "segments/")
    assert cells(context, "open-rates")["loyal"][0] == "40.0%"
    assert cells(context, "click-rates")["loyal"][0] == "10.0%"


def test_an_automations_open_rate_is_of_its_mails(admin_client: Client) -> None:
    make_mail_and_text(kind=Mailing.Kind.AUTOMATION, automation="welcome")
    context = shown(admin_client, "automations/")
    assert tile(context, "Open rate")["people"] == "40.0%"
    assert cells(context, "automations")["welcome"][5] == "40.0%"
    assert [row.cells[4] for row in context["table"]["time"].rows if row.cells[1] == 400] == ["40.0%"]


def test_a_text_message_that_was_given_a_picture_is_shown_with_it(admin_client: Client) -> None:
    brand = make_mail_and_text()
    make_event(brand, "text", "open", 100, channel="sms")
    count_everything()
    assert cells(shown(admin_client, "overview/"), "mailings")["text"][2:5] == (1, 1, "0.3%")
