"""What operators name on the command line, found or refused with a sentence that says what to do."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import datetime

from cryptography.fernet import InvalidToken
from django.core.management.base import CommandError

from preferences.addresses import address_key_check
from preferences.links import Channel, LinkKey
from preferences.models import Brand, Topic


def add_brand(parser: ArgumentParser) -> None:
    parser.add_argument("--brand", required=True, metavar="SLUG", help="the brand's slug, such as demo")


def add_channel(parser: ArgumentParser) -> None:
    choices = [channel.value for channel in Channel]
    parser.add_argument("--channel", choices=choices, default="email", help="what the addresses are (default: email)")


def brand_named(slug: str) -> Brand:
    """Return the brand whose recipients may be looked up. Raises CommandError when there is none by that name, or
    when its recipients cannot be found any more."""
    brand = Brand.objects.filter(slug=slug).first()
    if brand is None:
        raise CommandError(
            f"There is no brand {slug!r}. {_known('brand', Brand.objects.values_list('slug', flat=True))}"
        )
    require_address_key(brand)
    return brand


def require_address_key(brand: Brand) -> None:
    """Raise CommandError when the address key is not the one this brand's recipients were filed under: nobody's
    opt-out would be found, and everybody would look mailable."""
    if brand.address_key_check != address_key_check():
        raise CommandError(
            f"The address key is not the one under which the recipients of {brand.slug} are kept, so that no opt-out"
            " would be found. Set FAREWELL_ADDRESS_KEY (or SECRET_KEY, when that is not set) back to what it was."
        )


def topic_named(brand: Brand, slug: str) -> Topic:
    """Return the brand's topic. A name nobody knows is refused: mistyped, it would look as if nobody had left."""
    topic = brand.topics.filter(slug=slug).first()
    if topic is None:
        raise CommandError(
            f"{brand.slug} has no topic {slug!r}. {_known('topic', brand.topics.values_list('slug', flat=True))}"
        )
    return topic


def link_key_of(brand: Brand, kid: str = "") -> LinkKey:
    """Return the brand's live key `kid`, or the newest. Raises CommandError when there is none."""
    live = brand.keys.live().order_by("-created_at", "-id")
    key = live.filter(kid=kid.lower()).first() if kid else live.first()
    if key is None and kid:
        raise CommandError(
            f"{brand.slug} has no live key {kid!r}. {_known('live key', live.values_list('kid', flat=True))}"
        )
    if key is None:
        raise CommandError(f"{brand.slug} has no live key. Create one in the admin, on the brand's page.")
    try:
        return key.link_key()
    except InvalidToken:
        raise CommandError(
            f"Key {key.kid} cannot be unsealed: SECRET_KEY has changed. List the old one in SECRET_KEY_FALLBACKS."
        ) from None


def moment(text: str) -> datetime:
    """Read an ISO 8601 moment with its offset. Raises CommandError."""
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{text!r} is no ISO 8601 moment. Write it like 2026-11-21T18:00:00Z.") from None
    if value.tzinfo is None:
        raise CommandError(f"{text!r} does not say in which time zone. Write it like 2026-11-21T18:00:00+01:00.")
    return value


def _known(noun: str, slugs: object) -> str:
    names = ", ".join(map(str, slugs)) if hasattr(slugs, "__iter__") else ""
    return f"Known: {names}." if names else f"There is no {noun} yet: create one in the admin."
