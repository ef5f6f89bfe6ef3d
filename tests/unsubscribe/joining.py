"""How the page that offers a topic is called, pressed and sent, and what came of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from tests.unsubscribe.makers import HOUR, PERSON, Mail, make_mail, nonce_of

pytestmark = pytest.mark.django_db

FORM = "application/x-www-form-urlencoded"
STILL = {"visible": True, "focused": True, "presence": {"spots": 1}}
FETCH = {"sec-fetch-site": "same-origin", "sec-fetch-mode": "cors", "sec-fetch-dest": "empty", "sec-fetch-user": ""}


def ask(client: Client, token: str, page: Any = PERSON, nonce: str | None = None, **headers: str) -> Any:
    """Open the page and run its script once, which says nothing of how the page was come by; return the answer."""
    nonce = nonce_of(client.get(f"/j/{token}", headers=headers)) if nonce is None else nonce
    body = json.dumps({"nonce": nonce, "page": page})
    response = client.post(f"/j/{token}/arrive", body, content_type="application/json", headers=FETCH | headers)
    assert response.status_code == 200
    return response.json()


def submit(client: Client, url: str, fields: dict[str, str], **headers: str) -> bytes:
    body = "&".join(f"{name}={value}" for name, value in fields.items())
    response = client.post(url, body, content_type=FORM, headers=headers)
    assert response.status_code == 200
    return response.content


def press(client: Client, token: str, choice: str = "join", nonce: str | None = None, **fields: str) -> bytes:
    nonce = nonce_of(client.get(f"/j/{token}")) if nonce is None else nonce
    return submit(client, f"/j/{token}/confirm", {"nonce": nonce, "choice": choice, **fields})


def receives(mail: Mail) -> bool:
    return mail.alice.receives([mail.topic])[mail.topic.id]


def make_offer(age: int = HOUR, **brand: Any) -> Mail:
    """A mail about a topic that nobody gets who has not asked for it."""
    mail = make_mail(age, **brand)
    mail.topic.is_default_in = False
    mail.topic.save()
    return mail
