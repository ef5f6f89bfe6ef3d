"""Record types: what a raw consumer of the interactions tells them apart by, one word for kind and judgement together.

docs/records.md has the table.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache

from engagement.detection import Verdict
from engagement.models.interactions import Kind

# Signals by which a program says itself what it is, and those that the weekly rules have taught.
AGENT_SIGNALS = frozenset({"robot_agent", "empty_agent", "head_request", "prefetch", "webdriver"})
LEARNED_SIGNALS = frozenset({"learned_agent", "learned_network"})
_BY_HAND_OR_PROVIDER = frozenset({Kind.ONE_CLICK, Kind.CONVERSION})  # not judged


def record_of(kind: str, verdict: str, signals: Collection[str]) -> str:
    """Return the record type of an interaction from its kind, its verdict and the names of its hard and other signals
    that speak for a machine."""
    return _record_of(kind, verdict, bool(AGENT_SIGNALS.intersection(signals)), bool(LEARNED_SIGNALS & set(signals)))


def record_of_verdict(kind: str, verdict: Verdict) -> str:
    """Return the record type of an interaction that was judged so."""
    against = [signal.name for signal in verdict.signals if signal.points > 0 or signal.is_hard]
    return record_of(kind, verdict.value, against)


@lru_cache(1_024)
def _record_of(kind: str, verdict: str, is_agent: bool, is_learned: bool) -> str:
    if kind == Kind.HIDDEN_VISIT:
        return "hidden_link"
    if kind == Kind.OPEN:
        return {"machine": "open_machine", "prefetched": "open_prefetched"}.get(verdict, "open")
    if verdict != "machine" or kind in _BY_HAND_OR_PROVIDER:
        return kind
    return f"{kind}_machine_{'agent' if is_agent else 'learned' if is_learned else 'behaviour'}"
