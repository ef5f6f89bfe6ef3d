"""Settling opt-ins: whom a robot subscribed is taken off again exactly, and no person's wish is touched."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from engagement.recording.recorder import recorder
from preferences.models import Person, PreferenceChange, Source, Subscription, Suppression
from preferences.models.subscriptions import SuppressionReason
from preferences.replay import differing
from tests.makers import make_cause, make_topic
from tests.unsubscribe.joining import ask, make_offer
from tests.unsubscribe.joining import press as press_by_hand
from tests.unsubscribe.makers import PERSON, Mail, arrive, make_mail, nonce_of
from tests.unsubscribe.robots import FORM, HOME, OFFICE, OTHER_PROGRAM, hide_and_seek, row_of, settled, shift
from unsubscribe.refuting import claims_of
from unsubscribe.settling import Review, restore, sweep

pytestmark = pytest.mark.django_db

JOINED, OFF_AGAIN = ("in", "arrival"), ("default", "reinstatement")


@pytest.fixture(autouse=True)
def behind_a_proxy(settings: Any) -> None:
    settings.FAREWELL_TRUSTED_PROXY_COUNT = 1


def press(client: Client, token: str, page: Any = None, **headers: str) -> None:
    nonce = nonce_of(client.get(f"/j/{token}", headers=headers))
    fields = f"choice=join&nonce={nonce}" + (f"&page={json.dumps(page)}" if page is not None else "")
    assert client.post(f"/j/{token}/confirm", fields, content_type=FORM, headers=headers).status_code == 200


def test_the_hidden_link_takes_the_same_visitors_opt_in_back(client: Client) -> None:
    mail = make_offer()
    assert ask(client, mail.token("opt_in"), PERSON, **HOME)["answer"] == "done"
    assert settled().reinstated_count == 0
    hide_and_seek(client, mail)
    assert settled() == Review(suspected_count=1, reinstated_count=1)
    assert mail.changes() == [JOINED, OFF_AGAIN]
    joined, back = PreferenceChange.objects.order_by("id")
    assert back.reason == "A robot had begun it."
    assert back.evidence["refuted"] == [joined.id]
    assert back.evidence["signals"][0]["name"] == "hidden_link"
    assert len(back.evidence["interactions"]) == 3  # the page, its script and the hidden link


def test_all_links_of_the_mail_within_seconds_are_a_robots(client: Client) -> None:
    mail = make_offer()
    ask(client, mail.token("opt_in"), PERSON, **HOME)
    client.get(f"/p/{mail.token('preferences')}", headers=HOME)
    assert settled().reinstated_count == 1
    assert PreferenceChange.objects.latest("id").evidence["signals"][0]["name"] == "links_in_a_burst"


def test_two_links_to_subscribe_opened_at_once_are_a_robots(client: Client) -> None:
    mail = make_offer()
    make_topic(mail.brand, "offers", is_default_in=False)
    for topic in ("news", "offers"):
        ask(client, mail.token("opt_in", topic=topic), PERSON, **HOME)
    settled()
    assert not Subscription.objects.filter(state="in").exists()


def test_the_same_program_at_ten_recipients_is_a_robot_from_the_first(client: Client) -> None:
    mail = make_offer()
    for number in range(10):
        ask(client, mail.token("opt_in", address=f"person{number}@example{number}.org"), PERSON, **HOME)
    assert settled().reinstated_count >= 9
    assert not Subscription.objects.filter(state="in").exists()


def test_a_page_that_says_later_that_it_is_driven_takes_its_own_opt_in_back(client: Client) -> None:
    mail = make_offer()
    token = mail.token("opt_in")
    nonce = nonce_of(client.get(f"/j/{token}", headers=HOME))
    ask(client, token, PERSON, nonce, **HOME)
    ask(client, token, PERSON | {"webdriver": True}, nonce, **HOME)
    assert settled().reinstated_count == 1


def test_a_page_whose_clock_was_pushed_later_on_is_a_robots(client: Client) -> None:
    mail = make_offer()
    token = mail.token("opt_in")
    nonce = nonce_of(client.get(f"/j/{token}", headers=HOME))
    ask(client, token, PERSON | {"elapsed": 300}, nonce, **HOME)
    ask(client, token, PERSON | {"elapsed": 40_300}, nonce, **HOME)
    assert settled().reinstated_count == 1


@pytest.mark.parametrize("other", [OFFICE, OTHER_PROGRAM])
def test_another_visitors_evidence_touches_nothing(client: Client, other: dict[str, str]) -> None:
    mail = make_offer()
    ask(client, mail.token("opt_in"), PERSON, **HOME)
    hide_and_seek(client, mail, **other)
    assert settled().reinstated_count == 0
    assert mail.changes() == [JOINED]


@pytest.mark.parametrize(
    ("page", "is_robot"),
    [
        ({"webdriver": True, "presence": {"presses": 1}}, True),
        ({"presence": {"presses": 0, "untrusted": 1}}, True),
        ({"presence": {"presses": 1}}, False),
        (None, False),
    ],
)
def test_a_press_is_honoured_and_a_robots_is_taken_back(client: Client, page: Any, is_robot: bool) -> None:
    mail = make_offer()
    press(client, mail.token("opt_in"), page, **HOME)
    assert mail.state() == "in"
    settled()
    assert mail.state() == ("default" if is_robot else "in")


# What was before


def test_who_had_left_has_left_as_before(client: Client) -> None:
    mail = make_mail(age=-60)
    mail.alice.opt_in(mail.topic.id, make_cause(Source.API))
    mail.alice.opt_out(mail.topic.id, make_cause())
    kept = ("state", "previous_state", "changed_at", "settles_at")
    was = Subscription.objects.filter(recipient_id=mail.alice.id).values(*kept).get()
    ask(client, mail.token("opt_in"), PERSON, **HOME)
    assert mail.state() == "in"
    hide_and_seek(client, mail)
    settled()
    assert Subscription.objects.filter(recipient_id=mail.alice.id).values(*kept).get() == was
    assert list(differing([mail.alice.id])) == []


def test_who_had_left_everything_is_suppressed_again_and_comes_back_to_all(client: Client) -> None:
    """Only a press ends a suppression; when it was a robot's, the suppression stands again as it stood."""
    mail = make_offer()
    offers, required = make_topic(mail.brand, "offers"), make_topic(mail.brand, "bills", is_required=True)
    mail.alice.leave_everything(make_cause())
    press(client, mail.token("opt_in"), {"webdriver": True, "presence": {"presses": 1}}, **HOME)
    assert not Suppression.objects.exists()
    settled()
    assert Suppression.objects.get().reason == "everything"
    topics = [mail.topic, offers, required]
    assert mail.alice.receives(topics) == {mail.topic.id: False, offers.id: False, required.id: True}
    assert list(differing([mail.alice.id])) == []
    mail.alice.lift_suppression(make_cause(Source.ADMIN))
    assert mail.state() == "out"


