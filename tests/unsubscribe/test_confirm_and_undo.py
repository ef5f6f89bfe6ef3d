from __future__ import annotations

from urllib.parse import urlencode

import pytest
from django.http import HttpResponseBase
from django.test import Client

from preferences.models import PreferenceChange, State
from tests.makers import make_cause
from tests.unsubscribe.makers import arrive, make_mail, nonce_of

pytestmark = pytest.mark.django_db

FORM = "application/x-www-form-urlencoded"


def submit(client: Client, url: str, fields: dict[str, str], **headers: str) -> HttpResponseBase:
    """Send a form as a browser does."""
    response = client.post(url, urlencode(fields), content_type=FORM, headers=headers)
    assert response.status_code == 200
    return response


def press(client: Client, token: str, choice: str | None = "leave", **headers: str) -> bytes:
    """Open the page and press a button of its form; None submits it without one."""
    nonce = nonce_of(client.get(f"/u/{token}", headers=headers))
    fields = {"nonce": nonce} | ({"choice": choice} if choice else {})
    return submit(client, f"/u/{token}/confirm", fields, **headers).content  # type: ignore[attr-defined, no-any-return]


def undo(client: Client, token: str, page: bytes) -> bytes:
    """Press the undo of `page`."""
    return submit(client, f"/u/{token}/undo", {"nonce": nonce_of(page)}).content  # type: ignore[attr-defined, no-any-return]


def test_a_persons_press_is_final_at_once(client: Client) -> None:
    mail = make_mail()
    token = mail.token()
    assert b"You are unsubscribed" in press(client, token)
    assert mail.changes() == [("out", "confirm_button")]
    assert PreferenceChange.objects.get().settles_at is None


@pytest.mark.parametrize("agent", ["", "curl/8.0", "Mozilla/5.0 HeadlessChrome/156.0.0.0"])
def test_a_press_with_machine_traits_is_honoured_and_provisional(client: Client, agent: str) -> None:
    mail = make_mail()
    token = mail.token()
    assert b"You are unsubscribed" in press(client, token, **{"user-agent": agent})
    assert PreferenceChange.objects.get().settles_at is not None


def test_a_person_with_a_text_browser_is_final(client: Client) -> None:
    mail = make_mail()
    token = mail.token()
    headers = dict.fromkeys(("sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest", "sec-fetch-user"), "")
    press(client, token, **{"user-agent": "Lynx/2.9.0dev.12 libwww-FM/2.14", **headers})
    assert PreferenceChange.objects.get().settles_at is None


def test_keeping_changes_nothing(client: Client) -> None:
    mail = make_mail()
    token = mail.token()
    assert b"Nothing changed" in press(client, token, "keep")
    assert mail.changes() == []


@pytest.mark.parametrize("choice", [None, "", "LEAVE", "yes"])
def test_a_form_sent_blindly_changes_nothing_and_asks(client: Client, choice: str | None) -> None:
    mail = make_mail()
    token = mail.token()
    assert b'value="leave"' in press(client, token, choice)
    assert mail.changes() == []


def test_pressing_twice_says_so_and_writes_one_row(client: Client) -> None:
    mail = make_mail()
    token = mail.token()
    press(client, token)
    assert b"already" in press(client, token)
    assert len(mail.changes()) == 1


def test_a_press_settles_a_provisional_arrival(client: Client) -> None:
    mail = make_mail()
    token = mail.token()
    arrive(client, token)
    press(client, token)
    assert mail.changes() == [("out", "arrival"), ("out", "confirm_button")]


def test_undo_puts_back_what_was(client: Client) -> None:
    mail = make_mail()
    token = mail.token()
    assert b"subscribed again" in undo(client, token, press(client, token))
    assert mail.changes() == [("out", "confirm_button"), ("default", "undo")]
    assert mail.alice.receives([mail.topic]) == {mail.topic.id: True}


def test_undo_of_a_settled_arrival_puts_back_what_was_before_the_first(client: Client) -> None:
    mail = make_mail()
    token = mail.token()
    mail.alice.opt_in(mail.topic.id, make_cause())
    mail.topic.refresh_from_db()
    mail.alice.opt_out(mail.topic.id, make_cause())
    undo(client, token, press(client, token))
    assert mail.state() == State.IN


def test_undoing_twice_changes_nothing_more(client: Client) -> None:
    mail = make_mail()
    token = mail.token()
    page = press(client, token)
    undo(client, token, page)
    assert b"nothing to undo" in undo(client, token, page)
    assert len(mail.changes()) == 2


def test_the_undo_of_an_arrival_comes_with_its_answer(client: Client) -> None:
    mail = make_mail()
    token = mail.token()
    answer = arrive(client, token)
    submit(client, f"/u/{token}/undo", {"nonce": answer["undo"]})
    assert mail.changes()[-1] == ("default", "undo")


def test_a_robot_that_submits_the_pages_undo_form_subscribes_nobody(client: Client) -> None:
    mail = make_mail()
    token = mail.token()
    mail.alice.opt_out(mail.topic.id, make_cause())
    for nonce in (nonce_of(client.get(f"/u/{token}")), "", "x" * 50, "ü"):
        page = submit(client, f"/u/{token}/undo", {"nonce": nonce}).content  # type: ignore[attr-defined]
        assert mail.state() == "out"
    assert b"subscribed again" in undo(client, token, page)


def test_a_mail_scanned_after_the_undo_changes_nothing(client: Client) -> None:
    mail = make_mail()
    token = mail.token()
    undo(client, token, press(client, token))
    assert arrive(client, token)["answer"] == "ask"
    assert mail.state() == "default"


def test_keep_takes_back_what_the_same_page_view_did_by_arriving(client: Client) -> None:
    mail = make_mail()
    token = mail.token()
    nonce = nonce_of(client.get(f"/u/{token}"))
    assert arrive(client, token, nonce=nonce)["answer"] == "done"
    submit(client, f"/u/{token}/confirm", {"nonce": nonce, "choice": "keep"})
    assert mail.changes() == [("out", "arrival"), ("default", "undo")]


def test_keep_takes_back_nothing_that_another_view_did(client: Client) -> None:
    mail = make_mail()
    token = mail.token()
    assert arrive(client, token)["answer"] == "done"
    assert b"Nothing has changed yet" in press(client, token, "keep")
    assert mail.state() == "out"


def test_a_press_in_the_first_minute_is_final_when_only_its_time_speaks_against_it(client: Client) -> None:
    mail = make_mail(age=5)
    press(client, mail.token(), **{"sec-fetch-site": "none"})
    assert PreferenceChange.objects.get().settles_at is None


def test_a_tab_restored_after_a_press_gets_a_page_and_changes_nothing(client: Client) -> None:
    mail = make_mail()
    response = client.get(f"/u/{mail.token()}/confirm")
    assert response.status_code == 405
    assert b"nothing was changed now" in response.content
    assert mail.changes() == []


@pytest.mark.parametrize(
    ("choice", "here"), [("leave", ""), ("keep", "/preferences"), ("", "")], ids=["done", "kept", "asked"]
)
def test_the_language_switch_leads_to_a_page_that_can_be_opened(
    client: Client, monkeypatch: pytest.MonkeyPatch, choice: str, here: str
) -> None:
    """And that takes nobody off for coming there: whoever has kept is led to the preference page."""
    monkeypatch.setattr("preferences.rendering.available", lambda: {"en": "English", "de": "Deutsch"})
    token = make_mail().token()
    assert f'href="/u/{token}{here}?lang=de"' in press(client, token, choice).decode()
