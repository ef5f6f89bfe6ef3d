"""Why people left: asked once, after the fact, and answered by who likes to.

An answer belongs to a person for 30 days. Then the person and the free text are cut off, and a count is left.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from preferences.models.brands import Brand, slug_validator
from preferences.models.recipients import Recipient
from preferences.models.topics import Topic

MAX_COMMENT_LENGTH = 500


class LeavingReason(models.Model):
    """One answer that a brand offers to choose from. A brand without any offers the built-in ones."""

    brand = models.ForeignKey(Brand, models.PROTECT, related_name="leaving_reasons")
    slug = models.CharField(max_length=64, validators=[slug_validator])
    text = models.CharField(max_length=100, help_text="In the brand's language.")
    position = models.PositiveSmallIntegerField(default=100)
    is_offered = models.BooleanField("offered", default=True)

    class Meta:
        ordering = ["brand", "position", "slug"]
        constraints = [models.UniqueConstraint(fields=["brand", "slug"], name="leaving_reason_brand_slug")]

    def __str__(self) -> str:
        return self.text


class LeavingReasonText(models.Model):
    """A reason in another language than the brand's own."""

    reason = models.ForeignKey(LeavingReason, models.CASCADE, related_name="texts")
    language = models.CharField(max_length=10, choices=settings.LANGUAGES)
    text = models.CharField(max_length=100)

    class Meta:
        ordering = ["reason", "language"]
        constraints = [models.UniqueConstraint(fields=["reason", "language"], name="leaving_reason_language")]

    def __str__(self) -> str:
        return f"{self.text} ({self.language})"


class LeavingAnswer(models.Model):
    """What a person said about leaving a topic, or everything (no topic). `reason` is a slug, "" for free text alone.

    One answer for each opt-out, `change_id`: whoever answers again replaces it.
    """

    brand = models.ForeignKey(Brand, models.PROTECT, related_name="+")
    recipient = models.ForeignKey(Recipient, models.PROTECT, related_name="leaving_answers")
    topic = models.ForeignKey(Topic, models.PROTECT, null=True, related_name="+")
    channel = models.CharField(max_length=5)
    change_id = models.BigIntegerField(unique=True)
    reason = models.CharField(max_length=64, blank=True)
    comment = models.CharField(max_length=MAX_COMMENT_LENGTH, blank=True)
    answered_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-answered_at"]
        indexes = [models.Index(fields=["brand", "answered_at"], name="leaving_answer_time")]

    def __str__(self) -> str:
        return self.reason or "free text"


class LeavingAnswerCount(models.Model):
    """What is left of answers whose people were cut off: how many gave a reason on a day."""

    brand = models.ForeignKey(Brand, models.PROTECT, related_name="+")
    topic = models.ForeignKey(Topic, models.PROTECT, null=True, related_name="+")
    channel = models.CharField(max_length=5)
    reason = models.CharField(max_length=64, blank=True)
    answered_on = models.DateField()
    count = models.PositiveIntegerField()

    class Meta:
        ordering = ["-answered_on"]
        constraints = [
            models.UniqueConstraint(
                fields=["brand", "topic", "channel", "reason", "answered_on"],
                name="leaving_answer_count",
                nulls_distinct=False,
            )
        ]

    def __str__(self) -> str:
        return f"{self.reason or 'free text'}: {self.count}"