def test_a_suppression_that_others_ended_since_is_not_put_back(client: Client) -> None:
    mail = make_offer()
    mail.alice.leave_everything(make_cause())
    press_by_hand(client, mail.token("opt_in"))
    mail.alice.opt_out(mail.topic.id, make_cause())
    mail.alice.opt_in(mail.topic.id, make_cause(Source.API))
    mail.alice.undo_opt_in(mail.topic.id, make_cause(Source.UNDO))
    assert mail.state() == "out"


def test_what_an_operators_suppression_held_back_is_as_it_was(client: Client) -> None:
    mail = make_offer()
    offers = make_topic(mail.brand, "offers")
    mail.alice.suppress(SuppressionReason.ADMIN, make_cause(Source.ADMIN))
    press(client, mail.token("opt_in"), {"webdriver": True, "presence": {"presses": 1}}, **HOME)
    settled()
    assert Suppression.objects.get().reason == "admin"
    mail.alice.lift_suppression(make_cause(Source.ADMIN))
    assert mail.alice.receives([mail.topic, offers]) == {mail.topic.id: False, offers.id: True}


def test_who_comes_back_to_all_comes_back_to_what_leaving_everything_had_ended(client: Client) -> None:
    mail = make_offer()
    offers, surveys = make_topic(mail.brand, "offers"), make_topic(mail.brand, "surveys")
    mail.alice.opt_out(mail.topic.id, make_cause())
    Person.behind(mail.alice).leave_everything(make_cause())
    for topic in ("news", "offers"):
        press(client, mail.token("opt_in", topic=topic), {"webdriver": True, "presence": {"presses": 1}}, **HOME)
        settled()
    Person.behind(mail.alice).come_back(make_cause())
    expected = {mail.topic.id: False, offers.id: True, surveys.id: True}
    assert mail.alice.receives([mail.topic, offers, surveys]) == expected


