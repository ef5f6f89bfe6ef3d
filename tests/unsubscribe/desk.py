"""The preference page as Alice sits before it, for the tests of what it does."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from django.test import Client

from preferences.links import Channel
from preferences.models import Companions, Recipient, Topic
from preferences.models.subscriptions import today
from tests.makers import make_topic
from tests.unsubscribe.forms import Form, Page, open_page
from tests.unsubscribe.makers import Mail, make_mail

PROGRAM = {"user-agent": "curl/8.0"}
PHONE = "+14155550123"


@dataclass
class Desk:
    """Alice before her page, and what she gets."""

    client: Client
    mail: Mail
    offers: Topic
    path: str
    headers: dict[str, str] = field(default_factory=dict)

    def page(self) -> Page:
        return open_page(self.client, self.path, **self.headers)

    def form(self) -> Form:
        return self.page().form("Save")

    def save(self, form: Form) -> Page:
        return form.press(self.client, "Save", **self.headers)

    def switch(self, topic: Topic, *, is_on: bool, form: Form | None = None, channel: str = "e") -> Page:
        return self.save((form or self.form()).tick("on", f"{topic.id}{channel}", is_on=is_on))

    def gets(self, *topics: Topic) -> list[bool]:
        return list(self.mail.alice.receives(topics or [self.mail.topic, self.offers]).values())

    @property
    def news(self) -> Topic:
        return self.mail.topic


def make_desk(client: Client, **brand: Any) -> Desk:
    mail = make_mail(**brand)
    offers = make_topic(mail.brand, "offers", description="Cheaper things.", rhythm="On Fridays.")
    return Desk(client, mail, offers, f"/p/{mail.token('preferences')}")


def make_companion(desk: Desk) -> Recipient:
    """Alice's phone."""
    phone = Recipient.at(desk.mail.brand.id, Channel.SMS, PHONE)
    alice = desk.mail.alice
    alice.save()
    phone.save()
    Companions.objects.create(email=alice, phone=phone, brand=desk.mail.brand)
    return phone


def in_days(days: int) -> date:
    return today() + timedelta(days=days)
