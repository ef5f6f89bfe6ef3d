"""An explanation in words, for whoever answers a person's question."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from engagement.explaining.history import Answered, Explanation, Message, TopicNow, Waits
from engagement.explaining.timeline import Mark, Timeline, answer_words, kind_words
from preferences.feed import utc
from preferences.models import Frequency, Source, State
from preferences.models.subscriptions import SuppressionReason

_MOST_MARKS = 40  # on one line of time; the visits below are told all
_VERDICTS = {
    "human": "Judged a person's visit",
    "machine": "Judged a machine's visit",
    "unsure": "Judged unsure, a person's or a machine's",
}


def tell(story: Explanation) -> Iterator[str]:
    """Yield the lines of the explanation, oldest events first."""
    yield f"{story.address} ({story.channel}) at {story.at}"
    if story.companions:
        yield f"One person with {', '.join(story.companions)}."
    if not story.known:
        yield "Nothing was ever recorded about this address. What holds is the default of each topic."
    if story.waiting:
        yield from _section("What waits on this machine, and is not in effect yet", story.waiting, waits)
    yield ""
    yield "What holds now"
    for suppressed in story.suppressed:
        reason = SuppressionReason(suppressed.reason).label
        yield f"  {suppressed.brand}: nothing is sent, whatever the topics say ({reason}), since {suppressed.since}."
    for paused in story.paused:
        yield f"  {paused.brand}: nothing is sent before {paused.until}, but what a contract requires."
    for brand in story.untracked:
        yield f"  {brand}: opens and clicks are not recorded."
    for topic in story.topics:
        yield f"  {topic.brand}/{topic.topic}: {_present(topic)}"
    if story.messages:
        yield from _section("Each mailing on one line of time", story.messages, _message)
    yield from _section("What was changed", story.changes, _change)
    if story.answers:
        yield from _section("Why they left", story.answers, _answer)
    yield from _section("Who came to the links", story.interactions, _visit)


def _section[T](title: str, rows: list[T], lines_of: Callable[[T], Iterator[str]]) -> Iterator[str]:
    yield ""
    yield title if rows else f"{title}: nothing."
    for row in rows:
        yield from lines_of(row)


def _message(message: Message) -> Iterator[str]:
    line = message.line
    start = "sent" if line.sent else "first visit"
    yield f"  {message.brand}, {message.mailing or 'no mailing named'}: {' | '.join(_points(line))}"
    names = "; ".join(f"{lane.letter or '*'} is {_small(lane.name)}" for lane in line.lanes)
    yield f"    Time counts from {start}, {line.start:%Y-%m-%dT%H:%M:%SZ}. {names}."


def _points(line: Timeline) -> Iterator[str]:
    if line.sent:
        yield "sent"
    yield from (_point(line, mark) for mark in line.marks[:_MOST_MARKS])
    if len(line.marks) > _MOST_MARKS:
        yield f"and {len(line.marks) - _MOST_MARKS} more"


def _point(line: Timeline, mark: Mark) -> str:
    """One mark, such as "+5 s A opened, machine"."""
    step = mark.step
    count = f" {mark.count} times until +{line.age(mark.last_at)}" if mark.count > 1 else ""
    verdict = f", {step.verdict}" if step.verdict else ""
    return f"+{line.age(step.at)} {line.lanes[mark.lane].letter or '*'} {step.word}{verdict}{count}"


def _small(text: str) -> str:
    return f"{text[:1].lower()}{text[1:]}"


def _present(topic: TopicNow) -> str:
    if topic.effective == "suppressed":
        return "not sent, because of the suppression."
    words = "subscribed" if topic.effective == "paused" else topic.effective
    setting = f", {Frequency(topic.frequency).label}" if topic.frequency in Frequency.values else ""
    pause = ", paused" if topic.effective == "paused" else ""
    pause += f", nothing before {topic.paused_until}" if topic.paused_until else ""
    required = ", required by contract" if topic.required else ""
    if topic.state == State.DEFAULT:
        return f"{words}{setting}{pause}{required}, the topic's default: nothing else was chosen."
    end = f", provisional until {topic.provisional_until}" if topic.provisional else ""
    return f"{words} since {topic.since}{end}{setting}{pause}{required}."


def waits(wish: Waits) -> Iterator[str]:
    yield f"  {wish.at}  {wish.brand}/{wish.topic}: an opt-out through {Source(wish.source).label}."


def _answer(answer: Answered) -> Iterator[str]:
    comment = f", in their words: {answer.comment}" if answer.comment else ""
    what = f"{answer.brand}/{answer.topic or 'everything'}"
    yield f"  {answer.at}  {what}: {answer.reason or 'no reason chosen'}{comment}"


def _change(change: dict[str, Any]) -> Iterator[str]:
    mailing = f", mailing {change['mailing']}" if change["mailing"] else ""
    actor = f", by {change['actor']}" if change["actor"] else ""
    until = change["provisional_until"]
    standing = (
        "final" if not until else f"provisional until {until}" if change["provisional"] else f"final since {until}"
    )
    deed = f"{_place(change)}: {change['told']}, through {Source(change['source']).label}"
    yield f"  {change['changed_at']}  {deed}{mailing}{actor}; {standing}."
    if change["reason"]:
        yield f"    Reason: {change['reason']}"
    yield from _evidence(change["evidence"])


def _place(change: dict[str, Any]) -> str:
    return f"{change['brand']}/{change['topic'] or 'everything'}"


def _evidence(evidence: dict[str, Any]) -> Iterator[str]:
    rest = dict(evidence)
    signals, verdict, score = rest.pop("signals", None), rest.pop("verdict", None), rest.pop("score", None)
    if verdict is not None:
        yield f"    {_judged(verdict, score, signals)}"
    elif signals:
        yield "    The evidence:"
    yield from _signals(signals)
    if refuted := rest.pop("refuted", None):
        visits = rest.pop("interactions", None)
        cited = f", on what {_listed('interaction', visits)} showed" if visits else ""
        yield f"    It takes back {_listed('change', refuted)}{cited}."
    if isinstance(at := rest.get("at"), float):
        rest["at"] = utc(datetime.fromtimestamp(at, UTC))
    known = {name: value for name, value in rest.items() if value not in (None, "", [], {})}
    if known:
        yield "    Evidence: " + ", ".join(f"{name} {value}" for name, value in known.items())


def _listed(noun: str, numbers: object) -> str:
    texts = [str(number) for number in numbers] if isinstance(numbers, list) else [str(numbers)]
    return f"{noun}{'' if len(texts) == 1 else 's'} {', '.join(texts)}"


def _judged(verdict: str, score: object, signals: object) -> str:
    """The verdict as a sentence that goes on with its reasons."""
    rows = signals if isinstance(signals, list) else []
    proof = ", beyond doubt" if any(isinstance(row, dict) and row.get("hard") for row in rows) else ""
    points = f" ({score:+d} points)" if isinstance(score, int) else ""
    words = _VERDICTS.get(verdict, f"Judged {verdict}")
    return f"{words}{proof}{points}{', because:' if rows else ': nothing spoke for or against it.'}"


def _visit(visit: dict[str, Any]) -> Iterator[str]:
    age = f", {visit['send_age']} s after sending" if visit["send_age"] is not None else ""
    mailing = f" of mailing {visit['mailing']}" if visit["mailing"] else ""
    answer = answer_words(visit["kind"], visit["answer"])
    deed = f"{kind_words(visit['kind'])}{mailing}{age}{answer}"
    yield f"  {visit['occurred_at']}  {visit['brand']}/{visit['topic']}: {deed}."
    yield f"    {_judged(visit['verdict'], visit['score'], visit['signals'])}"
    yield from _signals(visit["signals"])
    yield f"    From {visit['network'] or 'an unknown network'}, by {visit['agent'] or 'a program without a name'}"


def _signals(signals: object) -> Iterator[str]:
    for signal in signals if isinstance(signals, list) else []:
        if isinstance(signal, dict):
            points = "proof" if signal.get("hard") else f"{signal.get('points', 0):+d}"
            yield f"      {points:>5}  {signal.get('reason', '')}"
