"""The verdict on one visit: its signals, their sum, and what they amount to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from engagement.detection.click_rules import CLICK_RULES
from engagement.detection.facts import Facts
from engagement.detection.open_rules import OPEN_RULES
from engagement.detection.rules import CONTEXT_RULES, RULES, Rule, Signal

# Stored with every interaction. Raise it whenever a rule or a weight changes.
RULES_VERSION = 4
MACHINE_SCORE = 3  # points from which a visit counts as a machine's, and from which none commits by arriving


class Value(StrEnum):
    """Of an interaction, never of a person."""

    HUMAN = "human"
    MACHINE = "machine"
    UNSURE = "unsure"
    PREFETCHED = "prefetched"  # of an open only: fetched ahead, neither a person's nor a robot's


@dataclass(frozen=True, slots=True)
class Verdict:
    value: Value
    score: int
    signals: tuple[Signal, ...]

    @property
    def is_hard(self) -> bool:
        """Whether one of the signals alone proves a machine."""
        return any(signal.is_hard for signal in self.signals)

    @property
    def reasons(self) -> list[str]:
        return [signal.reason for signal in self.signals]

    def has(self, name: str) -> bool:
        return any(signal.name == name for signal in self.signals)


def judge_facts(kind: str, facts: Facts) -> Verdict:
    """Return the verdict on an interaction of that kind: "open", "click", or a visit to the leaving doors. A server's
    request on a person's behalf is not judged: a provider's POST (RFC 8058), a conversion told by the sender."""
    if kind in {"one_click", "conversion"}:
        return _NOT_JUDGED
    return _JUDGES.get(kind, assess)(facts)


_NOT_JUDGED = Verdict(Value.UNSURE, 0, ())


def assess(facts: Facts) -> Verdict:
    """Return the verdict on `facts`. Points lean to a machine when positive and to a person when negative."""
    signals = _signals(RULES, facts)
    is_person = _sum(signals) < 0 and _has_one_of(signals, _OF_A_PERSON)
    return _verdict(signals, is_person=is_person, timing=_TIMING)


def assess_open(facts: Facts) -> Verdict:
    """Return the verdict on a request for a mail's counting picture. What proves a robot goes before a prefetch."""
    signals = _signals(OPEN_RULES, facts)
    is_person = _sum(signals) < 0 and _has_one_of(signals, _OF_A_READER)
    verdict = _verdict(signals, is_person=is_person, timing=_TIMING_OF_OPENS)
    if verdict.has("fetched_ahead") and verdict.value is not Value.MACHINE:
        return Verdict(Value.PREFETCHED, verdict.score, signals)
    return verdict


def assess_click(facts: Facts) -> Verdict:
    """Return the verdict on a request for a tracked link. Nobody is seen there, so that a reader who is not told from
    others by the request is `unsure`, unless two things speak for one."""
    signals = _signals(CLICK_RULES, facts)
    score = _sum(signals)
    is_person = (score < 0 and _has_one_of(signals, _OF_A_PERSON)) or (
        score <= _READERS_SCORE and _has_one_of(signals, _OF_A_CLICKER)
    )
    return _verdict(signals, is_person=is_person, timing=_TIMING_OF_CLICKS)


_JUDGES = {"open": assess_open, "click": assess_click}


def refute(facts: Facts) -> tuple[Signal, ...]:
    """Return what the visit's context proves against it: the hard signals that later interactions may still bring."""
    return tuple(signal for signal in _signals(CONTEXT_RULES, facts) if signal.is_hard)


# What the visitor did. Where a visit came from, or who came before, makes nobody human.
_OF_A_PERSON = frozenset({"trusted_input", "click_in_a_page"})
_OF_A_READER = frozenset({"image_proxy", "mail_program", "picture_in_a_page"})
_OF_A_CLICKER = frozenset({"opened_before"})
_READERS_SCORE = -2  # an open before, and a home's network or a person from the same place
# Timing alone proves nothing: people come within the first minute, too, so a verdict wants more against them.
_TIMING = frozenset({"send_age"})
_TIMING_OF_OPENS = frozenset({"soon_opened"})
_TIMING_OF_CLICKS = frozenset({"send_age", "click_without_open"})


def _signals(rules: tuple[Rule, ...], facts: Facts) -> tuple[Signal, ...]:
    return tuple(signal for rule in rules if (signal := rule(facts)) is not None)


def _sum(signals: tuple[Signal, ...]) -> int:
    return sum(signal.points for signal in signals)


def _has_one_of(signals: tuple[Signal, ...], names: frozenset[str]) -> bool:
    return any(signal.name in names for signal in signals)


def _verdict(signals: tuple[Signal, ...], *, is_person: bool, timing: frozenset[str]) -> Verdict:
    score = _sum(signals)
    has_more_than_timing = any(signal.points > 0 and signal.name not in timing for signal in signals)
    if any(signal.is_hard for signal in signals) or (score >= MACHINE_SCORE and has_more_than_timing):
        return Verdict(Value.MACHINE, score, signals)
    return Verdict(Value.HUMAN if is_person else Value.UNSURE, score, signals)
