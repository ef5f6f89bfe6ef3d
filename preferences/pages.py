"""The preference page as its templates read it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.http import HttpResponse
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from preferences.languages import Language, spoken_date
from preferences.looks import Look
from preferences.models import PreferenceChange
from preferences.rendering import page_response
from preferences.summary import Summary, summary_of
from preferences.switches import Board, Offer
from preferences.wishes import EVERYTHING, Form, pause_limits, shown_now, switch_name
from preferences.wording import CHANNELS, FREQUENCIES

_SPANS = {
    "14d": gettext_lazy("2 weeks"),
    "1m": gettext_lazy("1 month"),
    "3m": gettext_lazy("3 months"),
    "day": gettext_lazy("Another day"),
}


@dataclass(frozen=True, slots=True)
class Option:
    value: str
    label: str | Promise
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Pause:
    """How to pause a topic, or everything: `key` ends the names of its fields."""

    key: int | str
    options: tuple[Option, ...]
    until: str
    day: str
    error: str
    first: str
    last: str


@dataclass(frozen=True, slots=True)
class Box:
    """A checkbox; one that `is_fixed` cannot be switched."""

    name: str
    label: str | Promise
    is_checked: bool
    is_fixed: bool


@dataclass(frozen=True, slots=True)
class Tracking:
    """The checkbox that refuses tracking; `shown` is what the page shows of it, in the form's words."""

    shown: str
    is_refused: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A topic. `shown` is what the page shows of it, in the form's words."""

    offer: Offer
    shown: str
    boxes: tuple[Box, ...]
    frequencies: tuple[Option, ...]
    pause: Pause | None
    rhythm: str | Promise

    @property
    def is_open(self) -> bool:
        return bool(self.pause and self.pause.error)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the page says of the press that it answers. `asked` are the topics that a mail asks about, `unasked` those
    that it could not; `undo` the pass for an undo of this save, `reasons` the answers to why everything was left."""

    is_undo: bool = False
    summary: Summary | None = None
    asked: str = ""
    unasked: str = ""
    undo: str = ""
    reasons: Sequence[tuple[str, str | Promise]] = ()

    @property
    def is_nothing(self) -> bool:
        return (self.summary is None or self.summary.is_empty) and not (self.asked or self.unasked)


@dataclass(frozen=True, slots=True)
class View:
    """One view of the page. A brand that `tracks` lets people refuse it. `form` is what was sent, for a page that keeps
    it because of `errors`."""

    door: str
    token: str
    action: str
    nonce: str
    masked: tuple[str, ...]
    tracks: bool = True
    form: Form | None = None
    errors: dict[int | str, str] | None = None
    answer: Answer | None = None


def show(board: Board, view: View, language: Language, look: Look) -> HttpResponse:
    with translation.override(language.code):
        shaping = _Shaping(language.code, view.form, view.errors or {})
        context = {
            "brand_name": look.name,
            "board": board,
            "view": view,
            "door": view.door,
            "token": view.token,
            "answer": view.answer,
            "sections": [(name, [shaping.row(offer) for offer in offers]) for name, offers in board.sections()],
            "pause": shaping.pause(
                EVERYTHING, spoken_date(board.paused_until, language.code) if board.paused_until else ""
            ),
            "tracking": shaping.tracking(board) if view.tracks else None,
            "masked": view.masked[0],
            "other": view.masked[1] if len(view.masked) > 1 else "",
        }
        return page_response("preferences/page.html", language, look, context)


def ask_once_more(view: View, wish: str, language: Language, look: Look) -> HttpResponse:
    """Ask for one press more before everything goes or comes back: `wish` is "off" or "back"."""
    context = {"view": view, "wish": wish, "brand_name": look.name, "masked": view.masked[0]}
    return page_response("preferences/sure.html", language, look, context)


def told(rows: Sequence[PreferenceChange], board: Board, language: str) -> Summary:
    with translation.override(language):
        return summary_of(rows, board, language)


@dataclass(frozen=True, slots=True)
class _Shaping:
    """Makes what the templates read; from the form's values where there are any."""

    language: str
    form: Form | None
    errors: dict[int | str, str]

    def row(self, offer: Offer) -> Row:
        shown = (self.form and self.form.shown.get(offer.id)) or shown_now(offer)
        until = spoken_date(offer.paused_until, self.language) if offer.paused_until else ""
        return Row(
            offer,
            shown.text(offer.id),
            tuple(self._boxes(offer)),
            tuple(self._frequencies(offer)),
            None if offer.is_required else self.pause(offer.id, until),
            FREQUENCIES.get(offer.frequency, "") if offer.frequency != "every" else "",
        )

    def pause(self, key: int | str, until: str) -> Pause:
        first, last = pause_limits()
        chosen = self.form.text("pause", key) if self.form else ""
        labels: dict[str, str | Promise] = {
            "": until,
            "off": gettext_lazy("Go on now"),
        }
        choices: dict[str, str | Promise] = {**(labels if until else {"": gettext_lazy("No pause")}), **_SPANS}
        return Pause(
            key,
            tuple(Option(value, label, value == chosen) for value, label in choices.items()),
            until,
            self.form.text("until", key) if self.form else "",
            self.errors.get(key, ""),
            first.isoformat(),
            last.isoformat(),
        )

    def tracking(self, board: Board) -> Tracking:
        was = self.form.was_untracked if self.form else None
        if self.form is None or was is None:
            return Tracking("1" if board.is_untracked else "0", board.is_untracked)
        return Tracking("1" if was else "0", self.form.is_untracked)

    def _boxes(self, offer: Offer) -> Iterator[Box]:
        for switch in offer.switches:
            is_alone = len(offer.switches) == 1
            yield Box(
                switch_name(offer, switch),
                offer.name if is_alone else CHANNELS[switch.channel],
                self.form.is_on(offer, switch) if self.form and not offer.is_required else switch.is_on,
                offer.is_required and switch.is_on,
            )

    def _frequencies(self, offer: Offer) -> Iterator[Option]:
        if len(offer.frequencies) < 2 and offer.frequency:  # no choice
            return
        chosen = (self.form.text("often", offer.id) if self.form else "") or offer.frequency
        if offer.frequencies and not offer.frequency:
            yield Option("", gettext_lazy("As it comes"), not chosen)
        for frequency in offer.frequencies:
            yield Option(frequency, FREQUENCIES[frequency], frequency == chosen)
