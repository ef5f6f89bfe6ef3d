"""Record types: what a raw consumer of the interactions tells them apart by, one word for kind and judgement together.

docs/records.md has the table.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache

from engagement.detection import Value, Verdict
from engagement.models.interactions import Kind

# Signals by which a program says itself what it is, and those that the weekly rules have taught.
AGENT_SIGNALS = frozenset({"robot_agent", "empty_agent", "head_request", "prefetch", "webdriver"})
LEARNED_SIGNALS = frozenset({"learned_agent", "learned_network"})

# The record of each kind while no machine did it. Hidden visits, one-click and conversions have no other.
_RECORDS: dict[str, str] = {
    Kind.OPEN: "The mail's counting picture was fetched, by a person or nobody knows whom.",
    Kind.CLICK: "A tracked link was followed, by a person or nobody knows whom.",
    Kind.CONVERSION: "The sender reported what the mail was for, such as an order, for a click's token.",
    Kind.VISIT: "The unsubscribe page was requested by its link in the mail.",
    Kind.HEADER_VISIT: "The unsubscribe page was requested by the link in the mail's header.",
    Kind.ARRIVE: "The unsubscribe page ran its script.",
    Kind.CONFIRM: "The unsubscribe button was pressed.",
    Kind.KEEP: "The button that keeps the subscription was pressed.",
    Kind.ONE_CLICK: "A mailbox provider unsubscribed for its user (RFC 8058); never judged.",
    Kind.UNDO: "An opt-out was taken back on its page.",
    Kind.PREFERENCES_VISIT: "The preference page was requested.",
    Kind.PREFERENCES_SAVE: "The preference page was saved.",
    Kind.JOIN_VISIT: "The page to subscribe was requested.",
    Kind.JOIN_ARRIVE: "The page to subscribe ran its script.",
    Kind.JOIN_CONFIRM: "The button to subscribe was pressed.",
}
_HIDDEN = {"hidden_link": "The link that no person can see was followed: a machine, whatever else is known."}
_OPENS = {
    "open_prefetched": "The picture was fetched ahead of the reader: nobody knows whether the mail was opened.",
    "open_machine": "The picture was fetched by a machine.",
}
_HOW = {
    "agent": "by a machine that says what it is: its agent, no agent, HEAD, a prefetch, a driven browser.",
    "learned": "by a machine that was learned: its program or network, by the weekly rules.",
    "behaviour": "by a machine told by what it did, when, and from where.",
}
_OF_ONE_RECORD = frozenset({Kind.OPEN, Kind.ONE_CLICK, Kind.CONVERSION})


def _sentences() -> dict[str, str]:
    records = dict(_HIDDEN)
    for kind, sentence in _RECORDS.items():
        records[str(kind)] = sentence
        if kind == Kind.OPEN:
            records |= _OPENS
        if kind not in _OF_ONE_RECORD:
            records |= {f"{kind}_machine_{how}": f"The same as {kind}, {words}" for how, words in _HOW.items()}
    return records


# Every record type with a sentence; nothing else is ever stored.
RECORDS: dict[str, str] = _sentences()


def record_of(kind: str, verdict: str, signals: Collection[str]) -> str:
    """Return the record type of an interaction from its kind, its verdict and the names of its hard and other signals
    that speak for a machine. What a program says itself goes before what was learned, and that before behaviour."""
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
        return {Value.MACHINE: "open_machine", Value.PREFETCHED: "open_prefetched"}.get(Value(verdict), "open")
    if verdict != Value.MACHINE or kind in _OF_ONE_RECORD:
        return kind
    return f"{kind}_machine_{'agent' if is_agent else 'learned' if is_learned else 'behaviour'}"
