"""From an event to a row of the interactions table, in the text form that COPY reads."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from engagement.detection import RULES_VERSION, Context, Facts, RequestFacts, Signal, Trail, Verdict, judge_facts
from engagement.learning import learned
from engagement.models import Kind
from engagement.networks import Network, network_of
from engagement.recording.records import record_of_verdict
from engagement.recording.targets import link_number, stored_url
from engagement.visitors import request_facts, truncated, visitor_address
from preferences.addresses import network_hash

if TYPE_CHECKING:
    from engagement.recording.recorder import Event

COLUMNS = (
    "occurred_at",
    "brand_id",
    "recipient_id",
    "domain",
    "channel",
    "topic",
    "mailing",
    "purpose",
    "kind",
    "answer",
    "verdict",
    "score",
    "is_hard",
    "signals",
    "rules",
    "visit",
    "visitor",
    "network",
    "agent",
    "send_age",
    "facts",
    "record",
    "segment",
    "link",
)
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_HIDDEN = Kind.HIDDEN_VISIT.value  # which proves a machine by itself
_AGE_STEPS = (10, 60, 300, 600, 1_800)  # where the rules look; between them, visits with equal headers are judged alike


def send_age(sent_at: int, moment: float) -> int | None:
    """Seconds since sending, None when the link does not say; a link from the future counts as sent just now."""
    return max(0, int(moment) - sent_at) if sent_at else None


class Written(NamedTuple):
    """Whom a row speaks of: recipient and visitor, as hexadecimal digits."""

    recipient: str
    visitor: str


class Row(NamedTuple):
    """A line for `COPY ... (COLUMNS)`, whom it speaks of, and of what."""

    line: str
    about: Written
    kind: str


def copy_row(event: Event) -> Row:
    """Return the row of an event. Judges the event if no door did."""
    claims = event.link.claims
    sighting = event.sighting
    age = send_age(claims.sent_at, event.occurred_at)
    day = int(event.occurred_at) // 86_400
    recipient = event.link.recipient_id.hex
    visitor, network = _visitor(sighting.address)
    judged, agent, facts, record = _request_fields(
        sighting.headers,
        network_of(sighting.address),
        age_class(age),
        day,
        network,
        event.kind,
        learned.generation,
    )
    fields = (
        datetime.fromtimestamp(event.occurred_at, UTC).isoformat(),
        str(event.link.brand.id),
        recipient,
        event.link.domain.translate(_ESCAPES),
        claims.channel,
        claims.topic,
        claims.mailing.translate(_ESCAPES),
        claims.purpose,
        event.kind,
        event.answer,
        judged if event.verdict is None else _verdict_fields(event.verdict),
        r"\N" if event.visit is None else str(event.visit),
        f"\\\\x{visitor}",
        network or r"\N",
        agent,
        r"\N" if age is None else str(age),
        facts if event.facts is None else _facts_json(event.facts),
        record if event.verdict is None else record_of_verdict(event.kind, event.verdict),
        claims.segment.translate(_ESCAPES),
        str(link_number(stored_url(claims.target))) if claims.target else r"\N",
    )
    return Row("\t".join(fields) + "\n", Written(recipient, visitor), event.kind)


def age_class(age: int | None) -> int | None:
    """Return an age that the rules judge as they judge this one; there are few."""
    return None if age is None else next((step - 1 for step in _AGE_STEPS if age < step), _AGE_STEPS[-1])


@lru_cache(8_192)
def _request_fields(
    headers: tuple[str | None, ...],
    network: Network,
    age: int | None,
    day: int,
    cut_address: str,
    kind: str,
    generation: int,
) -> tuple[str, str, str, str]:
    """The columns that equal requests of one day share: what they are judged, their agent and their facts. What was
    learned may change them: `generation` says that it did."""
    request = request_facts(headers, network)
    context = Context(
        own=Trail(has_visited_hidden_link=kind == _HIDDEN),
        is_learned_agent=learned.is_agent(request.agent),
        is_learned_network=learned.is_network(cut_address),
    )
    facts = Facts(request, send_age=age, day=day, context=context)
    verdict = judge_facts(kind, facts)
    agent = request.agent.translate(_ESCAPES)
    return _verdict_fields(verdict), agent, _facts_json(facts), record_of_verdict(kind, verdict)


@lru_cache(8_192)
def _verdict_fields(verdict: Verdict) -> str:
    signals = _json(signals_json(verdict.signals))
    return "\t".join((verdict.value, str(verdict.score), "ft"[verdict.is_hard], signals, str(RULES_VERSION)))


def signals_json(signals: Iterable[Signal]) -> list[dict[str, Any]]:
    """The stored form of signals, in interactions and in the ledger."""
    return [{"name": s.name, "points": s.points, "hard": s.is_hard, "reason": s.reason} for s in signals]


@lru_cache(16_384)
def _visitor(address: str) -> tuple[str, str]:
    return network_hash(visitor_address(address)).hex(), truncated(address)


def _facts_json(facts: Facts) -> str:
    """What a door knew when it judged: all that another judgement needs and that has no column of its own."""
    known: dict[str, Any] = {"request": _known(facts.request)}
    if facts.page is not None:
        known["page"] = asdict(facts.page)
    if facts.context != _NO_CONTEXT:
        known["context"] = known_context(facts.context)
    if facts.dwell is not None:
        known["dwell"] = round(facts.dwell, 3)
    return _json(known | ({"press": True} if facts.is_press else {}))


def known_context(context: Context) -> dict[str, Any]:
    """The stored form of a context: what is known, and no defaults."""
    return {name: value for name, value in asdict(context).items() if value != _DEFAULTS[name]}


_NO_CONTEXT = Context()
_DEFAULTS = asdict(_NO_CONTEXT)


@lru_cache(8_192)
def _known(request: RequestFacts) -> dict[str, Any]:
    """The request's facts without those that are not known, and without the agent, which has its own column."""
    return {name: value for name, value in asdict(request).items() if value and name != "agent"}


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).translate(_ESCAPES)
