"""What a page view has changed, told from the ledger's rows: so a form that is sent twice is answered twice alike."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.utils.translation import gettext

from preferences.languages import spoken_date
from preferences.links import Channel
from preferences.models import PreferenceChange
from preferences.models.subscriptions import today
from preferences.switches import Board, Offer, Switch, is_held
from preferences.wording import CHANNELS, FREQUENCIES, spoken_list


@dataclass(frozen=True, slots=True)
class Summary:
    """What is different now: names as the language lists them, "" for none; `paused` by day.

    `everything` is "left", "paused" or "goes on" where that was changed, `tracking` "refused" or "allowed".
    """

    on: str = ""
    off: str = ""
    often: str = ""
    paused: tuple[tuple[str, str], ...] = ()
    goes_on: str = ""
    everything: str = ""
    everything_until: str = ""
    tracking: str = ""

    @property
    def is_empty(self) -> bool:
        return self == Summary()


@dataclass(frozen=True, slots=True)
class _Held:
    is_on: bool
    frequency: str
    paused_until: date | None


def summary_of(rows: Sequence[PreferenceChange], board: Board, language: str) -> Summary:
    """Sum up `rows`, one page view's of one source, oldest first. `board` is how things are now."""
    changed = list(_compared(rows, board))
    above = [row for row in rows if row.topic_id is None]
    was, until = _pauses(above)
    left = any(row.suppression and not row.replaced.get("suppression") for row in above) and board.is_all_off
    paused: dict[date, list[str]] = defaultdict(list)
    for name, before, after in changed:
        if after.paused_until and after.paused_until != before.paused_until:
            paused[after.paused_until].append(name)
    return Summary(
        on=spoken_list((name for name, before, after in changed if after.is_on > before.is_on), language),
        # One sentence says it of everything.
        off="" if left else spoken_list((n for n, before, after in changed if after.is_on < before.is_on), language),
        often=spoken_list(_rhythms(changed), language),
        paused=tuple((spoken_date(day, language), spoken_list(paused[day], language)) for day in sorted(paused)),
        goes_on=spoken_list(
            (n for n, before, after in changed if before.paused_until and not after.paused_until), language
        ),
        everything="left" if left else ("paused" if until else "goes on") if was != until else "",
        everything_until=spoken_date(until, language) if until else "",
        tracking=_tracking(above),
    )


def _compared(rows: Iterable[PreferenceChange], board: Board) -> Iterator[tuple[str, _Held, _Held]]:
    """Each switch's name, with what held before the rows and what holds after them."""
    by_topic: dict[tuple[UUID, int | None], list[PreferenceChange]] = defaultdict(list)
    for row in rows:
        by_topic[row.recipient_id, row.topic_id].append(row)
    for offer in board.offers:
        for recipient in board.person.recipients:
            switch = offer.switch(Channel(recipient.channel))
            above, own = by_topic[recipient.id, None], by_topic[recipient.id, offer.id]
            if switch is None or not (own or above):
                continue
            after = board.suppressions.get(switch.channel, "")
            held = (above[0].replaced.get("suppression") or "", above[-1].suppression) if above else (after, after)
            yield name_of(offer, switch), *_before_and_after(offer, switch, own, held)


def _before_and_after(
    offer: Offer, switch: Switch, own: Sequence[PreferenceChange], held: tuple[str, str]
) -> tuple[_Held, _Held]:
    is_held_before, is_held_after = (is_held(reason, is_required=offer.is_required) for reason in held)
    if not own:
        as_is = (switch.frequency, switch.paused_until)
        return (
            _Held(switch.is_in and not is_held_before, *as_is),
            _Held(switch.is_in and not is_held_after, *as_is),
        )
    was, last = own[0].replaced, own[-1]
    return (
        _Held(offer.is_in(was["state"]) and not is_held_before, was.get("frequency", ""), _day(was)),
        _Held(offer.is_in(last.state) and not is_held_after, last.frequency, _future(last.paused_until)),
    )


def _rhythms(changed: Iterable[tuple[str, _Held, _Held]]) -> list[str]:
    return [
        gettext("%(topic)s: %(frequency)s") % {"topic": name, "frequency": FREQUENCIES[after.frequency]}
        for name, before, after in changed
        if after.frequency != before.frequency and after.frequency in FREQUENCIES
    ]


def _pauses(above: Sequence[PreferenceChange]) -> tuple[date | None, date | None]:
    """Until when everything was paused before, and is after, on the channel where that has changed."""
    by_recipient: dict[UUID, list[PreferenceChange]] = defaultdict(list)
    for row in above:
        by_recipient[row.recipient_id].append(row)
    pauses = [(_day(own[0].replaced), _future(own[-1].paused_until)) for own in by_recipient.values()]
    return next((pause for pause in pauses if pause[0] != pause[1]), (None, None))


def _tracking(above: Sequence[PreferenceChange]) -> str:
    last = next((row for row in reversed(above) if row.has_tracked), None)
    first = next((row for row in above if row.has_tracked), None)
    if first is None or last is None or last.is_untracked == bool(first.replaced.get("is_untracked")):
        return ""
    return "refused" if last.is_untracked else "allowed"


def _day(replaced: dict[str, Any]) -> date | None:
    text = replaced.get("paused_until")
    return _future(date.fromisoformat(text)) if text else None


def _future(day: date | None) -> date | None:
    """A pause that has ended is none."""
    return day if day and day > today() else None


def name_of(offer: Offer, switch: Switch) -> str:
    if len(offer.switches) == 1:
        return offer.name
    return gettext("%(topic)s (%(channel)s)") % {"topic": offer.name, "channel": CHANNELS[switch.channel]}
