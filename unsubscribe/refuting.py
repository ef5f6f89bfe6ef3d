"""Whether a provisional change was a robot's, by all that has been recorded about the visitor who made it: an opt-out,
or an opt-in by its own link (joining.py)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from engagement.detection import Facts, PageFacts, Presence, RequestFacts, refute
from engagement.detection.rules import CONTEXT_RULES
from engagement.judging.context import Seen, context_of
from engagement.models import Interaction, Kind
from engagement.recording.rows import signals_json
from preferences import addresses
from preferences.links import Channel
from preferences.models import PreferenceChange, Source, State
from preferences.models.writing import Restored

_CITED = 10  # interactions that a reinstatement names
_CONTEXT_NAMES = frozenset(rule.__name__ for rule in CONTEXT_RULES)
_OF_THE_PAGE = (Kind.ARRIVE, Kind.CONFIRM, Kind.JOIN_ARRIVE, Kind.JOIN_CONFIRM)
_HAND = PageFacts(presence=Presence(presses=1))


@dataclass(frozen=True, slots=True)
class Claim:
    """One visitor's part in a provisional opt-out or opt-in: the page view that made it, or added itself to it.

    `restored` and `restored_state` are what holds again without it, `restored_id` the change that had made that so.
    """

    change_id: int
    recipient_id: UUID
    brand_id: int
    topic_id: int
    channel: Channel
    address: str
    mailing: str
    is_press: bool
    evidence: dict[str, Any]
    settles_at: datetime
    state: State
    restored: Restored
    restored_state: State
    restored_id: int | None


@dataclass(frozen=True, slots=True)
class Refutation:
    """What proves that a claim was a robot's, as the ledger keeps signals, and the interactions that show it."""

    claim: Claim
    signals: list[dict[str, Any]]
    interactions: list[int]


def claims_of(change_id: int) -> list[Claim]:
    """Return the claims of a present change, newest first; none when one of them is final, or it was no opt-out and no
    opt-in. What a reinstatement has put back provisionally still rests on the claims that had made it."""
    claims = []
    next_id: int | None = change_id
    while next_id:
        row = PreferenceChange.objects.select_related("recipient").get(id=next_id)
        if row.settles_at is None or row.topic_id is None or row.state == State.DEFAULT:
            return []
        if row.source == Source.REINSTATEMENT:
            next_id = row.evidence.get("restores")
            continue
        claims.append(_claim(row, row.topic_id, row.settles_at))
        has_added = row.replaced.get("state") == row.state and not row.has_begun_anew
        next_id = row.replaced.get("change") if has_added else None
    return claims


def refute_all(claims: list[Claim]) -> list[Refutation]:
    """Return a refutation for each claim up to the first that stands."""
    refutations = []
    for claim in claims:
        refutation = _refute(claim)
        if refutation is None:
            break
        refutations.append(refutation)
    return refutations


def _claim(row: PreferenceChange, topic_id: int, settles_at: datetime) -> Claim:
    since = row.replaced.get("since")
    return Claim(
        change_id=row.id,
        recipient_id=row.recipient_id,
        brand_id=row.brand_id,
        topic_id=topic_id,
        channel=Channel(row.channel),
        address=row.recipient.address,
        mailing=row.mailing,
        is_press=row.source == Source.CONFIRM_BUTTON,
        evidence=row.evidence,
        settles_at=settles_at,
        state=State(row.state),
        restored=Restored(
            State(row.replaced.get("previous") or State.DEFAULT), datetime.fromisoformat(since) if since else None
        ),
        restored_state=State(row.replaced.get("state") or State.DEFAULT),
        restored_id=row.replaced.get("change"),
    )


def _refute(claim: Claim) -> Refutation | None:
    """Hard evidence at the change itself, or at the same page view later, or around the visitor."""
    if claim.evidence.get("at") is None:
        return None
    own = list(_same_view(claim))
    recorded = [*claim.evidence.get("signals", []), *(signal for row in own for signal in row.signals)]
    signals = [signal for signal in recorded if _is_proof_by_itself(signal, claim)]
    signals += signals_json(refute(_facts(claim, own)))
    if not signals:
        return None
    return Refutation(claim, signals, _cited(claim))


def _is_proof_by_itself(signal: dict[str, Any], claim: Claim) -> bool:
    """What the context says is looked at anew; and a press is not a robot's for what the page's clock had said."""
    name = signal.get("name")
    return bool(signal.get("hard")) and name not in _CONTEXT_NAMES and not (claim.is_press and name == "clock_ahead")


def _facts(claim: Claim, own: list[Interaction]) -> Facts:
    """What the context rules look at: the context anew, and whether a hand has shown on that page by now."""
    evidence = claim.evidence
    recorded = [*evidence.get("signals", []), *(signal for row in own for signal in row.signals)]
    has_hand = any(signal.get("name") == "trusted_input" for signal in recorded)
    seen = Seen(
        brand_id=claim.brand_id,
        recipient_id=claim.recipient_id,
        domain=addresses.domain(claim.channel, claim.address),
        mailing=claim.mailing,
        link=evidence.get("link", ""),
        visitor=bytes.fromhex(evidence.get("visitor", "")),
        network=evidence.get("network", ""),
        program=evidence.get("program", ""),
        moment=evidence["at"],
        until=claim.settles_at,
    )
    request = RequestFacts(network_class=evidence.get("network_class", ""))
    return Facts(
        request,
        page=_HAND if has_hand else None,
        context=context_of(seen),
        is_press=claim.is_press,
        is_afterwards=True,
    )


def _same_view(claim: Claim) -> Iterator[Interaction]:
    """What the same page view did until its change settled: its script's calls and its presses. Not how it was
    fetched: a page that a browser had loaded ahead is a person's once it is shown."""
    if claim.evidence.get("visit") is not None:
        at = datetime.fromtimestamp(claim.evidence["at"], claim.settles_at.tzinfo)
        rows = Interaction.objects.of_recipient(claim.recipient_id).between(at, claim.settles_at)
        rows = rows.filter(visit=claim.evidence["visit"], kind__in=_OF_THE_PAGE)
        yield from rows.only("id", "signals", "occurred_at")


def _cited(claim: Claim) -> list[int]:
    """The ids of the visitor's interactions with this message, nearest to the change first."""
    at = datetime.fromtimestamp(claim.evidence["at"], claim.settles_at.tzinfo)
    rows = Interaction.objects.of_recipient(claim.recipient_id).between(at - timedelta(hours=1), claim.settles_at)
    rows = rows.filter(mailing=claim.mailing, visitor=bytes.fromhex(claim.evidence.get("visitor", "")))
    found = sorted(rows.values_list("occurred_at", "id"), key=lambda row: abs(row[0] - at))
    return [number for _, number in found[:_CITED]]
