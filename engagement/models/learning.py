"""What Farewell has learned by watching and by asking, and its second looks at what it had judged."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class LearnedQuerySet(models.QuerySet["Learned"]):
    def in_force(self) -> LearnedQuerySet:
        return self.filter(is_refused=False)


class Learned(models.Model):
    """An agent or a network whose recorded visits were a machine's, with the evidence for it.

    `value` is the agent as sent, cut as interactions keep it, or a network as interactions keep it (/24, /48).
    """

    class Kind(models.TextChoices):
        AGENT = "agent", "program"
        NETWORK = "network", "network"

    kind = models.CharField(max_length=7, choices=Kind)
    value = models.CharField(max_length=512)
    evidence = models.JSONField(default=dict)
    learned_at = models.DateTimeField(db_default=Now(), editable=False)
    is_refused = models.BooleanField("refused", default=False)
    decided_by = models.CharField(max_length=150, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)

    objects = LearnedQuerySet.as_manager()

    class Meta:
        verbose_name = "learned robot"
        ordering = ["-learned_at", "-id"]
        constraints = [models.UniqueConstraint(fields=["kind", "value"], name="learned_kind_value")]

    def __str__(self) -> str:
        return self.value


class MailHost(models.Model):
    """Who takes the mail of a recipient's domain, by its MX records; `gateway` is the known one among them, or "".

    `looked_up_at` is null until the first lookup; `problem` says why the last one brought nothing.
    """

    domain = models.CharField(max_length=253, primary_key=True)
    gateway = models.CharField(max_length=50, blank=True)
    hosts = models.JSONField(default=list)
    asked_at = models.DateTimeField(db_default=Now(), editable=False)
    looked_up_at = models.DateTimeField(null=True, blank=True)
    problem = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["domain"]
        indexes = [models.Index(fields=["looked_up_at"], name="mail_host_looked_up")]

    def __str__(self) -> str:
        return self.domain


class Rejudgement(models.Model):
    """One run over stored interactions that judges them again: what would change, and whether that was applied.

    `verdicts` counts pairs of old and new verdict ({"unsure": {"machine": 12}}), `policies` what arrivals would have
    done under each policy ({"strict": {"left": 1, "asked": 9}}), `examples` a few interactions that change.
    """

    class State(models.TextChoices):
        LOOKING = "looking", "being looked at"
        READY = "ready", "ready to apply"
        APPLYING = "applying", "being applied"
        APPLIED = "applied", "applied"
        FAILED = "failed", "failed"

    state = models.CharField(max_length=8, choices=State, default=State.LOOKING)
    since = models.DateTimeField()
    until = models.DateTimeField()
    brand = models.ForeignKey("preferences.Brand", models.PROTECT, null=True, blank=True, related_name="+")
    channel = models.CharField(max_length=5, blank=True, db_default="")
    is_backward = models.BooleanField(
        "with what was learned since",
        default=False,
        db_default=False,
        help_text="Robots that were learned after a visit count against it, too.",
    )
    rules = models.SmallIntegerField("rule version")
    seen_count = models.BigIntegerField(default=0)
    total_count = models.BigIntegerField(default=0)
    changed_count = models.BigIntegerField(default=0)
    verdicts = models.JSONField(default=dict)
    policies = models.JSONField(default=dict)
    examples = models.JSONField(default=list)
    actor = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)
    problem = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"since {self.since:%Y-%m-%d %H:%M}"
