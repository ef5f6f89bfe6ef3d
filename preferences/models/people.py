"""A person as the preference page knows them: at an address, and where the brand has said so, at a phone number too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import models

from preferences.links import Channel
from preferences.models import writing
from preferences.models.brands import Brand
from preferences.models.ledger import Cause, PreferenceChange, Source, State
from preferences.models.recipients import Recipient
from preferences.models.standing import Outcome, Wish, outcome_of
from preferences.models.subscriptions import Suppression, SuppressionReason
from preferences.models.writing import NOT_PAUSED, Restored, Setting, Step, turn_of
from preferences.tracking import untracked


class Companions(models.Model):
    """An e-mail address and a phone number of which the brand has said that they are one person's."""

    email = models.OneToOneField(Recipient, models.PROTECT, primary_key=True, related_name="companion_phone")
    phone = models.OneToOneField(Recipient, models.PROTECT, related_name="companion_email")
    brand = models.ForeignKey(Brand, models.PROTECT, related_name="+", db_index=False)

    def __str__(self) -> str:
        return f"{self.email} and {self.phone}"


@dataclass(frozen=True, slots=True)
class Person:
    """One or two recipients of one brand, of different channels; the one whose link was opened comes first.

    Each verb is one transaction for all of them.
    """

    recipients: tuple[Recipient, ...]

    @classmethod
    def behind(cls, recipient: Recipient) -> Person:
        """Return the person at `recipient`, which need not be stored; one query."""
        pairs = Companions.objects.filter(models.Q(email_id=recipient.id) | models.Q(phone_id=recipient.id))
        pair = pairs.select_related("email", "phone").first()
        if pair is None:
            return cls((recipient,))
        return cls((recipient, pair.phone if pair.email_id == recipient.id else pair.email))

    @property
    def brand_id(self) -> int:
        return self.recipients[0].brand_id

    def save(
        self,
        wishes: Mapping[Channel, Mapping[int, Wish]],
        cause: Cause,
        *,
        paused_until: date | None = None,
        is_untracked: bool | None = None,
    ) -> Outcome:
        """Grant the wishes by channel and topic id, pause everything until a day (a day past ends the pause), refuse or
        allow tracking; None leaves as it is: all or none."""
        with self._turn():
            written: list[int | None] = []
            for recipient in self.recipients:
                written += recipient.choose_in_turn(wishes.get(Channel(recipient.channel), {}), cause)
                if paused_until is not None:
                    written.append(recipient.pause_in_turn(paused_until, cause))
                if is_untracked is not None:
                    written.append(recipient.track_in_turn(not is_untracked, cause))
            return outcome_of(written)

    def leave_everything(self, cause: Cause) -> Outcome:
        """As `Recipient.leave_everything`, on every channel."""
        with self._turn():
            return outcome_of(
                change_id for recipient in self.recipients for change_id in recipient.leave_everything_in_turn(cause)
            )

    def come_back(self, cause: Cause) -> Outcome:
        """End what stands above all topics, and put back those that leaving everything had ended; a topic that was left
        for itself, before or since, stays off. Idempotent."""
        with self._turn():
            return outcome_of(change_id for recipient in self.recipients for change_id in _bring_back(recipient, cause))

    def undo(self, visit: int, cause: Cause) -> Outcome:
        """Put back exactly what the save, or the saves, of the page view `visit` had replaced, but nothing that has
        changed again since. Idempotent."""
        with self._turn():
            written: list[int | None] = []
            for recipient in self.recipients:
                rows = recipient.changes.filter(evidence__visit=visit, source=Source.PREFERENCE_PAGE).order_by("id")
                written += _undo(recipient, list(rows), cause)
            return outcome_of(written)

    def changes_of(self, visit: int) -> list[PreferenceChange]:
        """What the page view `visit` has changed and its undo has put back, oldest first."""
        rows = PreferenceChange.objects.filter(recipient_id__in=[recipient.id for recipient in self.recipients])
        return list(rows.filter(evidence__visit=visit).select_related("topic").order_by("id"))

    def paused_until(self) -> date | None:
        """The day before which nothing is sent on any channel; where they differ, the later."""
        days = [day for recipient in self.recipients if (day := recipient.paused_until())]
        return max(days, default=None)

    def is_untracked(self) -> bool:
        """Whether tracking was refused on every channel."""
        ids = [recipient.id for recipient in self.recipients]
        return untracked(ids) == set(ids)

    def is_suppressed(self) -> bool:
        """Whether everything was left on every channel."""
        return all(recipient.is_suppressed() for recipient in self.recipients)

    def _turn(self) -> Any:
        return turn_of(self.brand_id, *(recipient.id for recipient in self.recipients))


