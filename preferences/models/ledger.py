"""The ledger: one row per change of what someone receives, and the one place that writes it.

A change is written together with the state it leads to, in one transaction, under a lock on the recipient.
Lock before write matters for readers too: a row's transaction id is drawn after the lock is held, so that the
feed's order (xid, id) is, for each recipient, the order in which the changes took effect.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, models, transaction
from django.db.models.functions import Now

from preferences.links import Channel
from preferences.models.brands import Brand, Topic
from preferences.prepared import fetch_all


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

    `topic` is null for a change of the suppression, which stands above all topics. `replaced` holds the state
    before, the id of the change that had made it, when that was, and the state before that.
    """

    xid = models.BigIntegerField(db_default=TransactionId(), editable=False)
    changed_at = models.DateTimeField(db_default=Now())
    # No index of their own: the ones below begin with brand and recipient, and every index slows every opt-out.
    brand = models.ForeignKey(Brand, models.PROTECT, related_name="+", db_index=False)
    recipient = models.ForeignKey("preferences.Recipient", models.PROTECT, related_name="changes", db_index=False)
    topic = models.ForeignKey(Topic, models.PROTECT, null=True, blank=True, related_name="+", db_index=False)
    channel = models.CharField(max_length=5)
    state = models.CharField(max_length=7, choices=State)
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

    def is_provisional_at(self, moment: datetime) -> bool:
        return self.settles_at is not None and moment < self.settles_at


@contextmanager
def turn_of(recipient_id: UUID, brand_id: int) -> Iterator[None]:
    """Hold the recipient's turn: a transaction in which nobody else changes this recipient.

    It is the outermost one: inside another, the change would not be on disk when the verb returns, and the feed's
    order would be that of the outer transaction's first write.

    The brand's lock is shared here and taken alone by bulk imports. A database set to answer before the disk
    does is overruled: an acknowledged opt-out is on disk (promise P4).
    """
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(_TAKE_TURN, {"brand": brand_id, "brand_lock": BRAND_LOCK, "turn": _lock_number(recipient_id)})
        yield


_TAKE_TURN = """
SELECT pg_advisory_xact_lock_shared(%(brand_lock)s, %(brand)s), pg_advisory_xact_lock(%(turn)s),
       CASE current_setting('synchronous_commit') WHEN 'off' THEN set_config('synchronous_commit', 'on', true) END
"""
BRAND_LOCK = 0x0FA2E  # the first half of the two-part advisory lock whose second half is the brand's id


def _lock_number(recipient_id: UUID) -> int:
    """Two recipients that share a number only wait for each other now and then."""
    return int.from_bytes(recipient_id.bytes[:8], signed=True)


@dataclass(frozen=True, slots=True)
class Step:
    """One change about to be written. `state` None means back to what the present opt-out replaced, and then
    `replacing` may name the change that must still be the present one. With `unless_back_since`, nothing is written
    for a recipient who has come back since, or who is suppressed and so out already. `restoring` goes with no state.

    Brand and topic are ids, so that a caller with a cached brand needs no query for them. A suppression has
    neither topic nor state.
    """

    recipient_id: UUID
    brand_id: int
    channel: Channel
    address: str
    cause: Cause
    topic_id: int | None = None
    state: State | None = None
    replacing: int | None = None
    unless_back_since: datetime | None = None
    restoring: Restored | None = None


@dataclass(frozen=True, slots=True)
class Restored:
    """What a subscription's row said before it was ended, and says again when that is taken back."""

    previous_state: State
    since: datetime | None


# The function (made by a migration) takes the recipient's turn itself, reads what holds, and writes the recipient, the
# change and the present state. Each of its statements sees what was committed while it waited for its turn.
_WRITE = """
SELECT preferences_write_change(
    %(brand)s::bigint, %(recipient)s, %(channel)s, %(address)s, %(topic)s::bigint, %(state)s, %(source)s, %(reason)s,
    %(evidence)s::jsonb, %(mailing)s, %(actor)s, %(settles_at)s::timestamptz, %(replacing)s::bigint,
    %(back_since)s::timestamptz, %(brand_lock)s::integer, %(turn)s::bigint, %(previous)s, %(since)s::timestamptz)
"""

