"""Makers of what tests need, with defaults for everything that a test does not speak of."""

from __future__ import annotations

from itertools import count
from typing import Any

from preferences.links import Channel, Claims, LinkKey, Purpose, seal
from preferences.models import Brand, Cause, Recipient, Source, Topic

SENT_AT = 1_793_275_200  # 2026-10-29T12:00:00Z
_numbers = count(1)


def make_brand(**fields: Any) -> Brand:
    """A brand of its own slug, with its links at http://127.0.0.1:8000."""
    fields.setdefault("slug", f"brand{next(_numbers)}")
    fields.setdefault("name", "Demo Letters")
    fields.setdefault("base_url", "http://127.0.0.1:8000")
    fields.setdefault("from_email", "Demo Letters <letters@example.org>")
    return Brand.objects.create(**fields)


def make_topic(brand: Brand | None = None, slug: str = "news", **fields: Any) -> Topic:
    fields.setdefault("name", slug.replace("-", " ").title())
    return Topic.objects.create(brand=brand or make_brand(), slug=slug, **fields)


def make_key(brand: Brand, note: str = "") -> LinkKey:
    """A live key of the brand, stored, in the form that seals."""
    return brand.add_key(note)[1]


def make_claims(**fields: Any) -> Claims:
    """Claims of alice's unsubscribe link in the November news; purpose and channel may be given as words."""
    defaults: dict[str, Any] = {
        "purpose": Purpose.UNSUBSCRIBE,
        "channel": Channel.EMAIL,
        "sent_at": SENT_AT,
        "topic": "news",
        "mailing": "2026-11",
        "address": "alice@example.org",
    }
    if fields.get("purpose") == "click":
        defaults["target"] = "https://shop.example.org/offers"
    fields = {**defaults, **fields}
    return Claims(**{**fields, "purpose": Purpose(fields["purpose"]), "channel": Channel(fields["channel"])})


def make_token(key: LinkKey, **fields: Any) -> str:
    return seal(key, make_claims(**fields))


def make_recipient(
    brand: Brand | None = None, address: str = "alice@example.org", channel: Channel = Channel.EMAIL
) -> Recipient:
    """A recipient as a link names one: unsaved, because a row is written when something is said about it."""
    return Recipient.at((brand or make_brand()).id, channel, address)


def make_cause(source: Source = Source.CONFIRM_BUTTON, **fields: Any) -> Cause:
    fields.setdefault("mailing", "2026-11")
    return Cause(source, **fields)
