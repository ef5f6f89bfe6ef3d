"""An explanation in words, for whoever answers a person's question."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from engagement.explaining import Explanation, TopicNow
from engagement.models import Kind
from preferences.models import Source, State
from preferences.models.recipients import SuppressionReason


def tell(story: Explanation) -> Iterator[str]:
    """Yield the lines of the explanation, oldest events first."""
    yield f"{story.address} ({story.channel}) at {story.at}"
    if not story.known:
        yield "Nothing was ever recorded about this address. What holds is the default of each topic."
    yield ""
    yield "What holds now"
    for suppressed in story.suppressed:
        reason = SuppressionReason(suppressed.reason).label
        yield f"  {suppressed.brand}: nothing is sent, whatever the topics say ({reason}), since {suppressed.since}."
    for topic in story.topics:
        yield f"  {topic.brand}/{topic.topic}: {_present(topic)}"
    yield from _section("What was changed", story.changes, _change)
    yield from _section("Who came to the links", story.interactions, _visit)


def _section(title: str, rows: list[dict[str, Any]], lines_of: Any) -> Iterator[str]:
    yield ""
    yield title if rows else f"{title}: nothing."
    for row in rows:
        yield from lines_of(row)


def _present(topic: TopicNow) -> str:
    if topic.effective == "suppressed":
        return "not sent, because of the suppression."
    if topic.state == State.DEFAULT:
        return f"{topic.effective}, the topic's default: nothing else was chosen."
    end = f", provisional until {topic.provisional_until}" if topic.provisional else ""
    return f"{topic.effective} since {topic.since}{end}."


def _change(change: dict[str, Any]) -> Iterator[str]:
    what = _what(change)
    mailing = f", mailing {change['mailing']}" if change["mailing"] else ""
    actor = f", by {change['actor']}" if change["actor"] else ""
    until = change["provisional_until"]
    standing = (
        "final" if not until else f"provisional until {until}" if change["provisional"] else f"final since {until}"
    )
    yield f"  {change['changed_at']}  {what}: {Source(change['source']).label}{mailing}{actor}; {standing}."
    if change["reason"]:
        yield f"    Reason: {change['reason']}"
    yield from _evidence(change["evidence"])


def _what(change: dict[str, Any]) -> str:
    if change["topic"] is None:
        return f"{change['brand']}, everything: " + ("never to be sent" if change["state"] == "out" else "lifted")
    return f"{change['brand']}/{change['topic']}: {State(change['state']).label}"


def _evidence(evidence: dict[str, Any]) -> Iterator[str]:
    if "verdict" in evidence:
        yield f"    The visit was judged {evidence['verdict']}, {evidence.get('score', 0):+d} points."
    yield from _signals(evidence.get("signals", []))
    others = {name: value for name, value in evidence.items() if name not in {"verdict", "score", "signals"}}
    if others:
        yield "    Evidence: " + ", ".join(f"{name} {value}" for name, value in others.items())


def _visit(visit: dict[str, Any]) -> Iterator[str]:
    age = f", {visit['send_age']} s after sending" if visit["send_age"] is not None else ""
    mailing = f" of mailing {visit['mailing']}" if visit["mailing"] else ""
    hard = ", beyond doubt" if visit["hard"] else ""
    kind = Kind(visit["kind"]).label if visit["kind"] in Kind.values else visit["kind"]
    yield f"  {visit['occurred_at']}  {visit['brand']}/{visit['topic']}: {kind}{mailing}{age}."
    yield f"    {visit['verdict']}{hard}, {visit['score']:+d} points; answered {visit['answer']!r}."
    yield from _signals(visit["signals"])
    yield f"    From {visit['network'] or 'an unknown network'}, by {visit['agent'] or 'a program without a name'}"


def _signals(signals: list[dict[str, Any]]) -> Iterator[str]:
    for signal in signals:
        points = "proof" if signal.get("hard") else f"{signal['points']:+d}"
        yield f"      {points:>5}  {signal['reason']}"
