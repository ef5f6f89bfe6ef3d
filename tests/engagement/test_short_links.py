"""Ten characters in a text message, and the same doors behind them."""

from __future__ import annotations

import re
from itertools import chain, repeat
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from engagement.models import Interaction, ShortLink
from engagement.recording.recorder import recorder
from engagement.tracking import short_links
from preferences.links import Purpose
from tests.unsubscribe.makers import PERSON, Mail, make_mail, nonce_of

pytestmark = pytest.mark.django_db

CLICK_TARGET = "https://shop.example.org/offers"


def code_of(mail: Mail, purpose: str = "unsubscribe", **fields: Any) -> str:
    [code] = short_links.shorten(mail.brand.id, Purpose(purpose), [mail.token(purpose, **fields)])
    return code


def kinds() -> list[str]:
    recorder.flush()
    return list(Interaction.objects.order_by("id").values_list("kind", flat=True))


@pytest.mark.parametrize(
    ("purpose", "kind"),
    [
        ("unsubscribe", "visit"),
        ("one_click", "header_visit"),
        ("preferences", "prefs_visit"),
        ("hidden", "hidden_visit"),
        ("opt_in", "join_visit"),
    ],
)
def test_a_code_opens_the_page_of_its_token(client: Client, purpose: str, kind: str) -> None:
    mail = make_mail()
    code = code_of(mail, purpose)
    _, token = short_links.resolve(code)
    response = client.get(f"/s/{code}")
    assert response.status_code == 200
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert "/s/" not in re.sub(rb'"[^"]*lang=[^"]*"', b"", response.content).decode()
    assert purpose == "hidden" or f"/{token}" in response.content.decode()
    assert kinds() == [kind]


def test_the_code_of_a_click_is_a_redirect(client: Client) -> None:
    response = client.get(f"/s/{code_of(make_mail(), 'click')}")
    assert (response.status_code, response.headers["Location"]) == (302, CLICK_TARGET)
    assert "Content-Security-Policy" not in response.headers
    assert kinds() == ["click"]


def test_the_code_of_a_picture_is_a_picture(client: Client) -> None:
    response = client.get(f"/s/{code_of(make_mail(), 'open')}")
    assert response.headers["Content-Type"] == "image/gif"
    assert response.headers["Cross-Origin-Resource-Policy"] == "cross-origin"


def test_a_target_gets_the_token_not_the_code(client: Client) -> None:
    code = code_of(make_mail(), "click", target="https://shop.example.org/?from={farewell}")
    _, token = short_links.resolve(code)
    assert client.get(f"/s/{code}").headers["Location"] == f"https://shop.example.org/?from={token}"


def test_the_page_behind_a_code_takes_the_person_off(client: Client) -> None:
    mail = make_mail()
    code = code_of(mail)
    page = client.get(f"/s/{code}").content
    found = re.search(rb'data-arrive="([^"]+)"', page)
    assert found
    body = {"nonce": nonce_of(page), "page": PERSON}
    response = client.post(found[1].decode(), body, content_type="application/json")
    assert response.json()["answer"] == "done"
    assert mail.state() == "out"


def test_one_click_may_be_posted_to_a_code(client: Client) -> None:
    mail = make_mail()
    form = "application/x-www-form-urlencoded"
    response = client.post(f"/s/{code_of(mail)}", "List-Unsubscribe=One-Click", content_type=form)
    assert response.status_code == 200
    assert mail.state() == "out"


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("purpose", ["unsubscribe", "preferences", "opt_in", "hidden", "click", "open"])
def test_looking_at_a_code_changes_nothing(client: Client, purpose: str, method: str) -> None:
    mail = make_mail()
    assert client.generic(method, f"/s/{code_of(mail, purpose)}").status_code in {200, 204, 302}
    assert mail.changes() == []


def test_a_chosen_language_is_spoken(client: Client) -> None:
    code = code_of(make_mail())
    assert b'lang="de"' in client.get(f"/s/{code}?lang=de").content
    assert b'href="?lang=de"' in client.get(f"/s/{code}").content


def test_previews_of_phones_get_the_same_answer_and_are_told(client: Client) -> None:
    mail = make_mail(age=5)
    code = code_of(mail, "click")
    agents = {
        "WhatsApp and Signal": "WhatsApp/2",
        "iMessage": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_11_1) AppleWebKit/601.2.4 (KHTML, like Gecko) "
        "Version/9.0.1 Safari/601.2.4 facebookexternalhit/1.1 Facebot Twitterbot/1.0",
        "Telegram": "TelegramBot (like TwitterBot)",
        "Google Messages": "Mozilla/5.0 Google-PageRenderer Google (+https://developers.google.com/+/web/snippet/)",
        "Viber": "Viber/13.3.0.5",
    }
    answers = {client.get(f"/s/{code}", headers={"user-agent": agent}).headers["Location"] for agent in agents.values()}
    recorder.flush()
    assert answers == {CLICK_TARGET}
    assert set(Interaction.objects.values_list("verdict", "record")) == {("machine", "click_machine_agent")}


@pytest.mark.parametrize(
    "code", ["0123456789", "short", "ABCDEFGHIJK", "ABCDEFGH/J", "ÄBCDEFGHIJ", "' OR 1=1--", "A" * 9_999]
)
def test_an_unknown_code_is_the_page_of_every_bad_link(client: Client, code: str) -> None:
    response = client.get(f"/s/{code}")
    assert response.status_code == 404
    assert b"newest message" in response.content
    assert kinds() == []


def test_a_code_whose_key_was_retired_opens_nothing(client: Client) -> None:
    mail = make_mail()
    code = code_of(mail)
    mail.brand.keys.get().retire()
    assert client.get(f"/s/{code}").status_code == 404


def test_an_unknown_code_is_not_kept(client: Client) -> None:
    mail = make_mail()
    before = short_links.resolve.cache_info().currsize
    assert client.get("/s/abcdefghij").status_code == 404
    assert short_links.resolve.cache_info().currsize == before
    ShortLink.objects.create(code="abcdefghij", brand=mail.brand, purpose="unsubscribe", token=mail.token())
    assert client.get("/s/abcdefghij").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_warm_code_outlives_the_database_and_a_cold_one_says_503(client: Client) -> None:
    mail = make_mail()
    warm, cold = code_of(mail), code_of(mail)
    client.get(f"/s/{warm}")
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE engagement_shortlink RENAME TO away")
    try:
        assert client.get(f"/s/{warm}").status_code == 200
        assert client.get(f"/s/{cold}").status_code == 503
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE away RENAME TO engagement_shortlink")


def test_codes_are_random_and_of_ten_letters_and_digits() -> None:
    codes = {short_links.new_code() for _ in range(10_000)}
    assert len(codes) == 10_000
    assert all(re.fullmatch(r"[0-9A-Za-z]{10}", code) for code in codes)
    assert all({code[place] for code in codes} == set(short_links.ALPHABET) for place in range(10))
    assert len(short_links.ALPHABET) ** short_links.CODE_LENGTH > 2**59


def test_a_code_that_is_taken_is_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    mail = make_mail()
    taken = code_of(mail)
    drawn = chain([taken, "AAAAAAAAAA", "AAAAAAAAAA", "BBBBBBBBBB"], map("{:010}".format, range(100)), repeat(taken))
    monkeypatch.setattr(short_links, "new_code", lambda: next(drawn))
    tokens = [mail.token() for _ in range(4)]
    codes = short_links.shorten(mail.brand.id, Purpose.UNSUBSCRIBE, tokens)
    assert taken not in codes
    assert [ShortLink.objects.get(code=code).token for code in codes] == tokens
