"""The button of the page that offers a topic, and the undo after it."""

from __future__ import annotations

import json

import pytest
from django.test import Client

from preferences.models import PreferenceChange, Suppression
from tests.makers import make_cause, make_topic
from tests.unsubscribe.joining import ask, make_offer, press, receives, submit
from tests.unsubscribe.makers import arrive, nonce_of
from unsubscribe.nonces import NonceKind, open_nonce

pytestmark = pytest.mark.django_db

# The button


def test_a_press_is_final_and_says_so(client: Client) -> None:
    mail = make_offer()
    page = press(client, mail.token("opt_in"))
    assert b"You are subscribed" in page
    row = PreferenceChange.objects.get()
    assert (row.state, row.source, row.settles_at) == ("in", "confirm_button", None)
    assert row.evidence["asked_at"]


def test_a_press_with_machine_traits_is_honoured_and_provisional(client: Client) -> None:
    mail = make_offer()
    press(client, mail.token("opt_in"), page=json.dumps({"webdriver": True, "presence": {"presses": 1}}))
    assert mail.state() == "in"
    assert PreferenceChange.objects.get().settles_at is not None


def test_a_press_settles_a_provisional_arrival(client: Client) -> None:
    mail = make_offer()
    token = mail.token("opt_in")
    ask(client, token)
    press(client, token)
    assert mail.changes() == [("in", "arrival"), ("in", "confirm_button")]
    assert PreferenceChange.objects.latest("id").settles_at is None


@pytest.mark.parametrize("choice", ["", "JOIN", "leave", "yes", "later"])
def test_a_form_sent_blindly_changes_nothing(client: Client, choice: str) -> None:
    mail = make_offer()
    press(client, mail.token("opt_in"), choice)
    assert mail.changes() == []


def test_pressing_twice_writes_one_row_and_still_offers_the_undo(client: Client) -> None:
    mail = make_offer()
    token = mail.token("opt_in")
    nonce = nonce_of(client.get(f"/j/{token}"))
    for words in (b"You are subscribed", b"You were already subscribed"):
        page = press(client, token, nonce=nonce)
        assert words in page
        assert f'action="/j/{token}/undo"'.encode() in page
    assert mail.changes() == [("in", "confirm_button")]


def test_whoever_else_presses_gets_nothing_to_undo(client: Client) -> None:
    mail = make_offer()
    token = mail.token("opt_in")
    press(client, token)
    assert b"/undo" not in press(client, token)


def test_a_press_without_a_nonce_is_honoured(client: Client) -> None:
    mail = make_offer()
    assert b"You are subscribed" in press(client, mail.token("opt_in"), nonce="")
    assert mail.state() == "in"


def test_not_now_takes_back_what_the_same_page_view_did_by_arriving(client: Client) -> None:
    mail = make_offer()
    token = mail.token("opt_in")
    nonce = nonce_of(client.get(f"/j/{token}"))
    assert ask(client, token, nonce=nonce)["answer"] == "done"
    assert b"Nothing changed" in press(client, token, "later", nonce)
    assert mail.changes() == [("in", "arrival"), ("default", "undo")]


def test_not_now_takes_back_nothing_that_another_view_did(client: Client) -> None:
    mail = make_offer()
    token = mail.token("opt_in")
    press(client, token)
    assert b"You were already subscribed" in press(client, token, "later")
    assert mail.state() == "in"


def test_the_language_switch_below_an_answer_leads_to_a_page_that_subscribes_nobody(client: Client) -> None:
    mail = make_offer()
    token = mail.token("opt_in")
    page = press(client, token, "later").decode()
    assert f'href="/j/{token}/preferences?lang=' in page or "?lang=" not in page
    assert client.get(f"/j/{token}/preferences").status_code == 200
    assert mail.changes() == []


# Undo


def test_undo_puts_back_what_was(client: Client) -> None:
    mail = make_offer()
    token = mail.token("opt_in")
    assert b"Undone" in submit(client, f"/j/{token}/undo", {"nonce": nonce_of(press(client, token))})
    assert mail.changes() == [("in", "confirm_button"), ("default", "undo")]
    assert not receives(mail)


def test_undoing_twice_changes_nothing_more(client: Client) -> None:
    mail = make_offer()
    token = mail.token("opt_in")
    nonce = nonce_of(press(client, token))
    submit(client, f"/j/{token}/undo", {"nonce": nonce})
    assert b"Nothing changed" in submit(client, f"/j/{token}/undo", {"nonce": nonce})
    assert len(mail.changes()) == 2


def test_undo_puts_a_suppression_back_that_gave_way(client: Client) -> None:
    mail = make_offer()
    offers = make_topic(mail.brand, "offers")
    mail.alice.leave_everything(make_cause())
    token = mail.token("opt_in")
    page = press(client, token)
    assert receives(mail)
    submit(client, f"/j/{token}/undo", {"nonce": nonce_of(page)})
    assert Suppression.objects.get().reason == "everything"
    later = make_topic(mail.brand, "later")
    assert set(mail.alice.receives([mail.topic, offers, later]).values()) == {False}


def test_undo_without_a_pass_changes_nothing(client: Client) -> None:
    mail = make_offer()
    token = mail.token("opt_in")
    press(client, token)
    for nonce in ("", "x" * 40, nonce_of(client.get(f"/j/{token}"))):
        assert b'value="join"' in submit(client, f"/j/{token}/undo", {"nonce": nonce})
    assert mail.state() == "in"


def test_the_pass_of_an_unsubscribe_link_opens_no_undo_here(client: Client) -> None:
    mail = make_offer()
    token = mail.token("opt_in")
    undo = arrive(client, mail.token())["undo"]
    assert open_nonce(NonceKind.UNDO, undo, token) is None
