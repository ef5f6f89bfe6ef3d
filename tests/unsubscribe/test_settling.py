"""Settling: what a robot ended is put back when evidence shows it, and nobody else's wish is touched."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from engagement.recording.recorder import WRITTEN_KEPT, recorder
from engagement.recording.rows import Written
from preferences.links import Channel
from preferences.models import PreferenceChange, Recipient, Source, State, Subscription
from tests.makers import make_cause
from tests.unsubscribe.makers import PERSON, Mail, arrive, make_mail, nonce_of
from tests.unsubscribe.robots import FORM, HOME, OFFICE, OTHER_PROGRAM, hide_and_seek, row_of, settled, shift
from unsubscribe.settling import Review, settler, sweep

pytestmark = pytest.mark.django_db

STILL = {"visible": True, "focused": True, "presence": {"spots": 1}}
LEFT, BACK = ("out", "arrival"), ("default", "reinstatement")


@pytest.fixture(autouse=True)
def behind_a_proxy(settings: Any) -> None:
    settings.FAREWELL_TRUSTED_PROXY_COUNT = 1


def press(client: Client, token: str, page: Any = None, **headers: str) -> None:
    nonce = nonce_of(client.get(f"/u/{token}", headers=headers))
    fields = f"choice=leave&nonce={nonce}" + (f"&page={json.dumps(page)}" if page is not None else "")
    assert client.post(f"/u/{token}/confirm", fields, content_type=FORM, headers=headers).status_code == 200


def test_the_hidden_link_puts_the_same_visitors_opt_out_back(client: Client) -> None:
    mail = make_mail()
    assert arrive(client, mail.token(), STILL, **HOME)["answer"] == "done"
    assert settled().reinstated_count == 0
    hide_and_seek(client, mail)
    assert settled() == Review(suspected_count=1, reinstated_count=1)
    assert mail.changes() == [LEFT, BACK]
    left, back = PreferenceChange.objects.order_by("id")
    assert back.evidence["refuted"] == [left.id]
    assert back.evidence["signals"][0]["name"] == "hidden_link"
    assert len(back.evidence["interactions"]) == 3  # the page, its script and the hidden link
    assert back.mailing == "2026-11"


def test_a_stealthy_robot_with_a_good_hand_is_put_back_by_its_own_hidden_visit(client: Client) -> None:
    mail = make_mail()
    arrive(client, mail.token(), PERSON, **HOME)
    hide_and_seek(client, mail)
    assert settled().reinstated_count == 1


def test_another_visitors_evidence_touches_nothing(client: Client) -> None:
    mail = make_mail()
    arrive(client, mail.token(), STILL, **HOME)
    hide_and_seek(client, mail, **OFFICE)
    hide_and_seek(client, mail, address="bob@example.org")
    assert settled().reinstated_count == 0
    assert mail.changes() == [LEFT]


def test_a_household_of_ipv6_is_one_visitor(client: Client) -> None:
    """A /64 is one household's, and its computers change the rest of their addresses every day."""
    mail = make_mail()
    arrive(client, mail.token(), STILL, **{"x-forwarded-for": "2001:db8:1:2:aaaa::1"})
    hide_and_seek(client, mail, **{"x-forwarded-for": "2001:db8:1:3::1"})
    assert settled().reinstated_count == 0
    hide_and_seek(client, mail, **{"x-forwarded-for": "2001:db8:1:2:bbbb::2"})
    assert settled().reinstated_count == 1


def test_another_mails_evidence_touches_nothing(client: Client) -> None:
    mail = make_mail()
    arrive(client, mail.token(), STILL, **HOME)
    client.get(f"/h/{mail.token('hidden', mailing='2026-10')}", headers=HOME)
    assert settled().reinstated_count == 0


@pytest.mark.parametrize("page", [PERSON, STILL])
def test_an_offices_scanner_beside_a_person_touches_nothing(client: Client, page: Any) -> None:
    mail = make_mail()
    arrive(client, mail.token(), page, **HOME)
    hide_and_seek(client, mail, **OTHER_PROGRAM)
    assert settled().reinstated_count == 0


