"""Interactions: what happened at the links of a mailing, in a table partitioned by month.

The table is made by SQL in the first migration, because Django declares no partitions; its primary key there is
(occurred_at, id). Rows are never dropped for looking like a robot's: verdict, reasons, rule version and the
facts are kept, so that every one can be judged again.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import models

from preferences.models import Brand


class Kind(models.TextChoices):
    """What the visitor did."""

    VISIT = "visit", "opened the page"
    HEADER_VISIT = "header_visit", "opened the header's link"
    ARRIVE = "arrive", "ran the page's script"
    CONFIRM = "confirm", "pressed unsubscribe"
    KEEP = "keep", "pressed keep"
    ONE_CLICK = "one_click", "one-click POST"
    UNDO = "undo", "undo"
    PREFERENCES_VISIT = "prefs_visit", "opened the preference page"
    PREFERENCES_SAVE = "prefs_save", "saved the preference page"
    HIDDEN_VISIT = "hidden_visit", "followed the hidden link"
    JOIN_VISIT = "join_visit", "opened the page to subscribe"
    JOIN_ARRIVE = "join_arrive", "ran the script of the page to subscribe"
    JOIN_CONFIRM = "join_confirm", "pressed subscribe"


class InteractionQuerySet(models.QuerySet["Interaction"]):
    def between(self, start: datetime, end: datetime) -> InteractionQuerySet:
        """Always give the time range: it is what spares the other partitions."""
        return self.filter(occurred_at__gte=start, occurred_at__lt=end)

    def of_recipient(self, recipient_id: UUID) -> InteractionQuerySet:
        return self.filter(recipient_id=recipient_id)


class Interaction(models.Model):
    """One recorded event. No foreign key leaves this table but the brand's: rows come in bulk and stay cheap.

    `domain` is that of the recipient's address, "" for a phone; `visit` the page view's random number, `visitor` a
    keyed hash of the network address, `network` that address cut to /24 or /48. `send_age` is in seconds. `answer` is
    what the door said: done, ask, page, ...
    """

    id = models.BigAutoField(primary_key=True)
    occurred_at = models.DateTimeField()
    brand = models.ForeignKey(Brand, models.DO_NOTHING, related_name="+", db_constraint=False)
    recipient_id = models.UUIDField()
    domain = models.CharField(max_length=253)
    channel = models.CharField(max_length=5)
    topic = models.CharField(max_length=64)
    mailing = models.CharField(max_length=100)
    purpose = models.CharField(max_length=11)
    kind = models.CharField(max_length=12, choices=Kind)
    answer = models.CharField(max_length=12)
    verdict = models.CharField(max_length=7, choices=[("human", "human"), ("machine", "machine"), ("unsure", "unsure")])
    score = models.SmallIntegerField()
    is_hard = models.BooleanField()
    signals = models.JSONField()
    rules = models.SmallIntegerField("rule version")
    visit = models.BigIntegerField(null=True)
    visitor = models.BinaryField()
    network = models.GenericIPAddressField(null=True)
    agent = models.CharField(max_length=512)
    send_age = models.BigIntegerField(null=True)
    facts = models.JSONField()

    objects = InteractionQuerySet.as_manager()

    class Meta:
        managed = False
        db_table = "engagement_interaction"
        ordering = ["-occurred_at", "-id"]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.verdict}"
