"""What is counted of the interactions, how far that has come, and what was changed about it later.

Rows of the first six are written by SQL in the thousands (engagement/counting). `start` is the beginning of an hour,
a day or a month in the server's time zone. Counts are exact: recounting the interactions gives the same.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models.functions import Now

from engagement.models.interactions import VERDICTS, Interaction
from preferences.links import Channel
from preferences.models import Brand


class Level(models.TextChoices):
    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


class Dimension(models.TextChoices):
    """By what a tally, a reach or a ranking is counted. In brackets what its `mailing` and `value` are.

    The long lists of the world (domains, networks, agents) have rankings alone; networks and agents of machines only.
    """

    BRAND = "brand"  # ("", "")
    MAILING = "mailing"  # (mailing, "")
    SEGMENT = "segment"  # (mailing, segment)
    LINK = "link"  # (mailing, the number of the link)
    TOPIC = "topic"  # ("", topic)
    DOMAIN = "domain"  # ("", the recipients' mail domain)
    NETWORK = "network"  # ("", who owns the network, or the network itself)
    AGENT = "agent"  # ("", the program, cut)
    PACE = "pace"  # (mailing, ""), by `age`: when after sending; as a ranking (the class), of machines at mailings
    DOOR = "door"  # ("", the source), of the ledger's opt-outs; `record` is what is counted (engagement/counting/doors)
    MAIL_DOOR = "maildoor"  # (mailing, the source), the same
    LEFT = "left"  # ("", the topic's id, "" for everything), of leavings: `record` is the source, `verdict` the outcome
    RETURNED = "returned"  # the same of who came back, by `age`: after how long (engagement/counting/leavings)
    KEPT = "kept"  # the same of who chose less instead of leaving; `record` is what
    VIEW = "view"  # ("", ""), of page views; `record` is what came of one (engagement/counting/page_views)
    MAIL_VIEW = "mailview"  # (mailing, ""), the same


class Act(models.TextChoices):
    """What a message can get, once each, for reach."""

    OPEN = "open"
    CLICK = "click"
    VISIT = "visit"  # the unsubscribe page was requested
    SCRIPT = "script"  # and its script ran
    LEFT = "left"  # and it ended with an opt-out, by whichever door
    CONVERSION = "conversion"
    SCAN = "scan"  # a machine did any of it; only raw


class Tally(models.Model):
    """How many events there were: the count of one cell. `age` is the class of the time since sending where the
    dimension keeps it, else -1."""

    pk = models.CompositePrimaryKey(
        *("brand_id", "dimension", "level", "start", "mailing", "value", "channel", "record", "verdict", "age")
    )
    brand_id = models.BigIntegerField()
    dimension = models.CharField(max_length=8)
    level = models.CharField(max_length=5)
    start = models.DateTimeField()
    mailing = models.CharField(max_length=100)
    value = models.CharField(max_length=253)
    channel = models.CharField(max_length=5)
    record = models.CharField(max_length=40)
    verdict = models.CharField(max_length=10)
    age = models.SmallIntegerField()
    events = models.BigIntegerField()

    class Meta:
        indexes = [
            models.Index(
                fields=["brand_id", "dimension", "mailing", "level", "start"],
                condition=~models.Q(mailing=""),
                name="tally_of_mailing",
            )
        ]

    def __str__(self) -> str:
        return f"{self.dimension} {self.value}: {self.events} {self.record}"


class Ranking(models.Model):
    """What came from one value of a list (a domain, a network, an agent, a class of time), by day and by month: one row
    with all that pages show of it, kept in the order of machines' events, so that the first of a period are found
    without reading all.

    `everybody` counts people's events, too, where these are counted; all others are of machines: by what they did, by
    the sign that gave them away, and by when they came, in seconds after sending. What is in no column of a kind is the
    rest of `events` (engagement/counting/origins.py).
    """

    pk = models.CompositePrimaryKey("brand_id", "dimension", "level", "start", "channel", "value")
    brand_id = models.BigIntegerField()
    dimension = models.CharField(max_length=8)
    level = models.CharField(max_length=5)
    start = models.DateTimeField()
    channel = models.CharField(max_length=5)
    value = models.CharField(max_length=253)
    events = models.BigIntegerField()
    everybody = models.BigIntegerField()
    opened = models.BigIntegerField(default=0)
    clicked = models.BigIntegerField(default=0)
    visited = models.BigIntegerField(default=0)
    script = models.BigIntegerField(default=0)
    hidden = models.BigIntegerField(default=0)
    by_agent = models.BigIntegerField(default=0)
    by_learned = models.BigIntegerField(default=0)
    by_behaviour = models.BigIntegerField(default=0)
    soon_0 = models.BigIntegerField(default=0)
    soon_60 = models.BigIntegerField(default=0)
    soon_600 = models.BigIntegerField(default=0)
    soon_3600 = models.BigIntegerField(default=0)
    soon_86400 = models.BigIntegerField(default=0)

    class Meta:
        indexes = [
            models.Index(
                fields=["brand_id", "dimension", "level", "start", "channel", "-events", "value"],
                condition=models.Q(events__gt=0),
                name="ranking_order",
            )
        ]

    def __str__(self) -> str:
        return f"{self.dimension} {self.value}: {self.events}"


class Reach(models.Model):
    """How many messages got an act for the first time in this bucket: raw, or counting events of the cleaned figures
    only (`is_cleaned`)."""

    pk = models.CompositePrimaryKey(
        *("brand_id", "dimension", "level", "start", "mailing", "value", "channel", "act", "is_cleaned")
    )
    brand_id = models.BigIntegerField()
    dimension = models.CharField(max_length=8)
    level = models.CharField(max_length=5)
    start = models.DateTimeField()
    mailing = models.CharField(max_length=100)
    value = models.CharField(max_length=253)
    channel = models.CharField(max_length=5)
    act = models.CharField(max_length=10)
    is_cleaned = models.BooleanField()
    messages = models.BigIntegerField()

    class Meta:
        indexes = [
            models.Index(
                fields=["brand_id", "dimension", "mailing", "level", "start"],
                condition=~models.Q(mailing=""),
                name="reach_of_mailing",
            )
        ]

    def __str__(self) -> str:
        return f"{self.dimension} {self.value}: {self.messages} {self.act}"


class Touch(models.Model):
    """When a message first got an act, at one link (`link` other than 0) or at all. `cleaned_at` is null as long as
    only robots and prefetches did it. What happened to no mailing in particular is no message's."""

    pk = models.CompositePrimaryKey("recipient_id", "mailing", "act", "link")
    recipient_id = models.UUIDField()
    mailing = models.CharField(max_length=100)
    act = models.CharField(max_length=10)
    link = models.BigIntegerField()
    brand_id = models.BigIntegerField()
    channel = models.CharField(max_length=5)
    topic = models.CharField(max_length=64)
    segment = models.CharField(max_length=100)
    first_at = models.DateTimeField()
    cleaned_at = models.DateTimeField(null=True)

    class Meta:
        # Retention deletes by time; rows lie in that order, so that the smallest of indexes does.
        indexes = [BrinIndex(fields=["first_at"], name="touch_time")]

    def __str__(self) -> str:
        return f"{self.act} of {self.mailing}"


