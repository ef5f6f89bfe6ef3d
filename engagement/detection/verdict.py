"""The verdict on one visit: its signals, their sum, and what they amount to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from engagement.detection.facts import Facts
from engagement.detection.rules import CONTEXT_RULES, RULES, Signal

# Stored with every interaction. Raise it whenever a rule or a weight changes.
RULES_VERSION = 2
MACHINE_SCORE = 3  # points from which a visit counts as a machine's, and from which none commits by arriving


class Value(StrEnum):
    """Of an interaction, never of a person."""

    HUMAN = "human"
    MACHINE = "machine"
    UNSURE = "unsure"


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


def assess(facts: Facts) -> Verdict:
    """Return the verdict on `facts`. Points lean to a machine when positive and to a person when negative."""
    signals = tuple(signal for rule in RULES if (signal := rule(facts)) is not None)
    score = sum(signal.points for signal in signals)
    return Verdict(_value(signals, score), score, signals)


def refute(facts: Facts) -> tuple[Signal, ...]:
    """Return what the visit's context proves against it: the hard signals that later interactions may still bring."""
    return tuple(signal for rule in CONTEXT_RULES if (signal := rule(facts)) is not None and signal.is_hard)


_OF_A_PERSON = frozenset({"trusted_input", "click_in_a_page"})


def _value(signals: tuple[Signal, ...], score: int) -> Value:
    """Timing alone proves nothing: people click within the first minute, too, so a verdict wants more against them.
    And where a visit came from, or who came before, makes nobody human: that wants something the visitor did."""
    has_more_than_timing = any(signal.points > 0 and signal.name != "send_age" for signal in signals)
    if any(signal.is_hard for signal in signals) or (score >= MACHINE_SCORE and has_more_than_timing):
        return Value.MACHINE
    if score < 0 and any(signal.name in _OF_A_PERSON for signal in signals):
        return Value.HUMAN
    return Value.UNSURE
