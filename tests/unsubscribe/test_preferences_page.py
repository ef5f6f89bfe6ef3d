from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from preferences.models import PreferenceChange, Subscription
from preferences.models.recipients import SuppressionReason
from tests.makers import make_cause, make_topic
from tests.unsubscribe.makers import Mail, make_mail

pytestmark = pytest.mark.django_db


def save(client: Client, mail: Mail, fields: list[tuple[str, str]], path: str | None = None) -> str:
    url = path or f"/p/{mail.token('preferences')}"
    response = client.post(url, urlencode(fields), content_type="application/x-www-form-urlencoded")
    assert response.status_code == 200
    return response.content.decode()


def with_offers() -> tuple[Mail, Any]:
    mail = make_mail()
    return mail, make_topic(mail.brand, "offers", description="Once a month.")


SAVE = [("save", "shown")]
BOTH = [*SAVE, ("shown", "news"), ("shown", "offers")]


def test_it_shows_each_topic_as_it_is(client: Client) -> None:
    mail, _ = with_offers()
    mail.alice.opt_out(mail.topic.id, make_cause())
    page = client.get(f"/p/{mail.token('preferences')}").content.decode()
    assert 'value="news">' in page
    assert 'value="offers" checked>' in page
    assert "Once a month." in page
    assert "alice" not in page


def test_saving_changes_what_was_changed_and_says_so(client: Client) -> None:
    mail, _ = with_offers()
    page = save(client, mail, [*BOTH, ("topic", "offers")])
    assert mail.changes() == [("out", "preference_page")]
    assert "News: off" in page
    assert "Offers:" not in page


def test_saving_what_was_shown_changes_nothing(client: Client) -> None:
    """A robot that submits the first form of the page sends just this."""
    mail, _ = with_offers()
    assert "Nothing changed" in save(client, mail, [*BOTH, ("topic", "news"), ("topic", "offers")])
    assert mail.changes() == []


def test_a_topic_that_the_page_did_not_show_is_left_alone(client: Client) -> None:
    mail, _ = with_offers()
    save(client, mail, [*SAVE, ("shown", "news")])
    assert [row.topic.slug for row in Subscription.objects.all()] == ["news"]


def test_all_off_holds_for_everything(client: Client) -> None:
    mail, offers = with_offers()
    assert "You get nothing" in save(client, mail, [("all", "off")])
    assert mail.alice.receives([mail.topic, offers]) == {mail.topic.id: False, offers.id: False}
    assert mail.alice.is_suppressed()


def test_one_topic_comes_back_after_all_off_and_no_other(client: Client) -> None:
    mail, offers = with_offers()
    save(client, mail, [("all", "off")])
    save(client, mail, [*BOTH, ("topic", "offers")])
    assert mail.alice.receives([mail.topic, offers]) == {mail.topic.id: False, offers.id: True}


def test_one_topic_comes_back_after_an_imported_suppression_and_no_other(client: Client) -> None:
    mail, offers = with_offers()
    mail.alice.suppress(SuppressionReason.IMPORT, make_cause())
    save(client, mail, [*BOTH, ("topic", "news")])
    assert mail.alice.receives([mail.topic, offers]) == {mail.topic.id: True, offers.id: False}


def test_the_unsubscribe_link_leads_there_too(client: Client) -> None:
    mail, _ = with_offers()
    path = f"/u/{mail.token()}/preferences"
    assert f'action="{path}"' in client.get(path).content.decode()
    save(client, mail, [*BOTH, ("topic", "news")], path)
    assert PreferenceChange.objects.get().source == "preference_page"


def test_topics_of_another_brand_cannot_be_named(client: Client) -> None:
    mail, other = make_mail(), make_mail()
    make_topic(other.brand, "secret")
    assert "secret" not in save(
        client, mail, [*SAVE, ("shown", "secret"), ("topic", "secret"), ("shown", "news"), ("topic", "news")]
    )
    assert not PreferenceChange.objects.exists()


@pytest.mark.parametrize(
    "fields",
    [[], [("all", "yes")], [("topic", "news")], [("shown", "news")], [("save", ""), ("shown", "\x00"), ("all", "ON")]],
)
def test_a_form_of_no_page_of_ours_changes_nothing(client: Client, fields: list[tuple[str, str]]) -> None:
    mail = make_mail()
    save(client, mail, fields)
    assert not PreferenceChange.objects.exists()


def test_a_brand_without_topics_has_a_page(client: Client) -> None:
    mail = make_mail()
    mail.topic.delete()
    assert client.get(f"/p/{mail.token('preferences')}").status_code == 200