# A final door in between


def by_hand(client: Client, mail: Mail) -> None:
    press(client, mail.token("opt_in"), PERSON | {"presence": {"presses": 1}}, **HOME)


def without_javascript(client: Client, mail: Mail) -> None:
    press(client, mail.token("opt_in"), **HOME)


def by_the_brand(client: Client, mail: Mail) -> None:
    mail.alice.opt_in(mail.topic.id, make_cause(Source.API))


@pytest.mark.parametrize("door", [by_hand, without_javascript, by_the_brand])
def test_an_opt_in_that_a_final_door_repeats_is_never_taken_back(client: Client, door: Any) -> None:
    mail = make_offer()
    ask(client, mail.token("opt_in"), PERSON, **HOME)
    settled()
    door(client, mail)
    hide_and_seek(client, mail)
    assert settled().reinstated_count == 0
    assert sweep(is_late=True).reinstated_count == 0
    assert mail.state() == "in"


def test_what_came_after_by_any_verb_is_left_alone(client: Client) -> None:
    mail = make_offer()
    token = mail.token("opt_in")
    undo = ask(client, token, PERSON, **HOME)["undo"]
    client.post(f"/j/{token}/undo", f"nonce={undo}", content_type=FORM, headers=HOME)
    mail.alice.opt_in(mail.topic.id, make_cause(Source.API))
    hide_and_seek(client, mail)
    settled()
    assert mail.changes() == [JOINED, ("default", "undo"), ("in", "api")]


def test_whom_a_robot_had_subscribed_gets_in_by_one_click_later(client: Client) -> None:
    mail = make_offer()
    ask(client, mail.token("opt_in"), PERSON, **OFFICE)
    hide_and_seek(client, mail, **OFFICE)
    settled()
    assert ask(client, mail.token("opt_in"), PERSON, **HOME)["answer"] == "done"
    assert settled().reinstated_count == 0
    assert mail.changes() == [JOINED, OFF_AGAIN, JOINED]


# Several visitors


def test_a_person_who_subscribes_after_a_robot_did_stays_subscribed(client: Client) -> None:
    mail = make_offer()
    ask(client, mail.token("opt_in"), PERSON, **OFFICE)
    assert ask(client, mail.token("opt_in"), PERSON, **HOME)["answer"] == "done"
    hide_and_seek(client, mail, **OFFICE)
    assert settled().reinstated_count == 0
    assert mail.changes() == [JOINED, JOINED]


def test_two_robots_are_taken_back_together(client: Client) -> None:
    mail = make_mail(age=-60)
    mail.alice.opt_out(mail.topic.id, make_cause(Source.API))
    for network in (HOME, OFFICE):
        assert ask(client, mail.token("opt_in"), PERSON, **network)["answer"] == "done"
    hide_and_seek(client, mail, **OFFICE)
    assert settled().reinstated_count == 0
    hide_and_seek(client, mail)
    assert settled().reinstated_count == 1
    assert row_of(mail) == {"state": "out", "previous_state": "default"}
    assert len(PreferenceChange.objects.latest("id").evidence["refuted"]) == 2


# One robot in and out


