"""The ledger: one row per change of what someone receives. writing.py is the one place that writes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import models
from django.db.models.functions import Now

from preferences.links import Channel
from preferences.models.brands import Brand
from preferences.models.topics import Topic


class Source(models.TextChoices):
    """How a change came."""

    ONE_CLICK = "one_click", "one-click (the mailbox provider's button)"
    ARRIVAL = "arrival", "arrival at the page"
    CONFIRM_BUTTON = "confirm_button", "the page's button"
    PREFERENCE_PAGE = "preference_page", "preference page"
    UNDO = "undo", "undo"
    API = "api", "API"
    PROVIDER = "provider", "mail provider"
    MAILTO = "mailto", "unsubscribe mail"
    SMS_REPLY = "sms_reply", "SMS reply"
    ADMIN = "admin", "admin"
    IMPORT = "import", "import"
    REINSTATEMENT = "reinstatement", "reinstatement"
    OFFER = "offer", "offer after leaving"
    ERASURE = "erasure", "erasure"


class State(models.TextChoices):
    """What holds for a recipient and topic. `default` means that nothing was ever chosen."""

    IN = "in", "subscribed"
    OUT = "out", "unsubscribed"
    DEFAULT = "default", "as the topic's default"


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a change happens. `evidence` is JSON without addresses; `settles_at` makes it provisional until then."""

    source: Source
    mailing: str = ""
    reason: str = ""
    evidence: dict[str, Any] = field(default_factory=dict)
    actor: str = ""
    settles_at: datetime | None = None


class TransactionId(models.Func):
    """The id of the writing transaction, from which the feed knows what may still commit late."""

    template = "pg_current_xact_id()::text::bigint"
    output_field = models.BigIntegerField()


class PreferenceChangeQuerySet(models.QuerySet["PreferenceChange"]):
    def for_topic(self, topic: Topic | None, channel: Channel) -> PreferenceChangeQuerySet:
        return self.filter(topic=topic, channel=channel)

    def newest_first(self) -> PreferenceChangeQuerySet:
        return self.order_by("-id")


class PreferenceChange(models.Model):
    """One change, append-only: audit log, consent record and change feed in one.

    Each row says all that holds after it: the state, the chosen `frequency` ("" for none chosen) and the day up to
    which nothing is sent, of a topic; or, with no `topic`, of what stands above all topics: the suppression (`state`
    out, its reason in `suppression`), the pause of everything, and whether opens and clicks go unrecorded
    (`is_untracked`). `replaced` holds the same of before, with the id of the change that had made it, when that was,
    and the state before that.
    """

    xid = models.BigIntegerField(db_default=TransactionId(), editable=False)
    changed_at = models.DateTimeField(db_default=Now())
    # No index of their own: the ones below begin with brand and recipient, and every index slows every opt-out.
    brand = models.ForeignKey(Brand, models.PROTECT, related_name="+", db_index=False)
    recipient = models.ForeignKey("preferences.Recipient", models.PROTECT, related_name="changes", db_index=False)
    topic = models.ForeignKey(Topic, models.PROTECT, null=True, blank=True, related_name="+", db_index=False)
    channel = models.CharField(max_length=5)
    state = models.CharField(max_length=7, choices=State)
    frequency = models.CharField(max_length=7, blank=True, db_default="")
    paused_until = models.DateField(null=True, blank=True)
    suppression = models.CharField(max_length=10, blank=True, db_default="")
    is_untracked = models.BooleanField(default=False, db_default=False)
    source = models.CharField(max_length=15, choices=Source)
    reason = models.CharField(max_length=200, blank=True)
    evidence = models.JSONField(default=dict)
    mailing = models.CharField(max_length=100, blank=True)
    actor = models.CharField(max_length=150, blank=True)
    settles_at = models.DateTimeField(null=True, blank=True)
    replaced = models.JSONField(default=dict)

    objects = PreferenceChangeQuerySet.as_manager()

    class Meta:
        verbose_name = "change"
        verbose_name_plural = "ledger"
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["recipient", "id"], name="change_recipient"),
            models.Index(fields=["xid", "id"], name="change_feed"),
            models.Index(fields=["brand", "changed_at"], name="change_brand_time"),
            models.Index(fields=["changed_at"], name="change_time"),
        ]

    def __str__(self) -> str:
        return f"{self.get_state_display()} by {self.get_source_display()}"

    @property
    def has_suppressed(self) -> bool:
        """Whether it changed the suppression: set one, gave another reason, or lifted it."""
        return self.topic_id is None and self.suppression != (self.replaced.get("suppression") or "")

    @property
    def has_paused(self) -> bool:
        """Whether it changed the pause of everything."""
        was, until = self.replaced.get("paused_until"), self.paused_until
        return self.topic_id is None and was != (until.isoformat() if until else None)

    @property
    def has_tracked(self) -> bool:
        """Whether it refused or allowed tracking."""
        return self.topic_id is None and self.is_untracked != bool(self.replaced.get("is_untracked"))

    @property
    def has_begun_anew(self) -> bool:
        """Whether it is an opt-in to what was on already beneath a suppression, which gave way to it."""
        is_on = self.state == State.IN and self.replaced.get("state") == State.IN
        return is_on and "restored" in self.replaced and not self.has_put_back

    @property
    def has_put_back(self) -> bool:
        return self.source in (Source.UNDO, Source.REINSTATEMENT)

    def is_provisional_at(self, moment: datetime) -> bool:
        return self.settles_at is not None and moment < self.settles_at
