"""Topics, the groups they stand in, and what both are called in other languages."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from preferences.links import Channel
from preferences.models.brands import Brand, slug_validator


class Frequency(models.TextChoices):
    """How often the mails of a topic come: each as it is written, or gathered."""

    EVERY = "every", "every one"
    DAILY = "daily", "daily digest"
    WEEKLY = "weekly", "weekly digest"
    MONTHLY = "monthly", "monthly digest"


def every_channel() -> list[str]:
    return [channel.value for channel in Channel]


class TopicGroup(models.Model):
    """A heading on the preference page and the topics under it."""

    brand = models.ForeignKey(Brand, models.PROTECT, related_name="topic_groups")
    name = models.CharField(max_length=100)
    position = models.PositiveSmallIntegerField(default=100)

    class Meta:
        ordering = ["brand", "position", "name"]
        constraints = [models.UniqueConstraint(fields=["brand", "name"], name="topic_group_brand_name")]

    def __str__(self) -> str:
        return self.name


class Topic(models.Model):
    """A kind of mail that one can choose.

    `frequencies` are those it offers to choose from, none where it comes as it comes. One that `is_required` by a
    contract (bills, safety) stays when a person leaves everything; its own unsubscribe link, where the brand sends one,
    ends it all the same.
    """

    brand = models.ForeignKey(Brand, models.PROTECT, related_name="topics")
    group = models.ForeignKey(TopicGroup, models.PROTECT, null=True, blank=True, related_name="topics")
    slug = models.CharField(max_length=64, validators=[slug_validator])
    name = models.CharField(max_length=100)
    description = models.CharField(max_length=300, blank=True)
    rhythm = models.CharField(
        "example rhythm",
        max_length=100,
        blank=True,
        db_default="",
        help_text="How often it comes, such as: about twice a month, on Fridays.",
    )
    is_default_in = models.BooleanField(
        "in by default", default=True, help_text="What holds for a recipient who has never said anything."
    )
    is_required = models.BooleanField(
        "required by contract",
        default=False,
        db_default=False,
        help_text="Shown and explained on the preference page, but not to be switched off there.",
    )
    channels = ArrayField(
        models.CharField(max_length=5, choices=[(c.value, c.value) for c in Channel]),
        default=every_channel,
        db_default=["email", "sms"],
        help_text="On which channels it is offered.",
    )
    frequencies = ArrayField(
        models.CharField(max_length=7, choices=Frequency),
        default=list,
        db_default=[],
        blank=True,
        help_text="What a recipient can choose from. None: it comes as it comes.",
    )
    position = models.PositiveSmallIntegerField(default=100)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["brand", "position", "slug"]
        constraints = [models.UniqueConstraint(fields=["brand", "slug"], name="topic_brand_slug")]

    def __str__(self) -> str:
        return self.name


class TopicText(models.Model):
    """A topic's texts in another language than the brand's own."""

    topic = models.ForeignKey(Topic, models.CASCADE, related_name="texts")
    language = models.CharField(max_length=10, choices=settings.LANGUAGES)
    name = models.CharField(max_length=100)
    description = models.CharField(max_length=300, blank=True)
    rhythm = models.CharField("example rhythm", max_length=100, blank=True)

    class Meta:
        ordering = ["topic", "language"]
        constraints = [models.UniqueConstraint(fields=["topic", "language"], name="topic_text_language")]

    def __str__(self) -> str:
        return f"{self.name} ({self.language})"


class TopicGroupText(models.Model):
    """A group's name in another language than the brand's own."""

    group = models.ForeignKey(TopicGroup, models.CASCADE, related_name="texts")
    language = models.CharField(max_length=10, choices=settings.LANGUAGES)
    name = models.CharField(max_length=100)

    class Meta:
        ordering = ["group", "language"]
        constraints = [models.UniqueConstraint(fields=["group", "language"], name="topic_group_text_language")]

    def __str__(self) -> str:
        return f"{self.name} ({self.language})"