def test_who_was_subscribed_and_taken_off_by_one_robot_is_as_before_it_came(client: Client) -> None:
    """The opt-out is put back first, and what it had ended is provisional again until its own window's end."""
    mail = make_offer()
    ask(client, mail.token("opt_in"), PERSON, **HOME)
    joined = PreferenceChange.objects.get()
    assert arrive(client, mail.token(), PERSON, **HOME)["answer"] == "done"
    hide_and_seek(client, mail)
    recorder.flush()
    assert sweep().reinstated_count >= 1
    sweep()
    assert row_of(mail) == {"state": "default", "previous_state": "default"}
    assert mail.changes() == [JOINED, ("out", "arrival"), ("in", "reinstatement"), OFF_AGAIN]
    again, off = PreferenceChange.objects.order_by("id")[2:]
    assert again.settles_at == joined.settles_at
    assert again.evidence["restores"] == joined.id
    assert off.evidence["refuted"] == [joined.id]
    assert list(differing([mail.alice.id])) == []


def test_a_persons_opt_in_outlives_the_robot_that_ended_it(client: Client) -> None:
    mail = make_offer()
    ask(client, mail.token("opt_in"), PERSON, **HOME)
    arrive(client, mail.token(), PERSON, **OFFICE)
    hide_and_seek(client, mail, **OFFICE)
    settled()
    assert mail.state() == "in"
    hide_and_seek(client, mail, **OFFICE)
    settled()
    assert sweep(is_late=True).reinstated_count == 0
    assert mail.changes() == [JOINED, ("out", "arrival"), ("in", "reinstatement")]


# Time


def test_after_its_window_an_opt_in_is_final_without_anyone_doing_anything(client: Client) -> None:
    mail = make_offer()
    ask(client, mail.token("opt_in"), PERSON, **HOME)
    settled()
    shift(mail, minutes=61)
    assert not PreferenceChange.objects.get().is_provisional_at(timezone.now())
    hide_and_seek(client, mail)
    assert settled().reinstated_count == 0
    assert sweep(is_late=True).reinstated_count == 0
    assert mail.state() == "in"


@pytest.mark.parametrize(("hours", "count"), [(20, 1), (49, 0)])
def test_evidence_that_was_not_looked_at_in_time_is_found_within_two_days(
    client: Client, hours: int, count: int
) -> None:
    mail = make_offer()
    ask(client, mail.token("opt_in"), PERSON, **HOME)
    hide_and_seek(client, mail)
    recorder.flush()
    recorder.take_written()  # a crash: what was written is never reviewed
    shift(mail, hours=hours)
    assert sweep().reinstated_count == 0
    assert sweep(is_late=True).reinstated_count == count


def test_a_second_look_finds_nothing_to_do(client: Client) -> None:
    mail = make_offer()
    ask(client, mail.token("opt_in"), PERSON, **HOME)
    hide_and_seek(client, mail)
    settled()
    assert sweep(is_late=True) == Review()


@pytest.mark.parametrize("is_robots", [True, False])
def test_what_was_on_beneath_a_suppression_is_so_again_when_the_press_is_taken_back(is_robots: bool) -> None:
    """By evidence, or by the person's own undo: neither the suppression is lifted for ever, nor the topic ended."""
    mail = make_mail()
    mail.alice.opt_in(mail.topic.id, make_cause())
    mail.alice.suppress(SuppressionReason.ADMIN, make_cause(Source.ADMIN))
    held = ("state", "previous_state", "changed_at", "settles_at")
    rows = Subscription.objects.filter(recipient_id=mail.alice.id)
    was = list(rows.values_list(*held))
    settles_at = timezone.now() + timedelta(hours=1) if is_robots else None
    mail.alice.opt_in(mail.topic.id, make_cause(Source.CONFIRM_BUTTON, evidence={"visit": 7}, settles_at=settles_at))
    assert not mail.alice.is_suppressed()
    if is_robots:
        change_id = rows.get().change_id
        assert restore(change_id, claims_of(change_id), make_cause(Source.REINSTATEMENT)).has_changed
    else:
        assert mail.alice.undo_opt_in(mail.topic.id, make_cause(Source.UNDO)).has_changed
    assert list(rows.values_list(*held)) == was
    assert Suppression.objects.get(recipient_id=mail.alice.id).reason == SuppressionReason.ADMIN