class PageView(models.Model):
    """What came of one view of the unsubscribe page, as it counts in the tallies: `results` are words with a blank in
    between. A view of which nothing counts has no row."""

    pk = models.CompositePrimaryKey("recipient_id", "visit")
    recipient_id = models.UUIDField()
    visit = models.BigIntegerField()
    brand_id = models.BigIntegerField()
    channel = models.CharField(max_length=5)
    mailing = models.CharField(max_length=100)
    first_at = models.DateTimeField()
    results = models.CharField(max_length=120)

    def __str__(self) -> str:
        return f"page view: {self.results}"


class Scanned(models.Model):
    """A recipient whose mails robots open: who to expect a scanner at. Cleaned up by age, and with the recipient."""

    pk = models.CompositePrimaryKey("recipient_id", "brand_id")
    brand_id = models.BigIntegerField()
    recipient_id = models.UUIDField()
    domain = models.CharField(max_length=253)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    events = models.BigIntegerField()
    messages = models.BigIntegerField()

    class Meta:
        indexes = [
            models.Index(fields=["brand_id", "last_at"], include=["first_at"], name="scanned_last"),
            models.Index(fields=["brand_id", "domain", "last_at"], include=["first_at"], name="scanned_domain"),
        ]

    def __str__(self) -> str:
        return f"{self.events} robots' visits"


