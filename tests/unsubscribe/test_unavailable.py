"""Promise P4: what could not be committed is never called done."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from preferences.models import Brand, PreferenceChange
from tests.unsubscribe.makers import PERSON, Mail, make_mail, nonce_of


@pytest.fixture
def mail_in_a_broken_database(client: Client) -> Iterator[tuple[Mail, str, str]]:
    """A mail whose ledger cannot be written: the table is gone. Yields the mail, a token and a page's nonce."""
    mail = make_mail()
    token = mail.token()
    nonce = nonce_of(client.get(f"/u/{token}"))
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE preferences_preferencechange RENAME TO away")
    yield mail, token, nonce
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE away RENAME TO preferences_preferencechange")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("door", "body", "content_type"),
    [
        ("", "List-Unsubscribe=One-Click", "application/x-www-form-urlencoded"),
        ("/confirm", "choice=leave", "application/x-www-form-urlencoded"),
        ("/arrive", None, "application/json"),
        ("/preferences", "all=off", "application/x-www-form-urlencoded"),
    ],
)
def test_a_door_that_cannot_commit_says_503(
    client: Client, mail_in_a_broken_database: tuple[Mail, str, str], door: str, body: Any, content_type: str
) -> None:
    mail, token, nonce = mail_in_a_broken_database
    body = json.dumps({"nonce": nonce, "page": PERSON}) if body is None else body
    response = client.post(f"/u/{token}{door}", body, content_type=content_type)
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0
    assert b"Nothing has changed" in response.content
    assert mail.state() == "default"


@pytest.mark.django_db(transaction=True)
def test_the_page_is_shown_without_a_database(client: Client, mail_in_a_broken_database: tuple[Mail, str, str]) -> None:
    mail, _, _ = mail_in_a_broken_database
    assert client.get(f"/u/{mail.token()}").status_code == 200


@pytest.mark.django_db
def test_a_changed_address_key_is_noticed_before_anyone_is_looked_for(client: Client, settings: Any) -> None:
    mail = make_mail()
    settings.FAREWELL_ADDRESS_KEY = "another"
    response = client.post(
        f"/u/{mail.token()}", "List-Unsubscribe=One-Click", content_type="application/x-www-form-urlencoded"
    )
    assert response.status_code == 503
    assert not PreferenceChange.objects.exists()
    assert Brand.objects.count() == 1