# Suppression stands above all topics; its ledger rows have no topic. A repeated one changes nothing.
_SUPPRESS = """
WITH known AS (
    INSERT INTO preferences_recipient (id, brand_id, channel, address)
    VALUES (%(recipient)s, %(brand)s, %(channel)s, %(address)s)
    ON CONFLICT (id) DO NOTHING
), change AS (
    INSERT INTO preferences_preferencechange
        (changed_at, brand_id, recipient_id, channel, state, source, reason, evidence, mailing, actor, replaced)
    SELECT clock_timestamp(), %(brand)s, %(recipient)s, %(channel)s, 'out', %(source)s, %(reason)s,
           %(evidence)s::jsonb, %(mailing)s, %(actor)s, jsonb_build_object('state', 'default', 'change', NULL)
    WHERE NOT EXISTS (SELECT FROM preferences_suppression WHERE recipient_id = %(recipient)s)
    RETURNING id, changed_at
), present AS (
    INSERT INTO preferences_suppression (recipient_id, reason, created_at, change_id)
    SELECT %(recipient)s, %(why)s, changed_at, id FROM change
)
SELECT id FROM change
"""
_LIFT = """
WITH lifted AS (
    DELETE FROM preferences_suppression WHERE recipient_id = %(recipient)s RETURNING change_id
)
INSERT INTO preferences_preferencechange
    (changed_at, brand_id, recipient_id, channel, state, source, reason, evidence, mailing, actor, replaced)
SELECT clock_timestamp(), %(brand)s, %(recipient)s, %(channel)s, 'default', %(source)s, %(reason)s,
       %(evidence)s::jsonb, %(mailing)s, %(actor)s, jsonb_build_object('state', 'out', 'change', change_id)
FROM lifted
RETURNING id
"""


def write(step: Step) -> int | None:
    """Write the change and the state it leads to; return its id, or None if nothing changes.

    Taking the turn is part of it, so that alone it is one round trip to the database, and one transaction.
    """
    return _execute(
        _WRITE,
        step,
        topic=step.topic_id,
        state=step.state.value if step.state else None,
        settles_at=step.cause.settles_at,
        replacing=step.replacing,
        back_since=step.unless_back_since,
        brand_lock=BRAND_LOCK,
        turn=_lock_number(step.recipient_id),
        previous=step.restoring.previous_state.value if step.restoring else None,
        since=step.restoring.since if step.restoring else None,
    )


def write_alone(step: Step) -> int | None:
    """Write as `write` does, in a transaction of its own. Raises RuntimeError inside another one."""
    if connection.in_atomic_block and not getattr(connection.atomic_blocks[-1], "_from_testcase", False):
        raise RuntimeError("A verb's change must be durable when it returns: do not nest it in a transaction.")
    return write(step)


def suppress(step: Step, why: str) -> int | None:
    """Suppress the recipient for the reason `why`, inside `turn_of`; return as `write` does."""
    return _execute(_SUPPRESS, step, why=why)


def lift(step: Step) -> int | None:
    """Lift the recipient's suppression, if there is one, inside `turn_of`; return as `write` does."""
    return _execute(_LIFT, step)


def _execute(statement: str, step: Step, **values: Any) -> int | None:
    cause = step.cause
    rows = fetch_all(
        statement,
        {
            "recipient": step.recipient_id,
            "brand": step.brand_id,
            "channel": step.channel.value,
            "address": step.address,
            "source": cause.source.value,
            "reason": cause.reason,
            "evidence": json.dumps(cause.evidence),
            "mailing": cause.mailing,
            "actor": cause.actor,
            **values,
        },
    )
    return rows[0][0] if rows else None