class Position(models.Model):
    """How far a reader of a feed has come: it has read everything up to (xid, id)."""

    name = models.CharField(max_length=40, primary_key=True)
    xid = models.BigIntegerField(default=0)
    id_read = models.BigIntegerField(default=0)
    moved_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.name}: {self.xid}.{self.id_read}"


class SpoolPosition(models.Model):
    """How much of a process's spool file is in the database, so that no row of it comes in twice."""

    spool = models.UUIDField(primary_key=True)
    position = models.BigIntegerField()
    drained_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.spool}: {self.position}"


class CountingSwitch(models.Model):
    """Whether non-human interactions are left out of a brand's figures for a channel, from `since` on. Of several rows
    that reach a moment the one decided last holds; without any they are counted. `since` is null until the recount has
    been applied."""

    brand = models.ForeignKey(Brand, models.CASCADE, related_name="counting_switches")
    channel = models.CharField(max_length=5, choices=[(channel.value, channel.value) for channel in Channel])
    leaves_out = models.BooleanField("leave non-human interactions out")
    since = models.DateTimeField(null=True, blank=True)
    decided_at = models.DateTimeField(db_default=Now(), editable=False)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    rejudgement = models.OneToOneField("engagement.Rejudgement", models.SET_NULL, null=True, related_name="switch")

    class Meta:
        verbose_name, verbose_name_plural = "switch", "robots in the figures"
        ordering = ["-decided_at", "-id"]

    def __str__(self) -> str:
        return f"{self.channel}: {'left out' if self.leaves_out else 'counted'}"


class Revision(models.Model):
    """A verdict that was changed after it had been counted: what it was and what it became. Staged by a rejudgement,
    in force from `applied_at` on; with `xid`, the applying transaction, the id is a feed's order."""

    rejudgement = models.ForeignKey("engagement.Rejudgement", models.SET_NULL, null=True, related_name="revisions")
    interaction_id = models.BigIntegerField()
    occurred_at = models.DateTimeField()
    kind = models.CharField(max_length=12)
    brand_id = models.BigIntegerField()
    recipient_id = models.UUIDField()
    old_verdict = models.CharField(max_length=10, choices=VERDICTS)
    new_verdict = models.CharField(max_length=10, choices=VERDICTS)
    old_record = models.CharField(max_length=40)
    new_record = models.CharField(max_length=40)
    old = models.JSONField(default=dict)
    new = models.JSONField(default=dict)
    xid = models.BigIntegerField(null=True)
    applied_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["xid", "id"], condition=models.Q(xid__isnull=False), name="revision_feed"),
            models.Index(fields=["interaction_id"], name="revision_interaction"),
            models.Index(fields=["recipient_id"], name="revision_recipient"),
            BrinIndex(fields=["occurred_at"], name="revision_time"),
        ]

    def __str__(self) -> str:
        return f"{self.old_record} to {self.new_record}"

    @classmethod
    def of(cls, row: Interaction, verdict: str, record: str, **more: Any) -> Revision:
        """Return a change of what is stored to this verdict and record, not yet saved."""
        return cls(
            interaction_id=row.id,
            occurred_at=row.occurred_at,
            kind=row.kind,
            brand_id=row.brand_id,
            recipient_id=row.recipient_id,
            old_verdict=row.verdict,
            new_verdict=verdict,
            old_record=row.record,
            new_record=record,
            old={"score": row.score, "is_hard": row.is_hard, "signals": row.signals, "rules": row.rules},
            **more,
        )
