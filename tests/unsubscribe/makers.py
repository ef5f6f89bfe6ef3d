"""A link in alice's mail and what can be done with it, for the tests of the doors."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponseBase
from django.test import Client

from preferences.links import Channel, Claims, LinkKey, Purpose, seal
from preferences.models import Brand, PreferenceChange, Recipient, Subscription, Topic
from tests.makers import make_brand, make_key, make_topic

HOUR = 3600
PERSON = {"visible": True, "focused": True, "presence": {"spots": 5, "span": 400}}


@dataclass(frozen=True)
class Mail:
    """A mail to alice, sent `age` seconds ago, of a brand with one topic."""

    brand: Brand
    topic: Topic
    key: LinkKey
    sent_at: int

    def token(self, purpose: str = "unsubscribe", **fields: Any) -> str:
        claims = {"topic": "news", "mailing": "2026-11", "address": "alice@example.org", "sent_at": self.sent_at}
        if purpose == "click":
            claims["target"] = "https://shop.example.org/offers"
        return seal(self.key, Claims(Purpose(purpose), Channel.EMAIL, **{**claims, **fields}))

    @property
    def alice(self) -> Recipient:
        return Recipient.at(self.brand.id, Channel.EMAIL, "alice@example.org")

    def state(self) -> str:
        row = Subscription.objects.filter(recipient_id=self.alice.id, topic=self.topic).first()
        return row.state if row else "default"

    def changes(self) -> list[tuple[str, str]]:
        """The ledger, oldest first, as (state, source)."""
        rows = PreferenceChange.objects.filter(recipient_id=self.alice.id).order_by("id")
        return [(row.state, row.source) for row in rows]


def make_mail(age: int = HOUR, **brand: Any) -> Mail:
    owner = make_brand(**brand)
    return Mail(owner, make_topic(owner), make_key(owner), int(time.time()) - age)


def nonce_of(page: HttpResponseBase | bytes) -> str:
    """The nonce in the form of a page: of its last form, which is the undo where there is one."""
    content = page if isinstance(page, bytes) else page.content  # type: ignore[attr-defined]
    found = re.search(rb'.*name="nonce" value="([^"]+)"', content, re.DOTALL)
    assert found
    return found[1].decode()


def arrive(client: Client, token: str, page: Any = None, nonce: str | None = None, **headers: str) -> Any:
    """Open the page and run its script once; return the JSON answer."""
    nonce = nonce_of(client.get(f"/u/{token}", headers=headers)) if nonce is None else nonce
    body = json.dumps({"nonce": nonce, "page": PERSON if page is None else page})
    response = client.post(f"/u/{token}/arrive", body, content_type="application/json", headers=headers)
    assert response.status_code == 200
    return response.json()
