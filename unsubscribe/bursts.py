"""The burst alarm: mailings whose provisional opt-outs come like a scan, put before an operator who decides.

One visit of a good robot looks like a person's; a hundred of them do not look like a hundred people's. Of 497
unsubscribes of one mailing 489 came within two minutes of their own mail (hackwestern #846), and an organisation's
recipients are scanned from the same few addresses.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone

from preferences.models import Cause, PreferenceChange, Source, State, Subscription
from unsubscribe.refuting import claims_of
from unsubscribe.settling import LATEST, restore

SOON = 120  # seconds after its own mail
FEWEST = 5  # opt-outs that can look like a burst
MOST_NETWORKS = 3
_SHOWN = 500  # opt-outs of one mailing on one page


@dataclass(frozen=True, slots=True)
class OptOut:
    """One provisional opt-out: `send_age` in seconds, `network` cut to /24 or /48, "" when unknown."""

    change_id: int
    brand_id: int
    mailing: str
    send_age: int | None
    network: str


@dataclass(frozen=True, slots=True)
class Alarm:
    """Why a mailing's opt-outs look like a scan; `reasons` are sentences, none for no alarm."""

    brand_id: int
    mailing: str
    count: int
    soon_count: int
    network_count: int
    reasons: tuple[str, ...]


def alarms(brand_ids: Collection[int] | None = None) -> list[Alarm]:
    """Return the mailings of the last two days that want a look, of all brands or of some, the largest first: one
    query."""
    groups: dict[tuple[int, str], list[OptOut]] = {}
    fields = ("id", "brand_id", "mailing", "evidence__send_age", "evidence__network")
    rows = _undecided() if brand_ids is None else _undecided().filter(brand_id__in=brand_ids)
    for change_id, brand_id, mailing, age, network in rows.values_list(*fields):
        opt_out = OptOut(change_id, brand_id, mailing, age, network or "")
        groups.setdefault((brand_id, mailing), []).append(opt_out)
    found = [alarm_of(opt_outs) for opt_outs in groups.values()]
    return sorted((alarm for alarm in found if alarm.reasons), key=lambda alarm: -alarm.count)


def alarm_of(opt_outs: list[OptOut]) -> Alarm:
    """Return what speaks for a scan in the opt-outs of one mailing, at least one of them."""
    soon = sum(opt_out.send_age is not None and opt_out.send_age < SOON for opt_out in opt_outs)
    networks = Counter(opt_out.network for opt_out in opt_outs if opt_out.network)
    return Alarm(
        opt_outs[0].brand_id, opt_outs[0].mailing, len(opt_outs), soon, len(networks), tuple(_reasons(opt_outs, soon))
    )


def _reasons(opt_outs: list[OptOut], soon: int) -> Iterator[str]:
    count = len(opt_outs)
    if count < FEWEST:
        return
    if 2 * soon >= count and soon >= FEWEST:
        yield f"{soon} of {count} came within two minutes of their own mail, when scanners come and few people do."
    largest = Counter(opt_out.network for opt_out in opt_outs if opt_out.network).most_common(MOST_NETWORKS)
    together = sum(number for _, number in largest)
    if 2 * together >= count and together >= FEWEST * len(largest):
        where = "one network" if len(largest) == 1 else f"{len(largest)} networks"
        yield f"{together} of {count} came from {where}, as an organisation's gateway does."


def _undecided() -> Any:
    """The opt-outs that hold now and that nobody has made final: by evidence of the last two days, window open or not,
    so that an operator can still put back what became final overnight."""
    since = timezone.now() - LATEST
    present = Subscription.objects.filter(settles_at__gt=since, state=State.OUT).values("change_id")
    return PreferenceChange.objects.filter(id__in=present, changed_at__gt=since).exclude(mailing="")


def opt_outs_of(brand_id: int, mailing: str) -> list[PreferenceChange]:
    """Return the undecided opt-outs of a mailing, those soonest after their mail first; 500 at most."""
    rows = _undecided().filter(brand_id=brand_id, mailing=mailing).select_related("recipient", "topic")
    return list(rows.order_by("evidence__send_age", "id")[:_SHOWN])


def decided_of(brand_id: int, mailing: str) -> list[PreferenceChange]:
    """Return what operators have decided about a mailing in the last two days and what still holds, newest first."""
    since: datetime = timezone.now() - timedelta(days=2)
    rows = PreferenceChange.objects.filter(brand_id=brand_id, mailing=mailing, changed_at__gt=since)
    rows = rows.filter(Q(evidence__has_key="burst"), id__in=Subscription.objects.values("change_id"))
    return list(rows.select_related("recipient", "topic").order_by("-id")[:_SHOWN])


@dataclass(frozen=True, slots=True)
class Decision:
    """How many opt-outs a decision changed, and how many had changed meanwhile and were left alone."""

    changed_count: int
    passed_count: int


def put_back(change_ids: Iterable[int], reason: str, actor: str) -> Decision:
    """Reinstate: these were a robot's."""
    return _decide(_put_back_one, change_ids, Cause(Source.REINSTATEMENT, reason=reason, actor=actor))


def accept(change_ids: Iterable[int], reason: str, actor: str) -> Decision:
    """Make final: these were people's."""
    return _decide(_accept_one, change_ids, Cause(Source.ADMIN, reason=reason, actor=actor))


def reverse(change_ids: Iterable[int], reason: str, actor: str) -> Decision:
    """Take a decision back: who was reinstated is off again, who was accepted is back on."""
    return _decide(_reverse_one, change_ids, Cause(Source.ADMIN, reason=reason, actor=actor))


def _decide(deed: Any, change_ids: Iterable[int], cause: Cause) -> Decision:
    changed = passed = 0
    for row in PreferenceChange.objects.select_related("recipient").filter(id__in=list(change_ids)):
        own = Cause(cause.source, row.mailing, cause.reason, evidence={"burst": row.id}, actor=cause.actor)
        if row.topic_id is not None and deed(row, row.topic_id, own):
            changed += 1
        else:
            passed += 1
    return Decision(changed, passed)


def _put_back_one(row: PreferenceChange, topic_id: int, cause: Cause) -> bool:
    claims = claims_of(row.id)
    return bool(claims) and restore(row.id, claims, cause).has_changed


def _accept_one(row: PreferenceChange, topic_id: int, cause: Cause) -> bool:
    return _holds(row) and row.recipient.opt_out(topic_id, cause).has_changed


def _reverse_one(row: PreferenceChange, topic_id: int, cause: Cause) -> bool:
    if not _holds(row):
        return False
    if row.state == State.OUT:
        return row.recipient.undo_change(row.id, topic_id, cause).has_changed
    return row.recipient.opt_out(topic_id, cause).has_changed


def _holds(row: PreferenceChange) -> bool:
    return Subscription.objects.filter(recipient_id=row.recipient_id, change_id=row.id).exists()
