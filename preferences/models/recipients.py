"""Recipients, what they receive, and the verbs that change it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from preferences import addresses
from preferences.links import Channel
from preferences.models import ledger
from preferences.models.brands import Brand, Topic
from preferences.models.ledger import Cause, Restored, State, Step, turn_of
from preferences.prepared import fetch_all


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a verb did: the ids of the ledger rows it wrote, none when all was as wished already."""

    change_ids: tuple[int, ...]

    @property
    def has_changed(self) -> bool:
        return bool(self.change_ids)


@dataclass(frozen=True, slots=True)
class Standing:
    """What holds for a recipient's topic. Without a subscription's row, the state is `default`.

    `is_provisional` says that evidence may still put the subscription back, `is_of_visitor` that the visitor who was
    asked about is one of those who ended it.
    """

    is_suppressed: bool
    state: str
    change_id: int | None
    is_provisional: bool
    is_of_visitor: bool

    @property
    def is_out(self) -> bool:
        """Whether the recipient has left the topic or everything."""
        return self.is_suppressed or self.state == State.OUT

    @property
    def is_out_for_visitor(self) -> bool:
        """Whether the visitor who was asked about can be told so: what someone else began may yet be put back."""
        return self.is_suppressed or (self.state == State.OUT and (self.is_of_visitor or not self.is_provisional))


_STANDING = """
SELECT EXISTS (SELECT FROM preferences_suppression WHERE recipient_id = %(recipient)s),
       coalesce(present.state, 'default'), present.change_id,
       coalesce(present.settles_at > clock_timestamp(), false),
       coalesce(present.settles_at > clock_timestamp(), false) AND EXISTS (
           SELECT FROM preferences_preferencechange
           WHERE recipient_id = %(recipient)s AND topic_id = %(topic)s AND channel = %(channel)s AND state = 'out'
             AND settles_at > clock_timestamp() AND evidence ->> 'visitor' = %(visitor)s
             AND evidence ->> 'program' = %(program)s)
FROM (VALUES (1)) AS one LEFT JOIN preferences_subscription AS present
     ON recipient_id = %(recipient)s AND topic_id = %(topic)s AND channel = %(channel)s
"""


class SuppressionReason(models.TextChoices):
    EVERYTHING = "everything", "left everything"
    IMPORT = "import", "imported suppression list"
    ADMIN = "admin", "set by an operator"