def test_a_page_whose_clock_was_pushed_later_on_is_a_robots(client: Client) -> None:
    """A capture engine waits for what a page does after a while, and lets that while pass at once."""
    mail = make_mail()
    token = mail.token()
    nonce = nonce_of(client.get(f"/u/{token}", headers=HOME))
    assert arrive(client, token, STILL | {"elapsed": 300}, nonce, **HOME)["answer"] == "done"
    arrive(client, token, STILL | {"elapsed": 40_300}, nonce, **HOME)
    assert settled().reinstated_count == 1


def test_a_press_is_not_put_back_for_a_clock(client: Client) -> None:
    """A page's clock may be wrong for a person, too; their press is final all the same, or stays."""
    mail = make_mail()
    token = mail.token()
    nonce = nonce_of(client.get(f"/u/{token}", headers=HOME))
    wrong = {"elapsed": 90_000, "presence": {"presses": 1}}
    assert arrive(client, token, STILL | wrong, nonce, **HOME)["answer"] == "ask"
    fields = f"choice=leave&nonce={nonce}&page={json.dumps(STILL | wrong)}"
    client.post(f"/u/{token}/confirm", fields, content_type=FORM, headers=HOME)
    assert settled().reinstated_count == 0
    assert mail.state() == "out"


@pytest.mark.parametrize("before", [State.IN, State.DEFAULT])
def test_the_subscription_is_exactly_what_it_was(client: Client, before: State) -> None:
    mail = make_mail(age=-60)
    if before is State.IN:
        mail.alice.opt_in(mail.topic.id, make_cause(Source.API))
    was = Subscription.objects.filter(recipient_id=mail.alice.id).values("state", "previous_state", "changed_at")
    was_rows = list(was)
    arrive(client, mail.token(), PERSON, **HOME)
    hide_and_seek(client, mail)
    settled()
    is_rows = list(was.all())
    assert is_rows == was_rows or (not was_rows and row_of(mail) == {"state": "default", "previous_state": "default"})


def test_whom_a_robot_had_ended_leaves_by_one_click_later(client: Client) -> None:
    mail = make_mail()
    arrive(client, mail.token(), STILL, **OFFICE)
    hide_and_seek(client, mail, **OFFICE)
    settled()
    assert mail.state() == "default"
    assert arrive(client, mail.token(), STILL, **HOME)["answer"] == "done"
    assert settled().reinstated_count == 0
    assert mail.changes() == [LEFT, BACK, LEFT]


# A final door in between


def one_click(client: Client, mail: Mail) -> None:
    client.post(f"/o/{mail.token('one_click')}", "List-Unsubscribe=One-Click", content_type=FORM)


def human_press(client: Client, mail: Mail) -> None:
    press(client, mail.token(), PERSON | {"presence": {"presses": 1}}, **HOME)


def press_without_javascript(client: Client, mail: Mail) -> None:
    press(client, mail.token(), **HOME)


def preference_page(client: Client, mail: Mail) -> None:
    response = client.post(
        f"/p/{mail.token('preferences')}", f"shown={mail.topic.id}-e0-&save=", content_type=FORM, headers=OFFICE
    )
    assert response.status_code == 200


@pytest.mark.parametrize("door", [one_click, human_press, press_without_javascript, preference_page])
def test_an_opt_out_that_a_final_door_repeats_is_never_put_back(client: Client, door: Any) -> None:
    mail = make_mail()
    arrive(client, mail.token(), STILL, **HOME)
    settled()
    door(client, mail)
    hide_and_seek(client, mail)
    assert settled().reinstated_count == 0
    assert sweep(is_late=True).reinstated_count == 0
    assert mail.state() == "out"
    assert mail.changes()[0] == LEFT


