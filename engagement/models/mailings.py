from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from preferences.links import Channel
from preferences.models import Brand, Topic

_CHANNELS = [(Channel.EMAIL.value, "e-mail"), (Channel.SMS.value, "SMS")]


class Mailing(models.Model):
    """One campaign, or one mail of an automation, that was sent. It appears by itself when an authentic link names it;
    what a link does not say is imported, or written by hand.

    `sent_count` and `delivered_count` are the sums of the `Delivery` rows where there are any.
    """

    class Kind(models.TextChoices):
        CAMPAIGN = "campaign", "campaign"
        AUTOMATION = "automation", "automation"

    brand = models.ForeignKey(Brand, models.PROTECT, related_name="mailings")
    slug = models.CharField("mailing", max_length=100)
    name = models.CharField(max_length=200, blank=True, default="", db_default="")
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.CAMPAIGN, db_default="campaign")
    automation = models.CharField(
        max_length=100,
        blank=True,
        default="",
        db_default="",
        db_index=True,
        help_text="Which automation this mail belongs to, such as welcome. Empty for a campaign.",
    )
    channel = models.CharField(max_length=5, choices=_CHANNELS, default=Channel.EMAIL.value, db_default="email")
    topics = models.ManyToManyField(Topic, related_name="mailings", blank=True)
    sent_at = models.DateTimeField("sent", null=True, blank=True)
    sent_count = models.PositiveBigIntegerField("sent to", null=True, blank=True)
    delivered_count = models.PositiveBigIntegerField(
        "delivered",
        null=True,
        blank=True,
        help_text="How many mails were delivered, if you know: the rates are shares of it.",
    )
    created_at = models.DateTimeField("first seen", db_default=Now(), editable=False)

    class Meta:
        ordering = ["-created_at", "slug"]
        constraints = [models.UniqueConstraint(fields=["brand", "slug"], name="mailing_brand_slug")]

    def __str__(self) -> str:
        return self.name or self.slug


class Delivery(models.Model):
    """How many of a mailing were sent and delivered on a day, to one segment ("" for no segment in particular)."""

    mailing = models.ForeignKey(Mailing, models.CASCADE, related_name="deliveries")
    segment = models.CharField(max_length=100, blank=True, default="")
    sent_on = models.DateField("sent on")
    sent_count = models.PositiveBigIntegerField("sent to")
    delivered_count = models.PositiveBigIntegerField("delivered", null=True, blank=True)

    class Meta:
        verbose_name_plural = "deliveries"
        ordering = ["mailing", "sent_on", "segment"]
        constraints = [
            models.UniqueConstraint(fields=["mailing", "segment", "sent_on"], name="delivery_of_a_day"),
            models.CheckConstraint(
                condition=models.Q(delivered_count__isnull=True)
                | models.Q(delivered_count__lte=models.F("sent_count")),
                name="delivered_of_sent",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sent_on} {self.segment}".strip()


class TrackedLink(models.Model):
    """A target that a mailing's links lead to, as it may be stored: without query and fragment, which may name a person
    (engagement/recording/targets.py). It appears by itself at the first click. `number` is the target's keyless 64-bit
    hash."""

    brand = models.ForeignKey(Brand, models.CASCADE, related_name="+")
    mailing = models.CharField(max_length=100)
    number = models.BigIntegerField()
    url = models.CharField("target", max_length=2000)
    created_at = models.DateTimeField("first seen", db_default=Now(), editable=False)

    class Meta:
        ordering = ["mailing", "url"]
        constraints = [models.UniqueConstraint(fields=["brand", "mailing", "number"], name="tracked_link")]

    def __str__(self) -> str:
        return self.url

    @property
    def is_https(self) -> bool:
        return self.url.startswith("https:")


class Conversion(models.Model):
    """What a person did after a click that the brand calls a success, as the brand told it. `key` is the brand's own
    name of the deed (an order's number, hashed), so that telling it twice counts once."""

    brand = models.ForeignKey(Brand, models.CASCADE, related_name="+")
    recipient_id = models.UUIDField()
    mailing = models.CharField(max_length=100)
    segment = models.CharField(max_length=100, blank=True)
    topic = models.CharField(max_length=64, blank=True)
    link = models.BigIntegerField(null=True)
    name = models.CharField(max_length=64)
    key = models.BinaryField(max_length=32)
    value = models.DecimalField(max_digits=14, decimal_places=2, null=True)
    currency = models.CharField(max_length=3, blank=True)
    occurred_at = models.DateTimeField()

    class Meta:
        ordering = ["-occurred_at", "-id"]
        constraints = [models.UniqueConstraint(fields=["brand", "key"], name="conversion_once")]
        indexes = [
            models.Index(fields=["brand", "mailing", "occurred_at"], name="conversion_mailing"),
            models.Index(fields=["recipient_id"], name="conversion_recipient"),
        ]

    def __str__(self) -> str:
        return self.name


class ShortLink(models.Model):
    """Ten unguessable characters that stand for a token, because a text message has no room for a sealed link."""

    code = models.CharField(max_length=10, primary_key=True)
    brand = models.ForeignKey(Brand, models.CASCADE, related_name="+")
    purpose = models.CharField(max_length=11)
    token = models.CharField(max_length=4096)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return self.code


class RecordingGap(models.Model):
    """A time in which interactions were not recorded because the queue was full, so that figures can say so."""

    started_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    lost_count = models.PositiveBigIntegerField("interactions not recorded")

    class Meta:
        ordering = ["-started_at"]

    def __str__(self) -> str:
        return f"{self.lost_count} interactions were not recorded"
