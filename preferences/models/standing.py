"""What a recipient wishes, what holds for them in the end, and what a verb did about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from preferences.models.ledger import State
from preferences.models.subscriptions import SPARING_REQUIRED, Pause, Subscription, Suppression, today
from preferences.models.topics import Topic
from preferences.models.writing import Setting
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

    `is_provisional` says that evidence may still take it back, `is_of_visitor` that the visitor who was asked about is
    one of those who made it so.
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

    @property
    def is_in_for_visitor(self) -> bool:
        """The same of having subscribed."""
        is_in = self.state == State.IN and not self.is_suppressed
        return is_in and (self.is_of_visitor or not self.is_provisional)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person wants of one topic: in or out, how often, and nothing before which day. None leaves as it is."""

    is_in: bool | None = None
    frequency: str | None = None
    paused_until: date | None = None

    @property
    def setting(self) -> Setting:
        return Setting(self.frequency, self.paused_until)


@dataclass(frozen=True, slots=True)
class Choice:
    """What holds for one topic. `is_in` is what was chosen or is the default, whatever stands above the topic; it
    `is_received` unless a suppression or a pause stops it today. A pause that has ended is none."""

    is_in: bool
    is_received: bool
    frequency: str
    paused_until: date | None
    change_id: int | None


_STANDING = """
SELECT EXISTS (SELECT FROM preferences_suppression WHERE recipient_id = %(recipient)s),
       coalesce(present.state, 'default'), present.change_id,
       coalesce(present.settles_at > clock_timestamp(), false),
       coalesce(present.settles_at > clock_timestamp(), false) AND EXISTS (
           SELECT FROM preferences_preferencechange AS claim
           WHERE recipient_id = %(recipient)s AND topic_id = %(topic)s AND channel = %(channel)s
             AND claim.state = present.state AND claim.settles_at > clock_timestamp()
             AND evidence ->> 'visitor' = %(visitor)s AND evidence ->> 'program' = %(program)s)
FROM (VALUES (1)) AS one LEFT JOIN preferences_subscription AS present
     ON recipient_id = %(recipient)s AND topic_id = %(topic)s AND channel = %(channel)s
"""


def standing_of(recipient_id: UUID, channel: str, topic_id: int | None, visitor: str, program: str) -> Standing:
    """What holds for the topic; one query. `Recipient.standing` tells more."""
    values = {"recipient": recipient_id, "topic": topic_id or 0, "channel": channel}
    values |= {"visitor": visitor, "program": program}
    return Standing(*fetch_all(_STANDING, values)[0])


def choice_of(topic: Topic, row: Subscription | None, suppression: Suppression | None, pause: Pause | None) -> Choice:
    state = row.state if row else State.DEFAULT
    is_in = topic.is_default_in or topic.is_required if state == State.DEFAULT else state == State.IN
    until = row.paused_until if row and row.paused_until and row.paused_until > today() else None
    is_held = suppression is not None and not (topic.is_required and suppression.reason in SPARING_REQUIRED)
    is_paused = not topic.is_required and (until is not None or pause is not None)
    return Choice(
        is_in=is_in,
        is_received=is_in and not is_held and not is_paused,
        frequency=row.frequency if row else "",
        paused_until=until,
        change_id=row.change_id if row else None,
    )


def outcome_of(written: Iterable[int | None]) -> Outcome:
    return Outcome(tuple(change_id for change_id in written if change_id is not None))
