"""What a newcomer finds: a brand with topics, a key, recipients, a mailing, mails and an admin."""

from __future__ import annotations

import os
import secrets
import time
from base64 import urlsafe_b64decode
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils import timezone

from engagement.models import Mailing
from preferences.link_urls import url_of
from preferences.links import KID_BYTES, Channel, LinkKey, Purpose
from preferences.models import Brand, BrandText, Cause, Recipient, Source, Topic, TopicGroup
from unsubscribe.mails import Letter

SLUG = "demo"
RECIPIENTS = ("alice@example.org", "bob@example.org", "mallory@example.org")
ADMIN = "admin"
_INTRODUCTION = "Take what you like and leave the rest. You can come back here at any time."
# By the group's heading, in the order of the page.
_TOPICS: dict[str, tuple[dict[str, Any], ...]] = {
    "To read": (
        {
            "slug": "news",
            "name": "News",
            "description": "What is new with us.",
            "rhythm": "About once a week.",
            "frequencies": ["every", "weekly", "monthly"],
        },
        {
            "slug": "stories",
            "name": "Stories",
            "description": "A long read for the weekend.",
            "rhythm": "Every other Friday.",
            "is_default_in": False,
        },
    ),
    "From the shop": (
        {
            "slug": "offers",
            "name": "Offers",
            "description": "Reductions for subscribers.",
            "rhythm": "At most every other week.",
            "frequencies": ["every", "monthly"],
        },
        {"slug": "events", "name": "Events", "description": "Where to meet us.", "rhythm": "Four times a year."},
    ),
    "Your account": (
        {
            "slug": "invoices",
            "name": "Invoices",
            "description": "What you have bought, and what it cost.",
            "rhythm": "After each order.",
            "is_required": True,
        },
    ),
}
HOUR = 3600  # a link this old is the normal case: most scanners have been there by then


def make_brand() -> Brand:
    """Return the demo brand, made with its topics, a key and recipients who subscribed when it is not there."""
    with transaction.atomic():
        defaults = {"name": "Demo Letters", "from_email": "Demo Letters <letters@example.org>"}
        brand, is_new = Brand.objects.get_or_create(slug=SLUG, defaults=defaults)
        if is_new:
            make_topics(brand)
        if not brand.keys.live().exists():
            brand.add_key("demo")
    if is_new:
        _subscribe_recipients(brand)
    return brand


def make_topics(brand: Brand) -> None:
    BrandText.objects.create(brand=brand, language=brand.language, introduction=_INTRODUCTION)
    for place, (heading, topics) in enumerate(_TOPICS.items(), 1):
        group = TopicGroup.objects.create(brand=brand, name=heading, position=place)
        for position, topic in enumerate(topics, 1):
            Topic.objects.create(brand=brand, group=group, position=position, **topic)


def _subscribe_recipients(brand: Brand) -> None:
    news = brand.topic_for("news")
    for address in RECIPIENTS:
        cause = Cause(Source.IMPORT, reason="subscribed on the web site", actor="demo")
        Recipient.at(brand.id, Channel.EMAIL, address).opt_in(news.id, cause)


def letters(brand: Brand, key: LinkKey, *, age: int = 0) -> list[Letter]:
    """Return the letters of this month's mailing, one for each demo recipient, sent `age` seconds ago."""
    mailing, _ = Mailing.objects.get_or_create(brand=brand, slug=f"{timezone.now():%Y-%m}")
    sent_at = int(time.time()) - age
    news = brand.topic_for("news")
    return [Letter(brand, news, key, mailing.slug, address, sent_at) for address in RECIPIENTS]


def outbox() -> Path | None:
    """Return the folder the mails go to, None when the default mailer really sends them."""
    mailer = settings.MAILERS["default"]
    return Path(mailer["OPTIONS"]["file_path"]) if mailer["BACKEND"].endswith(".OutboxBackend") else None


def has_present_mails(folder: Path, brand: Brand) -> bool:
    """Tell whether the outbox has a demo mail for everyone whose links lead to this server and open its doors."""
    stem = url_of(brand.link_base, Purpose.ONE_CLICK, "")
    kids = set(brand.keys.live().values_list("kid", flat=True))
    found = set()
    for path in folder.glob("*.eml"):
        mail = message_from_bytes(path.read_bytes(), policy=policy.default)
        uri = str(mail.get("List-Unsubscribe", "")).strip("<>")
        if uri.startswith(stem) and _kid(uri.removeprefix(stem)) in kids:
            found.add(str(mail["To"]))
    return found >= set(RECIPIENTS)


def _kid(token: str) -> str:
    return urlsafe_b64decode(token[:8]).hex()[: 2 * KID_BYTES]


def admin_password(path: Path) -> str:
    """Return the password of the user `admin`, generated with the user on first use; "" once somebody changed it.

    It is kept in `path`, for its owner alone.
    """
    users = get_user_model().objects
    if user := users.filter(username=ADMIN).first():
        kept = path.read_text().strip() if path.exists() else ""
        return kept if kept and user.check_password(kept) else ""
    password = secrets.token_urlsafe(12)
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(f"{password}\n")
    users.create_superuser(ADMIN, password=password)
    return password
