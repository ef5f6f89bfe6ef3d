"""The admin of who gets what, for the tests of its pages."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Permission, User
from django.test import Client

from preferences.models import Brand, Recipient, Topic
from tests.makers import make_brand, make_cause, make_recipient, make_topic

RECIPIENTS = "/admin/preferences/recipient/"
LEDGER = "/admin/preferences/preferencechange/"
KEYS = "/admin/preferences/brandkey/"
BRANDS = "/admin/preferences/brand/"


def page(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200, url
    return str(response.content.decode())


def left(brand: Brand | None = None, address: str = "alice@example.org", **fields: Any) -> tuple[Recipient, Topic]:
    """A stored recipient who left the news."""
    brand = brand or make_brand()
    topic = Topic.objects.filter(brand=brand, slug="news").first() or make_topic(brand)
    recipient = make_recipient(brand, address)
    recipient.opt_out(topic.pk, make_cause(**fields))
    return recipient, topic


def staff(client: Client, *codenames: str) -> Client:
    """Logged in as bob, a member of every brand there is, with these permissions."""
    bob = User.objects.create_user("bob", is_staff=True)
    bob.brands.set(Brand.objects.all())
    bob.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client.force_login(bob)
    return client
