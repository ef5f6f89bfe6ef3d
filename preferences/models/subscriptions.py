"""What holds for a recipient, as it is kept beside the ledger: topic by topic, and above all topics."""

from __future__ import annotations

from datetime import UTC, date, datetime

from django.db import models

from preferences.models.ledger import State
from preferences.models.topics import Frequency, Topic


class SuppressionReason(models.TextChoices):
    EVERYTHING = "everything", "left everything"
    IMPORT = "import", "imported suppression list"
    ADMIN = "admin", "set by an operator"
    ERASED = "erased", "erased at the person's wish"


# What a person who leaves everything means is a brand's mails of its own accord, not what a contract requires.
SPARING_REQUIRED = frozenset({SuppressionReason.EVERYTHING})


class Subscription(models.Model):
    """The present state of a recipient's topic on a channel. No row means that nothing was ever chosen.

    `previous_state` is what was before, and what an undo of an opt-out returns to: an opt-out that only settles
    another keeps it. `changed_at` is when the state changed last, `settles_at` the moment until which that is
    provisional. `frequency` is "" when none was chosen; nothing is sent before the day `paused_until`.
    """

    pk = models.CompositePrimaryKey("recipient_id", "topic_id", "channel")
    recipient = models.ForeignKey(
        "preferences.Recipient", models.PROTECT, related_name="subscriptions", db_index=False
    )  # see pk
    topic = models.ForeignKey(Topic, models.PROTECT, related_name="+")
    channel = models.CharField(max_length=5)
    state = models.CharField(max_length=7, choices=State)
    previous_state = models.CharField(max_length=7, choices=State, default=State.DEFAULT)
    change_id = models.BigIntegerField()
    changed_at = models.DateTimeField()
    settles_at = models.DateTimeField(null=True)
    frequency = models.CharField(max_length=7, choices=Frequency, blank=True, db_default="")
    paused_until = models.DateField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(state__in=State.values), name="subscription_state"),
        ]

    def __str__(self) -> str:
        return f"{self.topic_id} {self.channel}: {self.state}"


class Suppression(models.Model):
    """Never send to this address, above all topics."""

    recipient = models.OneToOneField(
        "preferences.Recipient", models.PROTECT, primary_key=True, related_name="suppression"
    )
    reason = models.CharField(max_length=10, choices=SuppressionReason)
    created_at = models.DateTimeField()
    change_id = models.BigIntegerField()

    def __str__(self) -> str:
        return self.get_reason_display()


class Pause(models.Model):
    """Nothing is sent before the day `until`, of any topic. It ends by itself; its row stays until the next wish."""

    recipient = models.OneToOneField(
        "preferences.Recipient", models.PROTECT, primary_key=True, related_name="pause_row"
    )
    until = models.DateField()
    change_id = models.BigIntegerField()

    def __str__(self) -> str:
        return f"until {self.until}"


def today() -> date:
    """The day by UTC, which is the database's: a pause ends with the day before the one it names."""
    return datetime.now(UTC).date()
