"""One message on one line of time: who came to its links, what they did, and what changed for the recipient.

Pure: rows go in, a `Timeline` comes out. The admin draws it (engagement/admin/timeline.py), `explain` writes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from string import ascii_uppercase
from typing import Any

from engagement.models import Interaction, Kind
from preferences.models import Source, State

MOST_LANES = 7  # visitors with a lane of their own; a scanner may come from hundreds of addresses
# What a mark is called on the line, and its shape: a look is round, a script's call a diamond, a press square, the
# hidden link a triangle, and the ledger's changes point down for leaving and up for coming back.
MARKS = {
    Kind.VISIT: ("opened", "circle"),
    Kind.HEADER_VISIT: ("opened", "circle"),
    Kind.ARRIVE: ("script", "diamond"),
    Kind.CONFIRM: ("pressed", "square"),
    Kind.KEEP: ("kept", "square"),
    Kind.ONE_CLICK: ("one-click", "square"),
    Kind.UNDO: ("undo", "square"),
    Kind.PREFERENCES_VISIT: ("preferences", "circle"),
    Kind.PREFERENCES_SAVE: ("saved", "square"),
    Kind.HIDDEN_VISIT: ("hidden link", "triangle"),
    Kind.JOIN_VISIT: ("opened", "circle"),
    Kind.JOIN_ARRIVE: ("script", "diamond"),
    Kind.JOIN_CONFIRM: ("pressed", "square"),
    Kind.OPEN: ("opened mail", "circle"),
    Kind.CLICK: ("clicked", "circle"),
    Kind.CONVERSION: ("converted", "square"),
}
_ANSWERS = {"ask": ", was shown the button", "done": ", is out", "joined": ", is in"}


@dataclass(frozen=True, slots=True)
class Step:
    """One interaction, or one change of the ledger (then there is no verdict). `visitor` is the hash in hex, ""
    where no visit made the change; `place` says where the visitor came from."""

    at: datetime
    word: str
    shape: str
    told: str
    visitor: str = ""
    place: str = ""
    verdict: str = ""
    reasons: tuple[str, ...] = ()
    id: int = 0
    is_change: bool = False


@dataclass(frozen=True, slots=True)
class Lane:
    """One visitor's part of the line; `letter` is "" for what came through no visit."""

    letter: str
    name: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A step, or `count` equal ones of one visitor in a row, the last of them at `last_at`. Counted from 1."""

    number: int
    lane: int
    step: Step
    count: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Timeline:
    """`sent` has the moments of sending that the links tell of, oldest first; none when they do not say."""

    sent: tuple[datetime, ...]
    lanes: tuple[Lane, ...]
    marks: tuple[Mark, ...]

    @property
    def start(self) -> datetime:
        """From when time is told: the first sending, or what happened first. Raises IndexError when all is empty."""
        return self.sent[0] if self.sent else self.marks[0].step.at

    def age(self, moment: datetime) -> str:
        return spoken_span((moment - self.start).total_seconds())


def timeline(visits: Iterable[Interaction], changes: Iterable[Mapping[str, Any]]) -> Timeline:
    """Put the interactions and the changes (as preferences.feed gives them) of one message on one line."""
    rows = list(visits)
    steps = sorted([*map(visit_step, rows), *map(change_step, changes)], key=lambda step: (step.at, step.is_change))
    places = {step.visitor: step.place for step in reversed(steps) if step.visitor and not step.is_change}
    named, others = _visitors(steps, places)
    lane_of = {visitor: index for index, visitor in enumerate(named)} | dict.fromkeys(others, len(named))
    lanes = [
        Lane(ascii_uppercase[index], f"Visitor {ascii_uppercase[index]}, {places[visitor]}")
        for index, visitor in enumerate(named)
    ]
    if others:
        lanes.append(Lane("+", f"{len(others)} more visitors"))
    if any(step.visitor not in lane_of for step in steps):
        lanes.append(Lane("", "Without a visit"))
    last = len(lanes) - 1
    return Timeline(_sendings(rows), tuple(lanes), tuple(_marks(steps, lane_of, last)))


def _visitors(steps: Sequence[Step], known: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """The visitors with a lane of their own and the others, as they came. Whoever changed something, or was a person,
    goes before the many addresses of a scanner."""
    in_order = list(dict.fromkeys(step.visitor for step in steps if step.visitor in known))
    first = {step.visitor for step in steps if step.is_change or step.verdict == "human"}
    chosen = set(sorted(in_order, key=lambda visitor: visitor not in first)[:MOST_LANES])
    named = [visitor for visitor in in_order if visitor in chosen]
    return named, [visitor for visitor in in_order if visitor not in chosen]


def _marks(steps: Sequence[Step], lane_of: Mapping[str, int], rest: int) -> Iterator[Mark]:
    """Equal steps in a row become one mark: a gateway that opens a link every hour is said once, with its count."""

    def key(step: Step) -> tuple[Any, ...]:
        lane = lane_of.get(step.visitor, rest)
        return (lane, step.word, step.verdict, step.reasons, step.id if step.is_change else 0)

    for number, ((lane, *_), group) in enumerate(groupby(steps, key), 1):
        same = list(group)
        yield Mark(number, lane, same[0], len(same), same[-1].at)


def _sendings(rows: Iterable[Interaction]) -> tuple[datetime, ...]:
    """Send ages are whole seconds, cut, so that all visits to one mail lead to the same second."""
    ages = [(int(row.occurred_at.timestamp()), row.send_age) for row in rows if row.send_age is not None]
    # An age of 0 may stand for a link from the future, whose moment of sending is not known.
    known = [(at, age) for at, age in ages if age] or ages[:1]
    sendings: list[int] = []
    for moment in sorted({at - age for at, age in known}):
        if not sendings or moment - sendings[-1] > _ONE_SENDING:
            sendings.append(moment)
    return tuple(datetime.fromtimestamp(moment, UTC) for moment in sendings)


_ONE_SENDING = 60  # seconds that may lie between the links of one mail, where each is sealed at its own moment


def visit_step(row: Interaction) -> Step:
    known = row.kind in Kind.values
    word, shape = MARKS[Kind(row.kind)] if known else (row.kind, "circle")
    return Step(
        at=row.occurred_at,
        word=word,
        shape=shape,
        told=f"{capital(kind_words(row.kind))}{answer_words(row.kind, row.answer)}",
        visitor=bytes(row.visitor).hex(),
        place=_place(row),
        verdict=row.verdict,
        reasons=tuple(reasons(row.signals)),
        id=row.id,
    )


def _place(row: Interaction) -> str:
    request = row.facts.get("request") if isinstance(row.facts, dict) else None
    name = request.get("network") if isinstance(request, dict) else None
    return f"from {name or row.network}" if name or row.network else "from an unknown address"


def change_step(change: Mapping[str, Any]) -> Step:
    word, shape, told = _change_words(change)
    evidence = change["evidence"] if isinstance(change["evidence"], dict) else {}
    source = Source(change["source"])
    is_of_a_visit = source is not Source.REINSTATEMENT  # it cites visits, none of them made it
    return Step(
        at=datetime.fromisoformat(change["changed_at"]),
        word=word,
        shape=shape,
        told=f"{told}, through {source.label}" + (f", by {change['actor']}" if change["actor"] else ""),
        visitor=str(evidence.get("visitor") or "") if is_of_a_visit else "",
        reasons=(*filter(None, [change["reason"]]), *reasons(evidence.get("signals"))),
        id=change["id"],
        is_change=True,
    )


def _has_tracked(change: Mapping[str, Any]) -> bool:
    return bool(change.get("untracked")) != bool(change["replaced"].get("untracked"))


def _change_words(change: Mapping[str, Any]) -> tuple[str, str, str]:
    """A word for the line, its shape, and the beginning of the sentence."""
    topic, source, state = change["topic"], change["source"], change["state"]
    is_out = state == State.OUT
    if topic is None and state == change["replaced"].get("state") and _has_tracked(change):
        refused = ("no tracking", "down", "Refused tracking: opens and clicks are not recorded")
        return refused if change.get("untracked") else ("tracking", "up", "Allowed tracking")
    if topic is None:
        return ("suppressed", "down", "Suppressed: nothing is sent") if is_out else ("lifted", "up", "Not suppressed")
    if source == Source.REINSTATEMENT:
        return "reinstated", "up", f"Put back {topic}"
    if is_out:
        was_out = change["replaced"].get("state") == State.OUT
        return ("left", "down", f"Confirmed leaving {topic}, for good" if was_out else f"Left {topic}")
    if source == Source.UNDO:
        return "undone", "up", f"Came back to {topic}"
    return "joined", "up", f"Joined {topic}" if state == State.IN else f"Back to the default of {topic}"


def reasons(signals: object) -> list[str]:
    """Return the reasons of stored signals, those that prove a machine marked."""
    rows = [row for row in signals if isinstance(row, dict)] if isinstance(signals, list) else []
    return [f"{row.get('reason', '')}{' (proof)' if row.get('hard') else ''}" for row in rows]


def kind_words(kind: str) -> str:
    return str(Kind(kind).label) if kind in Kind.values else kind


def answer_words(kind: str, answer: str) -> str:
    return "" if kind == Kind.ONE_CLICK else _ANSWERS.get(answer, "")


def capital(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def changes_of(changes: Iterable[Mapping[str, Any]], mailing: str) -> list[Mapping[str, Any]]:
    """Return the changes that belong to a message: by its links, or taking back one that came by them."""
    chosen: dict[int, Mapping[str, Any]] = {}
    for change in sorted(changes, key=lambda change: int(change["id"])):
        refuted = change["evidence"].get("refuted") if isinstance(change["evidence"], dict) else None
        about = {change["replaced"].get("change"), *(refuted if isinstance(refuted, list) else [])}
        if change["mailing"] == mailing or (not change["mailing"] and about & chosen.keys()):
            chosen[change["id"]] = change
    return list(chosen.values())


_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def spoken_span(seconds: float) -> str:
    """Return a span of time in its two largest units, such as "5 h 12 min"."""
    sign, rest = "−" if seconds <= -1 else "", int(abs(seconds))
    parts: list[tuple[int, str]] = []
    for size, name in _UNITS:
        count, rest = divmod(rest, size)
        if count or (parts and len(parts) < 2):
            parts.append((count, name))
    shown = [f"{count} {name}" for count, name in parts[:2] if count]
    return sign + (" ".join(shown) or "0 s")
