"""Forged, truncated and foreign tokens: one list, every door."""

from __future__ import annotations

import os
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from engagement.models import Interaction
from engagement.recording.recorder import recorder
from preferences.directory import directory
from preferences.models import BrandKey, PreferenceChange, Recipient
from tests.makers import make_brand, make_key, make_token
from tests.unsubscribe.makers import Mail, make_mail
from tests.unsubscribe.test_safe_methods import PURPOSE_OF_DOOR, public_routes

pytestmark = pytest.mark.django_db


def flipped(mail: Mail, purpose: str) -> str:
    token = mail.token(purpose)
    return token[:40] + ("A" if token[40] != "A" else "B") + token[41:]


def retired(mail: Mail, purpose: str) -> str:
    BrandKey.objects.get(kid=mail.key.kid.hex()).retire()
    return mail.token(purpose)


def of_another_purpose(mail: Mail, purpose: str) -> str:
    return mail.token("hidden" if purpose != "hidden" else "unsubscribe")


def of_a_stranger(mail: Mail, purpose: str) -> str:
    return make_token(type(mail.key).generate(), purpose=purpose)


def under_the_empty_key(mail: Mail, purpose: str) -> str:
    nonce = os.urandom(12)
    box = AESGCM(bytes(32)).encrypt(nonce, b'[1,"unsubscribe","email",0,"news","","alice@example.org"]', b"\0\0\0\0")
    return urlsafe_b64encode(b"\0\0\0\0" + nonce + box).decode().rstrip("=")


def with_a_foreign_kid(mail: Mail, purpose: str) -> str:
    other = make_brand()
    return make_token(type(mail.key)(make_key(other).kid, mail.key.secret), purpose=purpose)


def garbled_inside(mail: Mail, purpose: str) -> str:
    nonce = os.urandom(12)
    box = AESGCM(mail.key.secret).encrypt(nonce, b'{"not": "claims"}', mail.key.kid)
    return urlsafe_b64encode(mail.key.kid + nonce + box).decode().rstrip("=")


BAD_TOKENS: dict[str, Callable[[Mail, str], str]] = {
    "one bit off": flipped,
    "truncated": lambda mail, purpose: mail.token(purpose)[:-5],
    "cut to the kid": lambda mail, purpose: mail.token(purpose)[:6],
    "one character": lambda mail, purpose: "x",
    "longer": lambda mail, purpose: mail.token(purpose) + "AAAA",
    "10 kB": lambda mail, purpose: "A" * 10_240,
    "non-ASCII": lambda mail, purpose: "ünsübscribe" * 10,
    "percent-encoded NUL": lambda mail, purpose: "%00" * 60,
    "retired key": retired,
    "another purpose": of_another_purpose,
    "a stranger's key": of_a_stranger,
    "the empty key": under_the_empty_key,
    "another brand's kid": with_a_foreign_kid,
    "garbled inside": garbled_inside,
}


@pytest.mark.parametrize("case", BAD_TOKENS)
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("route", public_routes())
def test_a_bad_token_opens_no_door_and_writes_nothing(client: Client, route: str, method: str, case: str) -> None:
    mail = make_mail()
    token = BAD_TOKENS[case](mail, PURPOSE_OF_DOOR[route.partition("/")[0]])
    body = "List-Unsubscribe=One-Click&choice=leave&all=off"
    url = "/" + route.replace("<str:token>", token)
    response = client.generic(method, url, body, content_type="application/x-www-form-urlencoded")
    assert response.status_code == 404 or (response.status_code == 405 and method not in response.headers["Allow"])
    recorder.flush()
    assert not PreferenceChange.objects.exists()
    assert not Recipient.objects.exists()
    assert not Interaction.objects.exists()


def test_the_404_page_helps_and_is_the_same_for_all(client: Client) -> None:
    """But for the brand that its form is for, which the key's id at the start of a link names."""
    pages = set()
    for bad in BAD_TOKENS.values():
        directory.forget()
        mail = make_mail()
        page = client.get(f"/u/{bad(mail, 'unsubscribe')}").content
        pages.add(re.sub(rb'action="/a/(brand\d+)?"', b"", page))
    assert len(pages) == 1
    assert b"newest message" in pages.pop()


def test_forged_tokens_cost_no_query_once_warm(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    mail = make_mail()
    client.get(f"/u/{mail.token()}")
    bad = [BAD_TOKENS[case](mail, "unsubscribe") for case in ("one bit off", "a stranger's key", "10 kB", "truncated")]
    with django_assert_num_queries(0):
        for token in bad:
            client.get(f"/u/{token}")


def test_a_retired_key_closes_its_doors_when_the_directory_is_refreshed(client: Client) -> None:
    mail = make_mail()
    assert client.get(f"/u/{mail.token()}").status_code == 200
    BrandKey.objects.get(kid=mail.key.kid.hex()).retire()
    directory.forget()
    assert client.get(f"/u/{mail.token()}").status_code == 404
    BrandKey.objects.get(kid=mail.key.kid.hex()).revive()
    directory.forget()
    assert client.get(f"/u/{mail.token()}").status_code == 200


def test_several_keys_are_live_at_once(client: Client) -> None:
    mail = make_mail()
    second = Mail(mail.brand, mail.topic, make_key(mail.brand), mail.sent_at)
    assert client.get(f"/u/{mail.token()}").status_code == 200
    assert client.get(f"/u/{second.token()}").status_code == 200


def test_a_key_younger_than_the_snapshot_is_looked_for(client: Client) -> None:
    mail = make_mail()
    assert client.get(f"/u/{mail.token()}").status_code == 200
    directory._snapshot = replace(directory._snapshot, loaded_at=directory._snapshot.loaded_at - 2)
    new = Mail(mail.brand, mail.topic, make_key(mail.brand), mail.sent_at)
    assert client.get(f"/u/{new.token()}").status_code == 200
