from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from preferences.models import Brand


class Mailing(models.Model):
    """One campaign or automation that was sent. It appears by itself when an authentic link names it."""

    brand = models.ForeignKey(Brand, models.PROTECT, related_name="mailings")
    slug = models.CharField("mailing", max_length=100)
    delivered_count = models.PositiveBigIntegerField(
        "delivered",
        null=True,
        blank=True,
        help_text="How many mails were delivered, if you know: the funnel starts with it.",
    )
    created_at = models.DateTimeField("first seen", db_default=Now(), editable=False)

    class Meta:
        ordering = ["-created_at", "slug"]
        constraints = [models.UniqueConstraint(fields=["brand", "slug"], name="mailing_brand_slug")]

    def __str__(self) -> str:
        return self.slug


class RecordingGap(models.Model):
    """A time in which interactions were not recorded because the queue was full, so that figures can say so."""

    started_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    lost_count = models.PositiveBigIntegerField("interactions not recorded")

    class Meta:
        ordering = ["-started_at"]

    def __str__(self) -> str:
        return f"{self.lost_count} interactions were not recorded"
