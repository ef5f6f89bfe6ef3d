"""The ledger replayed from nothing: what it alone says holds, to be compared with the state that is kept beside it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from preferences.models import Pause, PreferenceChange, Recipient, Source, State, Subscription, Suppression


@dataclass(frozen=True, slots=True)
class Held:
    """What holds for one topic and channel: the fields of a `Subscription`."""

    state: str
    previous_state: str
    change_id: int
    changed_at: datetime
    settles_at: datetime | None
    frequency: str
    paused_until: date | None


@dataclass(slots=True)
class Present:
    """All that holds for a recipient, by (topic id, channel); `suppression` as (reason, change id, since), `pause` as
    (day, change id); whether opens and clicks go unrecorded."""

    topics: dict[tuple[int, str], Held] = field(default_factory=dict)
    suppression: tuple[str, int, datetime] | None = None
    pause: tuple[date, int] | None = None
    is_untracked: bool = False


def replay(rows: Iterable[PreferenceChange]) -> Present:
    """Return what one recipient's rows, oldest first, lead to."""
    present = Present()
    ended: dict[tuple[int, str], dict[str, Any]] = {}  # what the opt-outs that hold had replaced
    for row in rows:
        if row.topic_id is None:
            _above(present, row)
            continue
        key = (row.topic_id, row.channel)
        before = present.topics.get(key)
        if row.state == State.OUT and (before is None or before.state != State.OUT):
            ended[key] = row.replaced
        present.topics[key] = _held(row, before, ended.get(key, {}))
    return present


def _held(row: PreferenceChange, before: Held | None, ended: dict[str, Any]) -> Held:
    previous, since = _origin(row, before, ended)
    return Held(row.state, previous, row.id, since, row.settles_at, row.frequency, row.paused_until)


def _origin(row: PreferenceChange, before: Held | None, ended: dict[str, Any]) -> tuple[str, datetime]:
    """The state before the present one, and since when that holds."""
    restored = row.replaced.get("restored")
    if restored is None and row.source == Source.REINSTATEMENT:  # rows of before version 0.3 do not say it themselves
        restored = ended
    if restored is not None:
        since = restored.get("since")
        return restored.get("previous") or State.DEFAULT, datetime.fromisoformat(since) if since else row.changed_at
    was, previous = (before.state, before.previous_state) if before else (State.DEFAULT, State.DEFAULT)
    if row.replaced.get("kept"):
        return previous, before.changed_at if before else row.changed_at
    return previous if was == row.state else was, row.changed_at


def _above(present: Present, row: PreferenceChange) -> None:
    """A row without a topic says all of what stands above all topics, and changed one part of it."""
    present.is_untracked = row.is_untracked
    if row.state != State.OUT:
        present.suppression = None
    elif present.suppression is None or present.suppression[0] != row.suppression:
        present.suppression = (row.suppression, row.id, row.changed_at)
    if row.paused_until is None:
        present.pause = None
    elif present.pause is None or present.pause[0] != row.paused_until:
        present.pause = (row.paused_until, row.id)


def stored(recipient_id: UUID) -> Present:
    """Return what the tables beside the ledger say; four queries."""
    recipient = Recipient.objects.filter(id=recipient_id).first()
    rows = Subscription.objects.filter(recipient_id=recipient_id)
    suppression = Suppression.objects.filter(recipient_id=recipient_id).first()
    pause = Pause.objects.filter(recipient_id=recipient_id).first()
    return Present(
        {
            (row.topic_id, row.channel): Held(
                row.state,
                row.previous_state,
                row.change_id,
                row.changed_at,
                row.settles_at,
                row.frequency,
                row.paused_until,
            )
            for row in rows
        },
        (suppression.reason, suppression.change_id, suppression.created_at) if suppression else None,
        (pause.until, pause.change_id) if pause else None,
        recipient is not None and recipient.is_untracked,
    )


def differing(recipient_ids: Iterable[UUID]) -> Iterator[UUID]:
    """Yield those of the recipients whose state is not what their ledger says."""
    ids = list(recipient_ids)
    rows = PreferenceChange.objects.filter(recipient_id__in=ids).order_by("recipient_id", "id")
    told = {id: replay(list(own)) for id, own in groupby(rows, key=lambda row: row.recipient_id)}
    for recipient_id in ids:
        if told.get(recipient_id, Present()) != stored(recipient_id):
            yield recipient_id
