"""A change of the ledger as one English sentence, for whoever looks at it in the admin or asks `explain`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from django.utils.formats import date_format

from preferences.models import Frequency, PreferenceChange, Source, State
from preferences.models.subscriptions import SuppressionReason

_SUPPRESSED: dict[str, str] = {
    SuppressionReason.EVERYTHING: "Left everything: no mail of any topic, but what a contract requires",
    SuppressionReason.IMPORT: "Suppressed by an imported list: no mail of any topic",
    SuppressionReason.ADMIN: "Suppressed by an operator: no mail of any topic",
    SuppressionReason.ERASED: "Erased: only what it takes to go on not writing is kept",
}
_LIFTED: dict[str, str] = {
    SuppressionReason.EVERYTHING: "Came back after leaving everything: the topics hold again",
    SuppressionReason.ERASED: "Came back after the erasure",
}
_REFUSED = "Refused tracking: opens and clicks are not recorded"
_ALLOWED = "Allowed tracking: opens and clicks are recorded again"
_WANTED: dict[str, str] = {
    Frequency.EVERY: "every mail of {topic}",
    Frequency.DAILY: "{topic} daily",
    Frequency.WEEKLY: "{topic} weekly",
    Frequency.MONTHLY: "{topic} monthly",
}


def sentence(change: PreferenceChange) -> str:
    """Return what the change did, such as "Left News" or "Paused News until 3 February 2027"."""
    parts = list(_of_topic(change) if change.topic_id else _above(change))
    first, *others = parts or ["Nothing changed"]
    return "; ".join([first, *(f"{part[:1].lower()}{part[1:]}" for part in others)])


def _above(change: PreferenceChange) -> Iterator[str]:
    was = change.replaced.get("suppression") or ""
    if change.state == State.OUT and change.suppression != was:
        if change.source == Source.REINSTATEMENT:
            yield "Off everything again, which a robot had ended"
        else:
            yield _SUPPRESSED.get(change.suppression, "Suppressed: no mail of any topic")
    elif change.state != State.OUT and change.replaced.get("state", State.OUT) == State.OUT:
        yield _LIFTED.get(was, "Suppression lifted: the topics hold again")
    yield from _pause(change, "everything")
    if change.has_tracked and change.suppression != SuppressionReason.ERASED:
        yield _REFUSED if change.is_untracked else _ALLOWED


def _of_topic(change: PreferenceChange) -> Iterator[str]:
    topic = str(change.topic)
    settings = [*_frequency(change, topic), *_pause(change, topic)]
    if change.source == Source.OFFER and settings:
        yield f"Stayed with {topic} by an offer, after leaving"
    elif not change.replaced.get("kept"):
        yield _state(change, topic)
    yield from settings


def _state(change: PreferenceChange, topic: str) -> str:
    state, was = State(change.state), change.replaced.get("state", State.DEFAULT)
    if change.source == Source.REINSTATEMENT:
        return f"{_taken_back(state, was)} {topic}, which a robot had {'begun' if was == State.IN else 'ended'}"
    if state == was and state is not State.DEFAULT:
        return _again(change, topic)
    words = {State.OUT: "Left {}", State.IN: "Joined {}", State.DEFAULT: "Went back to the default of {}"}
    return words[state].format(topic)


def _taken_back(state: State, was: str) -> str:
    if was != State.IN:
        return "Put back on"
    return "Taken off" if state is State.OUT else "Put back to the default of"


def _again(change: PreferenceChange, topic: str) -> str:
    """What was so already: another visitor said it too, or it became final."""
    is_out = change.state == State.OUT
    verb, noun = ("Left", "opt-out") if is_out else ("Joined", "opt-in")
    if change.settles_at is not None:
        return f"{verb} {topic} too, by another visitor while the first {noun} is provisional"
    return f"Confirmed {'leaving' if is_out else 'joining'} {topic}, for good"


def _frequency(change: PreferenceChange, topic: str) -> Iterator[str]:
    if change.frequency != (change.replaced.get("frequency") or ""):
        yield f"Wants {_WANTED.get(change.frequency, '{topic} as it comes').format(topic=topic)}"


def _pause(change: PreferenceChange, what: str) -> Iterator[str]:
    """A pause that had ended by itself before the change was none."""
    was = change.replaced.get("paused_until")
    held = was is not None and date.fromisoformat(was) > change.changed_at.date()
    if change.paused_until and str(change.paused_until) != was:
        yield f"Paused {what} until {date_format(change.paused_until, 'j F Y')}"
    elif held and not change.paused_until:
        yield f"Ended the pause of {what}"
