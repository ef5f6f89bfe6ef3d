"""Recipients, and the verbs that change what they receive."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from preferences import addresses
from preferences.links import Channel
from preferences.models import writing
from preferences.models.brands import Brand
from preferences.models.ledger import Cause, PreferenceChange, Source, State
from preferences.models.standing import Choice, Outcome, Standing, Wish, choice_of, outcome_of, standing_of
from preferences.models.subscriptions import (
    SPARING_REQUIRED,
    Pause,
    Subscription,
    Suppression,
    SuppressionReason,
    today,
)
from preferences.models.topics import Topic
from preferences.models.writing import UNCHANGED, Restored, Setting, Step, turn_of


class Recipient(models.Model):
    """A person at an address, as one brand knows them.

    The id is a keyed hash of brand, channel and address. So an unsaved recipient made by `at` already is the
    right one, and a row is written only when something is said about the person.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    brand = models.ForeignKey(Brand, models.PROTECT, related_name="recipients", db_index=False)  # see indexes
    channel = models.CharField(max_length=5, choices=[(c.value, c.value) for c in Channel])
    address = models.CharField(max_length=320)
    is_untracked = models.BooleanField("no tracking", default=False, db_default=False, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["brand", "-created_at"], name="recipient_brand_time"),
            models.Index(fields=["id"], name="recipient_untracked", condition=models.Q(is_untracked=True)),
        ]

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
        return outcome_of([writing.write_alone(step)])

    def opt_out_late(
        self, topic_id: int, cause: Cause, wished_at: datetime, *, unless_back_since: datetime | None = None
    ) -> Outcome:
        """As `opt_out`, for a wish that had to wait since `wished_at`. Whoever has said otherwise since is not taken
        off: the newest wish holds."""
        step = replace(self._step(cause, topic_id, State.OUT), unless_back_since=unless_back_since)
        with turn_of(self.brand_id, self.id):
            if self._has_stayed(topic_id, wished_at):
                return Outcome(())
            return outcome_of([writing.write(step)])

    def opt_in(self, topic_id: int, cause: Cause, *, unless_left_since: datetime | None = None) -> Outcome:
        """Begin the topic for this recipient. Idempotent; a final cause also settles a provisional opt-in. A
        suppression, which would contradict it, gives way.

        With `unless_left_since`, whoever has left since then or is suppressed is not brought back, nor is anyone whose
        opt-out is provisional.
        """
        with turn_of(self.brand_id, self.id):
            if unless_left_since is not None and self._has_left(topic_id, unless_left_since):
                return Outcome(())
            lifted = [] if self._is_spared(topic_id) else self._give_way({topic_id}, cause)
            step = self._step(cause, topic_id, State.IN)
            return outcome_of([*lifted, writing.write(self._anew(step, topic_id) if lifted else step)])

    def undo_opt_out(self, topic_id: int, cause: Cause, setting: Setting = UNCHANGED) -> Outcome:
        """Put back what the present opt-out replaced, if there is one, with another `setting` if given: fewer mails, or
        none for a while, instead of none for ever. Idempotent."""
        step = replace(self._step(cause, topic_id), setting=setting)
        with turn_of(self.brand_id, self.id):
            return outcome_of([*self._give_way({topic_id}, cause), writing.write(step)])

    def undo_opt_in(self, topic_id: int, cause: Cause) -> Outcome:
        """Put back what the present opt-in replaced, if any, and a suppression that gave way to it. Idempotent."""
        with turn_of(self.brand_id, self.id):
            row = Subscription.objects.filter(recipient_id=self.id, topic_id=topic_id, channel=self.channel).first()
            if row is None or row.state != State.IN:
                return Outcome(())
            began = self._began_anew(row.change_id)
            step = self._restoring(began, cause) if began else self._step(cause, topic_id, State(row.previous_state))
            return outcome_of(self._end_opt_in(replace(step, replacing=row.change_id), topic_id))

    def undo_change(self, change_id: int, topic_id: int, cause: Cause) -> Outcome:
        """Put back what the opt-out `change_id` replaced, unless another change has come since. Idempotent."""
        step = Step(self.id, self.brand_id, Channel(self.channel), self.address, cause, topic_id, replacing=change_id)
        return outcome_of([writing.write_alone(step)])

    def reinstate(
        self, change_id: int, topic_id: int, cause: Cause, restoring: Restored, state: State | None = None
    ) -> Outcome:
        """Put the row back that the opt-out `change_id`, and those it added to, had replaced: a robot ended it. With a
        `state`, the one before, it was an opt-in, and a suppression that gave way to it comes back as well.
        Nothing is written once another change has come since. Idempotent."""
        step = replace(self._step(cause, topic_id, state), replacing=change_id, restoring=restoring)
        if state is None:
            return outcome_of([writing.write_alone(step)])
        with turn_of(self.brand_id, self.id):
            return outcome_of(self._end_opt_in(step, topic_id))

    def choose(self, wishes: Mapping[int, Wish], cause: Cause) -> Outcome:
        """Grant the wishes about the topics named by id, all or none, and leave every other topic alone."""
        with turn_of(self.brand_id, self.id):
            return outcome_of(self.choose_in_turn(wishes, cause))

    def leave_everything(self, cause: Cause) -> Outcome:
        """Opt out of every topic of the brand, and of those it does not have yet, by a suppression; what a contract
        requires stays. Idempotent."""
        with turn_of(self.brand_id, self.id):
            return outcome_of(self.leave_everything_in_turn(cause))

    def pause(self, until: date, cause: Cause) -> Outcome:
        """Send nothing before the day `until`; a day past ends the pause. Idempotent."""
        with turn_of(self.brand_id, self.id):
            return outcome_of([self.pause_in_turn(until, cause)])

    def refuse_tracking(self, cause: Cause) -> Outcome:
        """Record neither opens nor clicks of this recipient from now on. Idempotent."""
        with turn_of(self.brand_id, self.id):
            return outcome_of([self.track_in_turn(False, cause)])

    def allow_tracking(self, cause: Cause) -> Outcome:
        """Record them again, where the brand does. Idempotent."""
        with turn_of(self.brand_id, self.id):
            return outcome_of([self.track_in_turn(True, cause)])

    # The verbs' inner halves, for who holds the turn: a `Person` holds several at once.

    def choose_in_turn(self, wishes: Mapping[int, Wish], cause: Cause) -> list[int | None]:
        coming = {topic_id for topic_id, wish in wishes.items() if wish.is_in}
        written = self._give_way(coming, cause) if coming else []
        for topic_id, wish in wishes.items():
            state = None if wish.is_in is None else State.IN if wish.is_in else State.OUT
            step = replace(self._step(cause, topic_id, state), setting=wish.setting, is_setting=state is None)
            written.append(writing.write(step))
        return written

    def leave_everything_in_turn(self, cause: Cause) -> list[int | None]:
        topics = Topic.objects.filter(brand_id=self.brand_id, is_required=False)
        written = [
            writing.write(self._step(cause, topic_id, State.OUT)) for topic_id in topics.values_list("id", flat=True)
        ]
        ended = [change_id for change_id in written if change_id is not None]
        return [*written, writing.suppress(self._step(cause), SuppressionReason.EVERYTHING, ended)]

    def pause_in_turn(self, until: date, cause: Cause) -> int | None:
        step = self._step(cause)
        return writing.pause(step, until) if until > today() else writing.go_on(step)

    def track_in_turn(self, is_tracked: bool, cause: Cause) -> int | None:
        return writing.track(self._step(cause), is_tracked=is_tracked)

    def suppress(self, reason: SuppressionReason, cause: Cause) -> Outcome:
        """Never send to this address again, whatever the topics say. Idempotent."""
        with turn_of(self.brand_id, self.id):
            return outcome_of([writing.suppress(self._step(cause), reason)])

    def lift_suppression(self, cause: Cause) -> Outcome:
        """Let the topics speak again. Idempotent."""
        with turn_of(self.brand_id, self.id):
            return outcome_of([writing.lift(self._step(cause))])

    def standing(self, topic_id: int | None, *, visitor: str = "", program: str = "") -> Standing:
        """What holds for the topic, None for one that nobody has heard of yet; one query. `visitor` and `program` are
        as the evidence of a change has them."""
        return standing_of(self.id, self.channel, topic_id, visitor, program)

    def is_suppressed(self) -> bool:
        return Suppression.objects.filter(recipient_id=self.id).exists()

    def receives(self, topics: Iterable[Topic]) -> dict[int, bool]:
        """Return, by topic id, whether this recipient receives each of `topics` today; three queries."""
        return {topic_id: choice.is_received for topic_id, choice in self.choices(topics).items()}

    def choices(self, topics: Iterable[Topic]) -> dict[int, Choice]:
        """Return, by topic id, what holds for each of `topics`; three queries."""
        suppression = Suppression.objects.filter(recipient_id=self.id).first()
        pause = Pause.objects.filter(recipient_id=self.id, until__gt=today()).first()
        rows = Subscription.objects.filter(recipient_id=self.id, channel=self.channel)
        present = {row.topic_id: row for row in rows}
        return {topic.id: choice_of(topic, present.get(topic.id), suppression, pause) for topic in topics}

    def paused_until(self) -> date | None:
        """The day before which nothing at all is sent, None when no pause of everything holds."""
        pause = Pause.objects.filter(recipient_id=self.id, until__gt=today()).first()
        return pause.until if pause else None

    def provisional_topics(self) -> frozenset[int]:
        """Return the ids of the topics that the recipient has left provisionally; one query."""
        rows = Subscription.objects.filter(recipient_id=self.id, channel=self.channel, state=State.OUT)
        return frozenset(rows.filter(settles_at__gt=timezone.now()).values_list("topic_id", flat=True))

    def _give_way(self, topic_ids: Collection[int], cause: Cause) -> list[int | None]:
        """Lift a suppression for the sake of `topic_ids`: every other topic stays off, now by its own state."""
        lifted = writing.lift(self._step(cause))
        if lifted is None:
            return []
        others = Topic.objects.filter(brand_id=self.brand_id, is_required=False).exclude(id__in=topic_ids)
        ids = others.values_list("id", flat=True)
        return [lifted, *(writing.write(self._step(cause, other, State.OUT)) for other in ids)]

    def _is_spared(self, topic_id: int) -> bool:
        """Whether the suppression leaves this topic alone, so that having it contradicts nothing."""
        held = Suppression.objects.filter(recipient_id=self.id, reason__in=SPARING_REQUIRED)
        return held.exists() and Topic.objects.filter(id=topic_id, is_required=True).exists()

    def _has_left(self, topic_id: int, since: datetime) -> bool:
        """Whether the newest wish about the topic is to be without it: left since then, or undone an opt-in."""
        rows = Subscription.objects.filter(recipient_id=self.id, topic_id=topic_id, channel=self.channel)
        is_out = models.Q(changed_at__gte=since) | models.Q(settles_at__gt=timezone.now())
        undone = models.Q(previous_state=State.IN, changed_at__gte=since)
        return (
            self.is_suppressed()
            or rows.filter(models.Q(state=State.OUT) & is_out | models.Q(state=State.DEFAULT) & undone).exists()
        )

    def _has_stayed(self, topic_id: int, since: datetime) -> bool:
        """Whether the newest wish about the topic is to have it. That a robot's opt-out was put back is nobody's."""
        rows = Subscription.objects.filter(recipient_id=self.id, topic_id=topic_id, channel=self.channel)
        row = rows.exclude(state=State.OUT).filter(changed_at__gte=since).first()
        return row is not None and not self.changes.filter(id=row.change_id, source=Source.REINSTATEMENT).exists()

    def _anew(self, step: Step, topic_id: int) -> Step:
        """A topic that was on beneath a suppression begins with its end, so that both are taken back as one."""
        row = Subscription.objects.filter(recipient_id=self.id, topic_id=topic_id, channel=self.channel).first()
        if row is None or row.state != State.IN:
            return step
        return replace(step, restoring=Restored(State(row.previous_state), None))

    def _began_anew(self, change_id: int) -> PreferenceChange | None:
        """The opt-in at which the present one began, if the topic had been on beneath a suppression before."""
        row = self.changes.get(id=change_id)
        while row.replaced.get("state") == State.IN and not (row.has_begun_anew or row.has_put_back):
            row = self.changes.get(id=row.replaced["change"])
        return row if row.has_begun_anew else None

    def _end_opt_in(self, step: Step, topic_id: int) -> list[int | None]:
        """Take an opt-in back by `step`, and with it that a suppression gave way to it."""
        ended = writing.write(step)
        lifting = self._lifting_for(topic_id) if ended else None
        if ended is None or lifting is None:
            return [ended]
        suppressing = self.changes.filter(id=lifting.replaced["change"]).first()
        before = suppressing.replaced.get("ended", []) if suppressing else []
        own = [ended] if self.changes.filter(id__in=before, topic_id=topic_id).exists() else []
        others = self.changes.filter(id__gt=lifting.id, state=State.OUT, evidence__visit=lifting.evidence["visit"])
        steps = [self._restoring(row, step.cause) for row in others.exclude(topic_id=topic_id)]
        reason = lifting.replaced["suppression"]
        return [ended, *map(writing.write, steps), writing.suppress(self._step(step.cause), reason, [*before, *own])]

    def _lifting_for(self, topic_id: int) -> PreferenceChange | None:
        """The end of the suppression that gave way to an opt-in, if that is the last word about suppressing."""
        above = self.changes.filter(topic=None).order_by("-id")
        row = next((row for row in above if row.has_suppressed), None)
        if row is None or row.state == State.OUT or not row.replaced.get("suppression") or "visit" not in row.evidence:
            return None
        opt_ins = self.changes.filter(id__gt=row.id, topic_id=topic_id, state=State.IN)
        return row if opt_ins.filter(evidence__visit=row.evidence["visit"]).exists() else None

    def _restoring(self, row: PreferenceChange, cause: Cause) -> Step:
        """Back to what `row` replaced, if it is what holds."""
        since = row.replaced.get("since")
        restored = Restored(
            State(row.replaced.get("previous") or State.DEFAULT), datetime.fromisoformat(since) if since else None
        )
        step = self._step(cause, row.topic_id, State(row.replaced["state"]))
        return replace(step, replacing=row.id, restoring=restored)

    def _step(self, cause: Cause, topic_id: int | None = None, state: State | None = None) -> Step:
        return Step(self.id, self.brand_id, Channel(self.channel), self.address, cause, topic_id, state)