class Recipient(models.Model):
    """A person at an address, as one brand knows them.

    The id is a keyed hash of brand, channel and address. So an unsaved recipient made by `at` already is the
    right one, and a row is written only when something is said about the person.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    brand = models.ForeignKey(Brand, models.PROTECT, related_name="recipients", db_index=False)  # see indexes
    channel = models.CharField(max_length=5, choices=[(c.value, c.value) for c in Channel])
    address = models.CharField(max_length=320)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["brand", "-created_at"], name="recipient_brand_time")]

    def __str__(self) -> str:
        return addresses.mask(Channel(self.channel), self.address)

    @classmethod
    def at(cls, brand_id: int, channel: Channel, address: str) -> Recipient:
        """Return the recipient at `address`, unsaved and without a query; two spellings are one recipient."""
        address = addresses.canonical(channel, address)
        return cls(
            id=addresses.recipient_id(brand_id, channel, address), brand_id=brand_id, channel=channel, address=address
        )

    def opt_out(self, topic_id: int, cause: Cause, *, unless_back_since: datetime | None = None) -> Outcome:
        """End the topic for this recipient. Idempotent; a final cause also settles a provisional opt-out.

        With `unless_back_since`, whoever left and came back since then is not taken off.
        """
        step = replace(self._step(cause, topic_id, State.OUT), unless_back_since=unless_back_since)
        return _outcome([ledger.write_alone(step)])

    def opt_in(self, topic_id: int, cause: Cause) -> Outcome:
        """Begin the topic for this recipient. Idempotent. A suppression, which would contradict it, gives way."""
        with turn_of(self.id, self.brand_id):
            return _outcome([*self._give_way({topic_id}, cause), ledger.write(self._step(cause, topic_id, State.IN))])

    def undo_opt_out(self, topic_id: int, cause: Cause) -> Outcome:
        """Put back what the present opt-out replaced, if there is one. Idempotent."""
        with turn_of(self.id, self.brand_id):
            return _outcome([*self._give_way({topic_id}, cause), ledger.write(self._step(cause, topic_id))])

    def undo_change(self, change_id: int, topic_id: int, cause: Cause) -> Outcome:
        """Put back what the opt-out `change_id` replaced, unless another change has come since. Idempotent."""
        step = Step(self.id, self.brand_id, Channel(self.channel), self.address, cause, topic_id, replacing=change_id)
        return _outcome([ledger.write_alone(step)])

    def reinstate(self, change_id: int, topic_id: int, cause: Cause, restoring: Restored) -> Outcome:
        """Put the row back that the opt-out `change_id`, and those it added to, had replaced: a robot ended it.
        Nothing is written once another change has come since. Idempotent."""
        step = replace(self._step(cause, topic_id), replacing=change_id, restoring=restoring)
        return _outcome([ledger.write_alone(step)])

    def choose(self, wishes: Mapping[int, bool], cause: Cause) -> Outcome:
        """Set the topics named by id to in (True) or out, all or none, and leave every other topic alone."""
        with turn_of(self.id, self.brand_id):
            written = self._give_way(set(wishes), cause) if any(wishes.values()) else []
            for topic_id, is_in in wishes.items():
                written.append(ledger.write(self._step(cause, topic_id, State.IN if is_in else State.OUT)))
            return _outcome(written)

    def leave_everything(self, cause: Cause) -> Outcome:
        """Opt out of every topic of the brand, and of those it does not have yet, by a suppression. Idempotent."""
        topic_ids = Topic.objects.filter(brand_id=self.brand_id).values_list("id", flat=True)
        with turn_of(self.id, self.brand_id):
            written = [ledger.write(self._step(cause, topic_id, State.OUT)) for topic_id in topic_ids]
            return _outcome([*written, ledger.suppress(self._step(cause), SuppressionReason.EVERYTHING)])

    def suppress(self, reason: SuppressionReason, cause: Cause) -> Outcome:
        """Never send to this address again, whatever the topics say. Idempotent."""
        with turn_of(self.id, self.brand_id):
            return _outcome([ledger.suppress(self._step(cause), reason)])

    def lift_suppression(self, cause: Cause) -> Outcome:
        """Let the topics speak again. Idempotent."""
        with turn_of(self.id, self.brand_id):
            return _outcome([ledger.lift(self._step(cause))])

    def standing(self, topic_id: int | None, *, visitor: str = "", program: str = "") -> Standing:
        """What holds for the topic, None for one that nobody has heard of yet; one query. `visitor` and `program` are
        as the evidence of a change has them."""
        values = {"recipient": self.id, "topic": topic_id or 0, "channel": self.channel}
        values |= {"visitor": visitor, "program": program}
        return Standing(*fetch_all(_STANDING, values)[0])

    def is_suppressed(self) -> bool:
        return Suppression.objects.filter(recipient_id=self.id).exists()

    def receives(self, topics: Iterable[Topic]) -> dict[int, bool]:
        """Return, by topic id, whether this recipient receives each of `topics`; two queries."""
        if self.is_suppressed():
            return {topic.id: False for topic in topics}
        states = dict(
            Subscription.objects.filter(recipient_id=self.id, channel=self.channel).values_list("topic_id", "state")
        )
        return {
            topic.id: topic.is_default_in
            if (state := states.get(topic.id, State.DEFAULT)) == State.DEFAULT
            else state == State.IN
            for topic in topics
        }

    def provisional_topics(self) -> frozenset[int]:
        """Return the ids of the topics that the recipient has left provisionally; one query."""
        rows = Subscription.objects.filter(recipient_id=self.id, channel=self.channel, state=State.OUT)
        return frozenset(rows.filter(settles_at__gt=timezone.now()).values_list("topic_id", flat=True))

    def _give_way(self, topic_ids: set[int], cause: Cause) -> list[int | None]:
        """Lift a suppression for the sake of `topic_ids`: every other topic stays off, now by its own state."""
        lifted = ledger.lift(self._step(cause))
        if lifted is None:
            return []
        others = Topic.objects.filter(brand_id=self.brand_id).exclude(id__in=topic_ids).values_list("id", flat=True)
        return [lifted, *(ledger.write(self._step(cause, other, State.OUT)) for other in others)]

    def _step(self, cause: Cause, topic_id: int | None = None, state: State | None = None) -> Step:
        return Step(self.id, self.brand_id, Channel(self.channel), self.address, cause, topic_id, state)


def _outcome(written: Iterable[int | None]) -> Outcome:
    return Outcome(tuple(change_id for change_id in written if change_id is not None))


class Subscription(models.Model):
    """The present state of a recipient's topic on a channel. No row means that nothing was ever chosen.

    `previous_state` is what was before, and what an undo of an opt-out returns to: an opt-out that only settles
    another keeps it. `settles_at` is the moment until which an opt-out is provisional.
    """

    pk = models.CompositePrimaryKey("recipient_id", "topic_id", "channel")
    recipient = models.ForeignKey(Recipient, models.PROTECT, related_name="subscriptions", db_index=False)  # see pk
    topic = models.ForeignKey(Topic, models.PROTECT, related_name="+")
    channel = models.CharField(max_length=5)
    state = models.CharField(max_length=7, choices=State)
    previous_state = models.CharField(max_length=7, choices=State, default=State.DEFAULT)
    change_id = models.BigIntegerField()
    changed_at = models.DateTimeField()
    settles_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(state__in=State.values), name="subscription_state"),
        ]

    def __str__(self) -> str:
        return f"{self.topic_id} {self.channel}: {self.state}"


class Suppression(models.Model):
    """Never send to this address, above all topics."""

    recipient = models.OneToOneField(Recipient, models.PROTECT, primary_key=True, related_name="suppression")
    reason = models.CharField(max_length=10, choices=SuppressionReason)
    created_at = models.DateTimeField()
    change_id = models.BigIntegerField()

    def __str__(self) -> str:
        return self.get_reason_display()
