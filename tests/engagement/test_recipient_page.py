"""The page of one recipient: what it says of pauses, frequencies and companions, and its deeds."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils.formats import date_format

from engagement.models import Interaction
from preferences.links import Channel
from preferences.models import (
    Companions,
    LeavingAnswer,
    LeavingReason,
    PreferenceChange,
    Recipient,
    Source,
    Subscription,
    Topic,
    Wish,
)
from preferences.models.subscriptions import today
from tests.engagement.makers import make_interaction
from tests.engagement.test_admin import assert_strict, page
from tests.makers import make_brand, make_cause, make_recipient, make_topic

pytestmark = pytest.mark.django_db
DAY = today() + timedelta(days=30)
SPOKEN = date_format(DAY, "j F Y")


@pytest.fixture
def news(db: None) -> Topic:
    return make_topic(make_brand())


@pytest.fixture
def alice(news: Topic) -> Recipient:
    """Stored, because she has joined the news."""
    make_recipient(news.brand).opt_in(news.pk, make_cause())
    return Recipient.objects.get()


def url_of(recipient: Recipient, deed: str = "") -> str:
    base = f"/admin/preferences/recipient/{recipient.pk}/"
    return f"{base}deed/{deed}" if deed else f"{base}change/"


def erasure_of(recipient: Recipient) -> str:
    return f"/admin/engagement/interaction/erase/{recipient.pk}/"


def words(client: Client, url: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page(client, url)).split())


def test_it_tells_how_often_and_until_when(admin_client: Client, alice: Recipient, news: Topic) -> None:
    alice.choose({news.pk: Wish(frequency="weekly", paused_until=DAY)}, make_cause())
    told = words(admin_client, url_of(alice))
    assert f"News no subscribed weekly digest paused until {SPOKEN} final" in told
    assert f"Wants News weekly; paused News until {SPOKEN}" in told
    assert "Opt out News · End the pause of News" in told


def test_it_tells_a_pause_of_everything(admin_client: Client, alice: Recipient) -> None:
    alice.pause(DAY, make_cause())
    told = words(admin_client, url_of(alice))
    assert f"Everything is paused until {SPOKEN}" in told
    assert "End the pause" in told
    assert "Pause everything" not in told


def test_it_tells_what_a_contract_requires(admin_client: Client, alice: Recipient, news: Topic) -> None:
    make_topic(news.brand, "bills", is_required=True)
    alice.leave_everything(make_cause())
    told = words(admin_client, url_of(alice))
    assert "No mail of any topic, but what a contract requires" in told
    assert "Bills required by contract yes in by default" in told


def test_it_leads_to_the_same_persons_other_address(admin_client: Client, alice: Recipient, news: Topic) -> None:
    phone = make_recipient(news.brand, "+14155550123", Channel.SMS)
    phone.opt_in(news.pk, make_cause())
    Companions.objects.create(email_id=alice.pk, phone_id=phone.pk, brand=news.brand)
    assert f'one person with <a href="{url_of(phone)}">+14155550123</a>' in " ".join(
        page(admin_client, url_of(alice)).split()
    )


@pytest.mark.parametrize(("reason", "text"), [("too_many", "Too many messages"), ("moved", "I have moved")])
def test_it_tells_why_they_left(admin_client: Client, alice: Recipient, news: Topic, reason: str, text: str) -> None:
    LeavingReason.objects.create(brand=news.brand, slug="moved", text="I have moved")
    answer = {"reason": reason, "comment": "<b>Every day!</b>", "change_id": 1, "channel": "email"}
    LeavingAnswer.objects.create(brand=news.brand, recipient=alice, topic=news, **answer)
    html = page(admin_client, url_of(alice))
    assert_strict(html)
    assert f"News: <strong>{text}</strong>, “&lt;b&gt;Every day!&lt;/b&gt;”" in html


def test_a_topic_is_paused_and_goes_on(admin_client: Client, alice: Recipient, news: Topic) -> None:
    page(admin_client, url_of(alice, f"pause/?topic={news.pk}"))
    assert Subscription.objects.get().paused_until is None
    admin_client.post(url_of(alice, f"pause/?topic={news.pk}"), {"reason": "On holiday.", "until": DAY})
    assert Subscription.objects.get().paused_until == DAY
    change = PreferenceChange.objects.newest_first()[0]
    assert (change.source, change.actor, change.reason) == (Source.ADMIN, "admin", "On holiday.")
    admin_client.post(url_of(alice, f"go-on/?topic={news.pk}"), {"reason": "Back."})
    assert Subscription.objects.get().paused_until is None


def test_everything_is_paused_and_goes_on(admin_client: Client, alice: Recipient) -> None:
    admin_client.post(url_of(alice, "pause/"), {"reason": "On holiday.", "until": DAY})
    assert alice.paused_until() == DAY
    assert SPOKEN in words(admin_client, url_of(alice, "go-on/"))
    admin_client.post(url_of(alice, "go-on/"), {"reason": "Back."})
    assert alice.paused_until() is None


@pytest.mark.parametrize("days", [0, -1, 367, None])
def test_a_pause_lasts_from_a_day_to_a_year(admin_client: Client, alice: Recipient, days: int | None) -> None:
    until = "" if days is None else today() + timedelta(days=days)
    response = admin_client.post(url_of(alice, "pause/"), {"reason": "x", "until": until})
    assert "errorlist" in response.content.decode()
    assert alice.paused_until() is None


def test_a_person_is_erased_by_post_and_with_a_reason(admin_client: Client, alice: Recipient, news: Topic) -> None:
    make_interaction(brand=news.brand, recipient_id=alice.pk)
    page(admin_client, erasure_of(alice))
    assert "This field is required" in admin_client.post(erasure_of(alice), {}).content.decode()
    assert Interaction.objects.exists()
    response = admin_client.post(erasure_of(alice), {"reason": "Asked by letter."}, follow=True)
    told = " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())
    assert "An erased person" in told
    assert "Erased: only what it takes to go on not writing is kept" in told
    assert not Interaction.objects.exists()
    assert Recipient.objects.get().address == ""
    assert PreferenceChange.objects.get().source == Source.ERASURE


def test_the_history_says_that_somebody_was_erased_and_not_who(admin_client: Client, alice: Recipient) -> None:
    admin_client.post(url_of(alice, "suppress/"), {"reason": "Asked by phone."})
    admin_client.post(erasure_of(alice), {"reason": "Asked by letter."})
    entries = [f"{entry.object_repr} {entry.get_change_message()}" for entry in LogEntry.objects.order_by("pk")]
    assert entries[-1] == "••• Erased: Asked by letter."
    assert "a•••" not in "".join(entries)


def test_nothing_more_is_done_to_who_was_erased(admin_client: Client, alice: Recipient, news: Topic) -> None:
    admin_client.post(erasure_of(alice), {"reason": "Asked by letter."})
    assert "/deed/" not in page(admin_client, url_of(alice))
    assert admin_client.post(erasure_of(alice), {"reason": "x"}).status_code == 404
    for deed in ("lift/", "pause/", f"opt-in/?topic={news.pk}"):
        assert admin_client.post(url_of(alice, deed), {"reason": "x", "until": DAY}).status_code == 404


def test_who_may_only_look_erases_nobody(client: Client, alice: Recipient) -> None:
    bob = User.objects.create_user("bob", is_staff=True)
    bob.user_permissions.set(Permission.objects.filter(codename__in=["view_recipient", "view_interaction"]))
    bob.brands.add(alice.brand_id)
    client.force_login(bob)
    assert "Erase" not in page(client, url_of(alice))
    assert client.post(erasure_of(alice), {"reason": "x"}).status_code == 403
    assert Recipient.objects.get().address