def test_what_came_after_by_any_verb_is_left_alone(client: Client) -> None:
    mail = make_mail()
    arrive(client, mail.token(), STILL, **HOME)
    mail.alice.undo_opt_out(mail.topic.id, make_cause(Source.UNDO))
    mail.alice.opt_out(mail.topic.id, make_cause(Source.API))
    hide_and_seek(client, mail)
    settled()
    assert [source for _, source in mail.changes()] == ["arrival", "undo", "api"]


def test_a_preference_page_that_a_program_sends_as_it_was_shown_confirms_nothing(client: Client) -> None:
    mail = make_mail()
    arrive(client, mail.token(), STILL, **HOME)
    hide_and_seek(client, mail)
    recorder.flush()
    link = f"/p/{mail.token('preferences')}"
    client.post(link, f"shown={mail.topic.id}-e0-&save=", content_type=FORM, headers=HOME)
    settled()
    assert mail.changes() == [LEFT, BACK]


# Presses


@pytest.mark.parametrize(
    ("page", "is_robot"),
    [
        ({"webdriver": True, "presence": {"presses": 1}}, True),
        ({"presence": {"presses": 0, "untrusted": 1}}, True),
        ({"presence": {}}, True),
        ({"presence": {"presses": 1}}, False),
        (None, False),
    ],
)
def test_a_press_is_honoured_and_a_robots_is_put_back(client: Client, page: Any, is_robot: bool) -> None:
    mail = make_mail()
    press(client, mail.token(), page, **HOME)
    assert mail.state() == "out"
    settled()
    assert mail.state() == ("default" if is_robot else "out")
    assert bool(PreferenceChange.objects.order_by("id")[0].settles_at) is is_robot


def test_a_press_is_not_put_back_for_what_another_program_did(client: Client) -> None:
    mail = make_mail(age=5)
    press(client, mail.token(), None, **HOME)
    hide_and_seek(client, mail, **OTHER_PROGRAM)
    settled()
    assert mail.state() == "out"


# Several visitors


def test_a_person_who_leaves_after_a_robot_did_stays_out(client: Client) -> None:
    """Told "you have left" while only a robot's opt-out stood, a person would have been lost with it."""
    mail = make_mail()
    arrive(client, mail.token(), STILL, **OFFICE)
    assert arrive(client, mail.token(), STILL, **HOME)["answer"] == "done"
    hide_and_seek(client, mail, **OFFICE)
    assert settled().reinstated_count == 0
    assert mail.state() == "out"
    assert mail.changes() == [LEFT, LEFT]


def test_a_robot_that_comes_after_a_person_takes_nothing_back(client: Client) -> None:
    mail = make_mail()
    arrive(client, mail.token(), STILL, **HOME)
    arrive(client, mail.token(), STILL, **OFFICE)
    hide_and_seek(client, mail, **OFFICE)
    settled()
    assert mail.state() == "out"


def test_two_robots_are_put_back_together(client: Client) -> None:
    mail = make_mail()
    mail.alice.opt_in(mail.topic.id, make_cause(Source.API))
    for network in (HOME, OFFICE):
        arrive(client, mail.token(), STILL, **network)
    hide_and_seek(client, mail, **OFFICE)
    assert settled().reinstated_count == 0
    hide_and_seek(client, mail)
    assert settled().reinstated_count == 1
    assert row_of(mail) == {"state": "in", "previous_state": "default"}
    back = PreferenceChange.objects.latest("id")
    assert len(back.evidence["refuted"]) == 2


def test_who_is_in_doubt_while_only_a_robots_opt_out_stands_is_asked(client: Client) -> None:
    mail = make_mail(age=400)
    arrive(client, mail.token(), STILL, **OFFICE)
    assert arrive(client, mail.token(), STILL, **HOME, **{"sec-fetch-site": "none"})["answer"] == "ask"
    assert arrive(client, mail.token(), STILL, **OFFICE)["answer"] == "done"  # the one who did it is told so


