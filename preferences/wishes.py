"""What a person wishes, read from the form of the preference page.

The form says what it had shown, and only what differs from that is a wish. So a page that was open for long, or beside
another one, wishes nothing about what it did not touch; and of what it did touch, the newest wish holds
(docs/decisions/0008). Nothing in the form is trusted: what names no switch of the board is no wish.

    shown     7-e1s0-weekly: topic 7 was on by e-mail and off by SMS, and came weekly
    on        7e: the switch of topic 7's e-mail is on
    often-7   how often topic 7 is to come
    pause-7   "" as it is, "off" no longer, "14d", "1m", "3m", or "day" for that of until-7;  pause-all, until-all
    was-untracked  whether the page had shown ("1") that tracking is refused, or that it is not ("0")
    untracked "1": tracking is refused
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, timedelta

from django.http import QueryDict
from django.utils.translation import gettext

from preferences.languages import spoken_date
from preferences.links import Channel
from preferences.models import Wish
from preferences.models.subscriptions import today
from preferences.models.writing import NOT_PAUSED
from preferences.switches import Board, Offer, Switch

EVERYTHING = "all"
GO_ON = "go-on"  # the button that saves, and ends the pause of everything
MAX_PAUSE_YEARS = 2
_MAX_DAY_LENGTH = 20
_SHOWN = re.compile(r"(?P<topic>[0-9]{1,18})-(?:e(?P<email>[01]))?(?:s(?P<sms>[01]))?-(?P<frequency>[a-z]{0,7})\Z")


@dataclass(frozen=True, slots=True)
class Shown:
    """What a page had shown of a topic."""

    is_on: dict[Channel, bool]
    frequency: str

    def text(self, topic_id: int) -> str:
        switches = "".join(f"{channel[0]}{is_on:d}" for channel, is_on in self.is_on.items())
        return f"{topic_id}-{switches}-{self.frequency}"


@dataclass(frozen=True, slots=True)
class Form:
    """The form as it was sent."""

    fields: QueryDict
    shown: dict[int, Shown]
    on: frozenset[str]

    @classmethod
    def read(cls, fields: QueryDict) -> Form:
        found = filter(None, map(_SHOWN.match, fields.getlist("shown")))
        return cls(fields, {int(match["topic"]): _shown(match) for match in found}, frozenset(fields.getlist("on")))

    def is_on(self, offer: Offer, switch: Switch) -> bool:
        return switch_name(offer, switch) in self.on

    def text(self, name: str, key: int | str) -> str:
        return self.fields.get(f"{name}-{key}", "")

    @property
    def is_untracked(self) -> bool:
        return self.fields.get("untracked") == "1"

    @property
    def was_untracked(self) -> bool | None:
        """What the page had shown, None when it asked nothing about tracking."""
        return {"0": False, "1": True}.get(self.fields.get("was-untracked", ""))


@dataclass(slots=True)
class Wishes:
    """What is wished, by channel and topic, and of everything; `errors` says by topic id, or `EVERYTHING`, which day
    cannot be."""

    by_channel: dict[Channel, dict[int, Wish]] = field(default_factory=dict)
    paused_until: date | None = None
    is_untracked: bool | None = None
    errors: dict[int | str, str] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        return not self.by_channel and self.paused_until is None and self.is_untracked is None


@dataclass(frozen=True, slots=True)
class Reading:
    """How to read a form: against which board, in which language. `touched` are the topics that the same page view has
    changed before, of which all that it says is a wish, `is_tracking_touched` the same of tracking. `is_by_hand`
    confirms what is left off."""

    board: Board
    language: str
    touched: Collection[tuple[str, int]] = ()
    is_tracking_touched: bool = False
    is_by_hand: bool = False

    def wishes(self, form: Form) -> Wishes:
        wishes = Wishes()
        goes_on = form.fields.get("save") == GO_ON
        wishes.paused_until = NOT_PAUSED if goes_on else self._pause(form, EVERYTHING, wishes.errors)
        wishes.is_untracked = self._is_untracked(form)
        for offer in self.board.offers:
            if shown := form.shown.get(offer.id):
                self._read(form, offer, shown, wishes)
        return wishes

    def _read(self, form: Form, offer: Offer, shown: Shown, wishes: Wishes) -> None:
        until = None if offer.is_required else self._pause(form, offer.id, wishes.errors)
        for switch in offer.switches:
            if switch.channel not in shown.is_on:
                continue
            wish = Wish(self._is_in(form, offer, switch, shown), self._frequency(form, offer, switch, shown), until)
            if wish != Wish():
                wishes.by_channel.setdefault(switch.channel, {})[offer.id] = wish

    def _is_in(self, form: Form, offer: Offer, switch: Switch, shown: Shown) -> bool | None:
        is_on, was_on = form.is_on(offer, switch), shown.is_on[switch.channel]
        is_confirmed = self.is_by_hand and switch.is_provisional and not was_on and not is_on
        is_other = is_on != was_on or (self._is_touched(offer, switch) and is_on != switch.is_on)
        if not (is_other or is_confirmed) or (offer.is_required and not is_on):
            return None
        return is_on

    def _frequency(self, form: Form, offer: Offer, switch: Switch, shown: Shown) -> str | None:
        wanted = form.text("often", offer.id)
        if wanted not in offer.frequencies:
            return None
        was = (switch.frequency or offer.frequency) if self._is_touched(offer, switch) else shown.frequency
        return wanted if wanted != was else None

    def _is_untracked(self, form: Form) -> bool | None:
        was, wanted = form.was_untracked, form.is_untracked
        is_other = wanted != was or (self.is_tracking_touched and wanted != self.board.is_untracked)
        return wanted if was is not None and is_other else None

    def _is_touched(self, offer: Offer, switch: Switch) -> bool:
        return (switch.channel, offer.id) in self.touched

    def _pause(self, form: Form, key: int | str, errors: dict[int | str, str]) -> date | None:
        """The day that is wished, one long past to end the pause; None for no wish, or an error."""
        choice, text = form.text("pause", key), form.text("until", key).strip()
        if choice in _SPANS:
            return _SPANS[choice]()
        if choice != "day" and text:
            # Styles hide the field of who has chosen a day and thought better of it; it is sent all the same.
            errors[key] = gettext("To pause until this day, choose “%(another_day)s” above; else empty this field.") % {
                "another_day": gettext("Another day")
            }
            return None
        return self._day(text, key, errors) if choice == "day" else None

    def _day(self, text: str, key: int | str, errors: dict[int | str, str]) -> date | None:
        first, last = pause_limits()
        try:
            day = date.fromisoformat(text)
        except ValueError:
            day = None
        if day and first <= day <= last:
            return day
        if text and day is None:
            words = {"text": text[:_MAX_DAY_LENGTH], "example": last.isoformat()}
            errors[key] = gettext("“%(text)s” is not a day that we can read. Write it like this: %(example)s.") % words
        else:
            limits = {"first": spoken_date(first, self.language), "last": spoken_date(last, self.language)}
            errors[key] = gettext("Choose a day from %(first)s to %(last)s.") % limits
        return None


def switch_name(offer: Offer, switch: Switch) -> str:
    return f"{offer.id}{switch.channel[0]}"


def shown_now(offer: Offer) -> Shown:
    return Shown({switch.channel: switch.is_on for switch in offer.switches}, offer.frequency)


def pause_limits() -> tuple[date, date]:
    """The first and the last day until which a pause can be wished."""
    return today() + timedelta(days=1), months_after(today(), 12 * MAX_PAUSE_YEARS)


def months_after(day: date, count: int) -> date:
    """The same day so many months later, or that month's last."""
    years, month = divmod(day.month - 1 + count, 12)
    year = day.year + years
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


_SPANS = {
    "off": lambda: NOT_PAUSED,
    "14d": lambda: today() + timedelta(days=14),
    "1m": lambda: months_after(today(), 1),
    "3m": lambda: months_after(today(), 3),
}


def _shown(match: re.Match[str]) -> Shown:
    is_on = {channel: match[channel.value] == "1" for channel in Channel if match[channel.value]}
    return Shown(is_on, match["frequency"])
