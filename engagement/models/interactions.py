"""Interactions: what happened at the links of a mailing, in a table partitioned by month.

The table is made by SQL in the migrations, because Django declares no partitions; its primary key there is
(occurred_at, kind, id), and each month is parted once more by kind (engagement/recording/partitions.py). Rows are never
dropped for looking like a robot's: verdict, reasons, rule version and facts are kept, so that every one can be judged
again.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import models

from preferences.models import Brand
from preferences.models.ledger import TransactionId


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
    OPEN = "open", "opened the mail"
    CLICK = "click", "followed a link"
    CONVERSION = "conversion", "did what the mail was for"


# What tracking stores, and a person may refuse; the rest is the evidence for opt-outs.
TRACKED_KINDS = frozenset({Kind.OPEN.value, Kind.CLICK.value, Kind.CONVERSION.value})


VERDICTS = [(word, word) for word in ("human", "machine", "unsure", "prefetched")]


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
    what the door said: done, ask, page, ... `record` is the record type (engagement/recording/records.py), `segment`
    the part of the mailing that the link names, `link` the number of a click's target (`TrackedLink.number`), `xid`
    the transaction that inserted the row: with the id it is a feed's order.
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
    verdict = models.CharField(max_length=10, choices=VERDICTS)
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
    record = models.CharField("record type", max_length=40)
    segment = models.CharField(max_length=100)
    link = models.BigIntegerField(null=True)
    xid = models.BigIntegerField(db_default=TransactionId(), editable=False)

    objects = InteractionQuerySet.as_manager()

    class Meta:
        managed = False
        db_table = "engagement_interaction"
        ordering = ["-occurred_at", "-id"]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.verdict}"