def test_the_same_address_leaving_for_many_is_put_back_from_the_first(client: Client) -> None:
    mail = make_mail()
    addresses = ["alice@example.org", "bob@example.net", "mallory@example.com"]
    for address in addresses:
        assert arrive(client, mail.token(address=address), STILL, **HOME)["answer"] == "done"
    assert settled().reinstated_count == 3
    recipients = [Recipient.at(mail.brand.id, Channel.EMAIL, address) for address in addresses]
    assert {recipient.standing(mail.topic.id).state for recipient in recipients} == {"default"}


def test_an_organisation_scanned_by_its_gateway_is_put_back(client: Client) -> None:
    mail = make_mail()
    addresses = [f"colleague{number}@example.org" for number in range(12)]
    for address in addresses:
        arrive(client, mail.token(address=address), STILL, **HOME)
        settled()
    assert sum(source == "reinstatement" for source in PreferenceChange.objects.values_list("source", flat=True)) >= 9
    assert not Subscription.objects.filter(state="out").exists()


# Time


def test_after_its_window_an_opt_out_is_final_without_anyone_doing_anything(client: Client) -> None:
    mail = make_mail()
    arrive(client, mail.token(), STILL, **HOME)
    settled()
    shift(mail, minutes=61)
    assert not PreferenceChange.objects.get().is_provisional_at(timezone.now())
    hide_and_seek(client, mail)
    assert settled().reinstated_count == 0
    assert sweep(is_late=True).reinstated_count == 0
    assert mail.state() == "out"


def test_evidence_that_came_in_time_and_was_not_looked_at_is_found_later(client: Client) -> None:
    mail = make_mail()
    arrive(client, mail.token(), STILL, **HOME)
    hide_and_seek(client, mail)
    recorder.flush()
    recorder.take_written()  # a crash: what was written is never reviewed
    shift(mail, hours=20)
    assert sweep().reinstated_count == 0
    assert sweep(is_late=True).reinstated_count == 1
    assert mail.state() == "default"


def test_two_days_later_nothing_is_put_back(client: Client) -> None:
    mail = make_mail()
    arrive(client, mail.token(), STILL, **HOME)
    hide_and_seek(client, mail)
    recorder.flush()
    recorder.take_written()
    shift(mail, hours=49)
    assert sweep(is_late=True).reinstated_count == 0


def test_a_second_look_finds_nothing_to_do(client: Client) -> None:
    mail = make_mail()
    arrive(client, mail.token(), STILL, **HOME)
    hide_and_seek(client, mail)
    settled()
    assert sweep(is_late=True) == Review()
    assert mail.changes() == [LEFT, BACK]


def test_what_waits_for_review_beyond_measure_is_swept(client: Client) -> None:
    mail = make_mail()
    arrive(client, mail.token(), STILL, **HOME)
    hide_and_seek(client, mail)
    recorder.flush()
    recorder._written.clear()
    recorder._written.extend([Written("0" * 32, "0" * 32)] * WRITTEN_KEPT)  # what came since has pushed it out
    assert settler.review_written().reinstated_count == 1


def test_the_bare_pattern_heals_too(client: Client) -> None:
    mail = make_mail(policy="instant")
    arrive(client, mail.token(), {"webdriver": True}, **HOME)
    assert mail.state() == "out"
    settled()
    assert mail.state() == "default"


def test_a_page_that_proves_a_robot_later_is_evidence_against_its_own_opt_out(client: Client) -> None:
    mail = make_mail()
    token = mail.token()
    nonce = nonce_of(client.get(f"/u/{token}", headers=HOME))
    arrive(client, token, STILL, nonce, **HOME)
    arrive(client, token, STILL | {"webdriver": True}, nonce, **HOME)
    settled()
    assert mail.state() == "default"


def test_a_page_that_the_browser_had_loaded_ahead_is_a_persons_once_it_is_shown(client: Client) -> None:
    mail = make_mail()
    token = mail.token()
    nonce = nonce_of(client.get(f"/u/{token}", headers=HOME | {"sec-purpose": "prefetch;prerender"}))
    assert arrive(client, token, STILL, nonce, **HOME)["answer"] == "done"
    assert settled().reinstated_count == 0
