"""Brands, how they look and speak, and the keys that seal their links."""

from __future__ import annotations

import base64
from functools import cache
from typing import TYPE_CHECKING

from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator, URLValidator
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from preferences.addresses import address_key_check
from preferences.links import LinkKey

if TYPE_CHECKING:
    from preferences.models.topics import Topic

slug_validator = RegexValidator(
    r"\A[a-z0-9][a-z0-9_-]{0,63}\Z", "Use 1 to 64 of a-z, 0-9, _ and -, starting with a letter or digit."
)


colour_validator = RegexValidator(r"\A#[0-9a-f]{6}\Z", "Use a colour such as #0b5f6b: # and six of 0-9 a-f.")
MAX_LOGO_BYTES = 100_000


class Policy(models.TextChoices):
    """How much evidence a visit needs before it opts someone out without a press (docs/detection.md)."""

    INSTANT = "instant", "instant: every visit that runs the script"
    BALANCED = "balanced", "balanced: evidence when the mail is fresh or something speaks against the visit"
    STRICT = "strict", "strict: evidence always"


class Brand(models.Model):
    """A sender: the tenant that topics, keys, recipients and mailings belong to."""

    slug = models.CharField(max_length=64, unique=True, validators=[slug_validator])
    name = models.CharField(max_length=100)
    base_url = models.CharField(
        "base URL",
        max_length=200,
        blank=True,
        validators=[URLValidator(schemes=["http", "https"])],
        help_text="Where this brand's links point, such as https://leave.example.org. Empty: this server's.",
    )
    from_email = models.CharField(
        "from",
        max_length=254,
        blank=True,
        help_text="Sender of the brand's mails, such as News &lt;news@example.org&gt;.",
    )
    policy = models.CharField(max_length=10, choices=Policy, default=Policy.BALANCED)
    settle_minutes = models.PositiveIntegerField(
        default=60,
        validators=[MinValueValidator(5), MaxValueValidator(47 * 60)],
        help_text="How long an opt-out by arrival stays provisional: 5 minutes to 47 hours.",
    )
    sends_notice = models.BooleanField(
        "notice mail",
        default=False,
        db_default=False,
        help_text="After an opt-out by arrival, send a short mail that says so and how to come back.",
    )
    is_double_opt_in = models.BooleanField(
        "double opt-in",
        default=False,
        db_default=False,
        help_text="Whoever switches a topic on gets a mail first, and the link in it switches it on.",
    )
    asks_why = models.BooleanField(
        "asks why",
        default=True,
        db_default=True,
        help_text="After someone has left, one question that they may answer or not.",
    )
    tracks = models.BooleanField(
        "tracking",
        default=True,
        db_default=True,
        help_text="Opens and clicks are recorded, but for people who said no. Off: links go on working, uncounted.",
    )
    language = models.CharField(
        max_length=10,
        choices=settings.LANGUAGES,
        default="en",
        db_default="en",
        help_text="Of its own texts, and for whoever's browser asks for none that there is.",
    )
    reply_to = models.EmailField("reply address", blank=True, db_default="")
    imprint_url = models.URLField("imprint", blank=True, db_default="")
    privacy_url = models.URLField("privacy notice", blank=True, db_default="")
    accent = models.CharField(
        "colour",
        max_length=7,
        blank=True,
        db_default="",
        validators=[colour_validator],
        help_text="Of buttons and links on a light page.",
    )
    accent_dark = models.CharField(
        "colour on dark",
        max_length=7,
        blank=True,
        db_default="",
        validators=[colour_validator],
        help_text="Of buttons and links on a dark page.",
    )
    logo = models.BinaryField(null=True, editable=True)
    logo_type = models.CharField(max_length=20, blank=True, db_default="", editable=False)
    members = models.ManyToManyField(
        settings.AUTH_USER_MODEL,
        related_name="brands",
        blank=True,
        help_text="Who sees this brand in the admin. Superusers see all.",
    )
    address_key_check = models.CharField(max_length=8, editable=False, default=address_key_check)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["slug"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(settle_minutes__gte=5, settle_minutes__lte=47 * 60), name="brand_settle_minutes"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def link_base(self) -> str:
        """The URL that the brand's links start with, without a slash at the end."""
        return (self.base_url or settings.FAREWELL_BASE_URL).rstrip("/")

    def add_key(self, note: str = "") -> tuple[BrandKey, LinkKey]:
        """Generate a key, store it sealed, and return both; the second is to be shown once."""
        key = LinkKey.generate()
        sealed = _secret_box().encrypt(key.secret)
        return BrandKey.objects.create(brand=self, kid=key.kid.hex(), sealed_secret=sealed, note=note), key

    def topic_for(self, slug: str) -> Topic:
        """Return the topic named by an authentic link, making it when this database has not heard of it yet:
        a wish to leave is never refused for lack of a row."""
        return self.topics.get_or_create(slug=slug, defaults={"name": slug.replace("-", " ").title()})[0]


class BrandText(models.Model):
    """A brand's own texts on its pages, in one language. Plain text; an empty one leaves its place out."""

    brand = models.ForeignKey(Brand, models.CASCADE, related_name="texts")
    language = models.CharField(max_length=10, choices=settings.LANGUAGES)
    introduction = models.CharField(max_length=500, blank=True, help_text="At the top of the preference page.")
    goodbye = models.CharField(max_length=500, blank=True, help_text="Below “you are unsubscribed”.")
    footer = models.CharField(max_length=500, blank=True, help_text="At the foot of every page and mail.")

    class Meta:
        ordering = ["brand", "language"]
        constraints = [models.UniqueConstraint(fields=["brand", "language"], name="brand_text_language")]

    def __str__(self) -> str:
        return self.language


class BrandKeyQuerySet(models.QuerySet["BrandKey"]):
    def live(self) -> BrandKeyQuerySet:
        return self.filter(retired_at=None)


class BrandKey(models.Model):
    """A key that seals a brand's links. Several may be live; links under a retired one open no door."""

    brand = models.ForeignKey(Brand, models.PROTECT, related_name="keys")
    kid = models.CharField("key id", max_length=8, unique=True, editable=False)
    sealed_secret = models.BinaryField(editable=False)
    note = models.CharField(max_length=200, blank=True, help_text="Where this key is used, for whoever retires it.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    retired_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = BrandKeyQuerySet.as_manager()

    class Meta:
        ordering = ["brand", "-created_at"]

    def __str__(self) -> str:
        return f"{self.kid} of {self.brand_id}"

    def link_key(self) -> LinkKey:
        """Unseal. Raises `cryptography.fernet.InvalidToken` when SECRET_KEY changed without a fallback."""
        return LinkKey(bytes.fromhex(self.kid), _secret_box().decrypt(bytes(self.sealed_secret)))

    def retire(self) -> None:
        """Close every door to links under this key, in all processes within seconds. Idempotent."""
        if self.retired_at is None:
            self.retired_at = timezone.now()
            self.save(update_fields=["retired_at"])

    def revive(self) -> None:
        self.retired_at = None
        self.save(update_fields=["retired_at"])


def _secret_box() -> MultiFernet:
    """Seals brand keys at rest, so that a copy of the database alone mints no links."""
    return MultiFernet([_fernet(secret) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


@cache
def _fernet(secret: str) -> Fernet:
    key = HKDF(SHA256(), 32, salt=None, info=b"farewell brand keys").derive(secret.encode())
    return Fernet(base64.urlsafe_b64encode(key))