def _bring_back(recipient: Recipient, cause: Cause) -> Iterable[int | None]:
    suppression = Suppression.objects.filter(recipient_id=recipient.id).first()
    if suppression is not None:
        leaving = recipient.changes.get(id=suppression.change_id)
        ended = recipient.changes.filter(id__in=leaving.replaced.get("ended", [])).order_by("id")
        yield from _undo(recipient, list(ended), cause)
    step = _step(recipient, cause)
    yield writing.lift(step)
    yield writing.go_on(step)


def _undo(recipient: Recipient, rows: list[PreferenceChange], cause: Cause) -> Iterable[int | None]:
    """Per topic, restore what the first of the rows replaced, if the last of them is still what holds."""
    by_topic: dict[int, list[PreferenceChange]] = {}
    for row in rows:
        if row.topic_id is None:
            continue
        by_topic.setdefault(row.topic_id, []).append(row)
    for topic_id, own in by_topic.items():
        yield writing.write(_restoring(recipient, topic_id, own[0].replaced, own[-1].id, cause))
    above = [row for row in rows if row.topic_id is None]
    yield from _undo_above(recipient, above, cause)


def _restoring(recipient: Recipient, topic_id: int, was: Mapping[str, Any], last_id: int, cause: Cause) -> Step:
    since, until = was.get("since"), was.get("paused_until")
    return Step(
        recipient.id,
        recipient.brand_id,
        Channel(recipient.channel),
        recipient.address,
        cause,
        topic_id,
        State(was["state"]),
        replacing=last_id,
        restoring=Restored(
            State(was.get("previous") or State.DEFAULT), datetime.fromisoformat(since) if since else None
        ),
        setting=Setting(was.get("frequency", ""), date.fromisoformat(until) if until else NOT_PAUSED),
    )


def _undo_above(recipient: Recipient, rows: list[PreferenceChange], cause: Cause) -> Iterable[int | None]:
    suppressing = [row for row in rows if row.has_suppressed]
    pausing = [row for row in rows if row.has_paused]
    tracking = [row for row in rows if row.has_tracked]
    step = _step(recipient, cause)
    if suppressing and _holds(recipient, suppressing[-1], "has_suppressed"):
        was = suppressing[0].replaced.get("suppression")
        yield writing.suppress(step, SuppressionReason(was)) if was else writing.lift(step)
    if pausing and _holds(recipient, pausing[-1], "has_paused"):
        until = pausing[0].replaced.get("paused_until")
        yield recipient.pause_in_turn(date.fromisoformat(until) if until else NOT_PAUSED, cause)
    if tracking and _holds(recipient, tracking[-1], "has_tracked"):
        yield recipient.track_in_turn(not tracking[0].replaced.get("is_untracked"), cause)


def _holds(recipient: Recipient, row: PreferenceChange, part: str) -> bool:
    """Whether this part of what the row said about everything is still what holds: no other view has changed it."""
    later = recipient.changes.filter(topic=None, id__gt=row.id).exclude(evidence__visit=row.evidence["visit"])
    return not any(getattr(other, part) for other in later)


def _step(recipient: Recipient, cause: Cause) -> Step:
    return Step(recipient.id, recipient.brand_id, Channel(recipient.channel), recipient.address, cause)
