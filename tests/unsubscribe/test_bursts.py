"""The burst alarm: what is put before the operator, and what becomes of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.utils import timezone

from engagement.models import Mailing
from preferences.models import Brand, PreferenceChange, Recipient, Source, Subscription, Topic
from tests.makers import make_brand, make_cause, make_recipient, make_topic
from unsubscribe.bursts import OptOut, accept, alarm_of, alarms, decided_of, opt_outs_of, put_back, reverse

LIST = "/admin/unsubscribe/scannedmailing/"


def opt_outs(*groups: tuple[int, int | None, str]) -> list[OptOut]:
    """So many opt-outs each of an age and a network."""
    rows = [(age, network) for count, age, network in groups for _ in range(count)]
    return [OptOut(number, 1, "2026-11", age, network) for number, (age, network) in enumerate(rows)]


def scattered(count: int, age: int | None) -> list[OptOut]:
    return [OptOut(number, 1, "2026-11", age, f"10.0.{number}.0") for number in range(count)]


@pytest.mark.parametrize(
    ("rows", "reasons"),
    [
        (scattered(4, 5), 0),
        (scattered(5, 5), 1),
        (scattered(5, 119), 1),
        (scattered(5, 120), 0),
        (scattered(5, None), 0),
        (scattered(5, 5) + scattered(5, 9000), 1),
        (scattered(5, 5) + scattered(6, 9000), 0),
        (opt_outs((5, 9000, "192.0.2.0")), 1),
        (opt_outs((5, 5, "192.0.2.0")), 2),
        (opt_outs((9, 9000, "192.0.2.0"), (9, 9000, "198.51.100.0")), 1),
        (opt_outs((40, 9000, "")), 0),
    ],
)
def test_a_burst_is_told_by_time_and_by_networks(rows: list[OptOut], reasons: int) -> None:
    assert len(alarm_of(rows).reasons) == reasons


def burst(brand: Brand | None = None, count: int = 6, **evidence: Any) -> tuple[Mailing, list[Recipient], Topic]:
    """A mailing with so many provisional opt-outs, five seconds after their mails, from one network."""
    brand = brand or make_brand()
    topic = make_topic(brand)
    recipients = [make_recipient(brand, f"reader{number}@example.org") for number in range(count)]
    for recipient in recipients:
        shown = {"send_age": 5, "network": "192.0.2.0", "at": 1.0, "signals": []} | evidence
        settles_at = timezone.now() + timedelta(hours=1)
        recipient.opt_out(topic.id, make_cause(Source.ARRIVAL, evidence=shown, settles_at=settles_at))
    return Mailing.objects.create(brand=brand, slug="2026-11"), recipients, topic


def states(recipients: list[Recipient]) -> list[str]:
    ids = [recipient.id for recipient in recipients]
    return sorted(Subscription.objects.filter(recipient_id__in=ids).values_list("state", flat=True))


@pytest.mark.django_db
def test_a_mailing_is_put_before_the_operator_until_it_is_decided() -> None:
    mailing, recipients, _ = burst()
    assert [(alarm.mailing, alarm.count, alarm.soon_count) for alarm in alarms()] == [("2026-11", 6, 6)]
    ids = [row.id for row in opt_outs_of(mailing.brand_id, mailing.slug)]
    assert put_back(ids[:3], "scan of 9:00", "bob").changed_count == 3
    assert accept(ids[3:], "asked them", "bob").changed_count == 3
    assert states(recipients) == ["default"] * 3 + ["out"] * 3
    assert alarms() == []
    assert opt_outs_of(mailing.brand_id, mailing.slug) == []
    newest = PreferenceChange.objects.latest("id")
    assert (newest.source, newest.reason, newest.actor, newest.settles_at) == ("admin", "asked them", "bob", None)


@pytest.mark.django_db
def test_every_decision_can_be_reversed() -> None:
    mailing, recipients, _ = burst(count=6)
    ids = [row.id for row in opt_outs_of(mailing.brand_id, mailing.slug)]
    put_back(ids[:2], "robots", "bob")
    accept(ids[2:], "people", "bob")
    decided = [row.id for row in decided_of(mailing.brand_id, mailing.slug)]
    assert len(decided) == 6
    assert reverse(decided, "the other way round", "bob").changed_count == 6
    assert states(recipients) == ["default"] * 4 + ["out"] * 2
    assert len(decided_of(mailing.brand_id, mailing.slug)) == 6


@pytest.mark.django_db
def test_what_changed_meanwhile_is_left_alone() -> None:
    mailing, [alice, *_], topic = burst()
    ids = [row.id for row in opt_outs_of(mailing.brand_id, mailing.slug)]
    alice.opt_out(topic.id, make_cause(Source.ONE_CLICK))
    decision = put_back(ids, "robots", "bob")
    assert (decision.changed_count, decision.passed_count) == (5, 1)
    assert alice.standing(topic.id).state == "out"
    assert accept(ids, "again", "bob").changed_count == 0


@pytest.mark.django_db
def test_what_became_final_overnight_can_still_be_decided() -> None:
    mailing, recipients, _ = burst()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE preferences_preferencechange SET settles_at = now() - interval '2 hours'")
        cursor.execute("UPDATE preferences_subscription SET settles_at = now() - interval '2 hours'")
    ids = [row.id for row in opt_outs_of(mailing.brand_id, mailing.slug)]
    assert accept(ids[:1], "a person", "bob").changed_count == 1
    assert put_back(ids[1:], "robots", "bob").changed_count == 5
    assert states(recipients) == ["default"] * 5 + ["out"]


# The pages


@pytest.mark.django_db
def test_the_list_says_why_and_leads_to_the_opt_outs(admin_client: Client) -> None:
    mailing, _, _ = burst()
    page = admin_client.get(LIST).content.decode()
    assert f"{LIST}{mailing.pk}/change/" in page
    assert "6 of 6 came within two minutes of their own mail" in page
    assert "6 of 6 came from one network" in page


@pytest.mark.django_db
def test_an_empty_list_says_what_would_be_in_it(admin_client: Client) -> None:
    assert "Nothing looks like a scan." in admin_client.get(LIST).content.decode()


@pytest.mark.django_db
def test_one_action_puts_the_selected_back_with_a_reason(admin_client: Client) -> None:
    mailing, recipients, _ = burst()
    url = f"{LIST}{mailing.pk}/change/"
    page = admin_client.get(url).content.decode()
    assert "r•••@e•••.org" in page
    assert "reader1@" not in page
    ids = [row.id for row in opt_outs_of(mailing.brand_id, mailing.slug)]
    done = admin_client.post(url, {"deed": "put_back", "change": ids[:4], "reason": "scan"}, follow=True)
    assert "4 opt-outs were put back on the list." in done.content.decode()
    assert states(recipients) == ["default"] * 4 + ["out"] * 2
    decided = [row.id for row in decided_of(mailing.brand_id, mailing.slug)]
    admin_client.post(url, {"deed": "reverse", "change": decided[:1], "reason": "a person"})
    assert states(recipients) == ["default"] * 3 + ["out"] * 3


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"deed": "put_back", "reason": "scan"}, "Select at least one opt-out."),
        ({"deed": "put_back", "change": ["1"], "reason": ""}, "This field is required."),
        ({"deed": "put_back", "change": ["999999999"], "reason": "x"}, "999999999 is not one of the available"),
        ({"deed": "delete", "change": ["1"], "reason": "x"}, "delete is not one of the available"),
    ],
)
def test_a_form_that_says_too_little_changes_nothing(admin_client: Client, fields: Any, message: str) -> None:
    mailing, recipients, _ = burst()
    page = admin_client.post(f"{LIST}{mailing.pk}/change/", fields).content.decode()
    assert "Nothing was changed." in page
    assert message in page
    assert states(recipients) == ["out"] * 6


@pytest.mark.django_db
def test_a_change_of_another_mailing_cannot_be_decided_here(admin_client: Client) -> None:
    mailing, _, _ = burst()
    _, others, _ = burst()
    foreign = PreferenceChange.objects.filter(recipient_id=others[0].id).get()
    admin_client.post(f"{LIST}{mailing.pk}/change/", {"deed": "put_back", "change": [foreign.id], "reason": "x"})
    assert states(others) == ["out"] * 6


@pytest.mark.django_db
def test_who_may_only_look_decides_nothing(client: Client) -> None:
    mailing, recipients, _ = burst()
    bob = User.objects.create_user("bob", is_staff=True)
    client.force_login(bob)
    assert client.get(LIST).status_code == 403
    bob.user_permissions.set(Permission.objects.filter(codename="view_scannedmailing"))
    mailing.brand.members.add(bob)
    page = client.get(f"{LIST}{mailing.pk}/change/")
    assert page.status_code == 200
    assert "Put the selected back" not in page.content.decode()
    ids = [row.id for row in opt_outs_of(mailing.brand_id, mailing.slug)]
    url = f"{LIST}{mailing.pk}/change/"
    assert client.post(url, {"deed": "put_back", "change": ids, "reason": "x"}).status_code == 403
    assert states(recipients) == ["out"] * 6
