"""What the doors share: the link that was opened, who visits, and how it is told to the recorder."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from engagement.detection import Context, Facts, PageFacts, Verdict, assess
from engagement.judging.context import Seen, context_of, program_of
from engagement.learning import learned
from engagement.models import Kind
from engagement.recording.recorder import Event, recorder
from engagement.recording.rows import send_age, signals_json
from engagement.visitors import Sighting, sight, truncated, visitor_address
from preferences.addresses import network_hash
from preferences.directory import Link, directory
from preferences.languages import Language, language_for
from preferences.links import Purpose
from preferences.models import Cause, PreferenceChange, Source, State
from preferences.models.standing import Standing
from unsubscribe.nonces import Nonce
from unsubscribe.settling import settler
from unsubscribe.waiting import NOT_ANSWERING, is_on, waiting

PURPOSES = {
    "u": Purpose.UNSUBSCRIBE,
    "o": Purpose.ONE_CLICK,
    "p": Purpose.PREFERENCES,
    "h": Purpose.HIDDEN,
    "j": Purpose.OPT_IN,
}


_LATEST_MOMENT = 32_503_680_000  # the year 3000: a link may claim any number, and not every one is a date


@dataclass(frozen=True, slots=True)
class Leaving:
    """What came of an opt-out: the change, None when nothing changed; or that it waits for the database."""

    change_id: int | None = None
    is_waiting: bool = False

    @property
    def has_left(self) -> bool:
        return self.is_waiting or self.change_id is not None


@dataclass(slots=True)
class Visit:
    """One request at a door, with its authentic link. `number` is the page view's, None before one is known; `at` its
    moment and `dwell` the seconds since, by the server's clock."""

    door: str
    token: str
    link: Link
    sighting: Sighting
    language: Language
    number: int | None = None
    at: float = field(default_factory=time.time)
    dwell: float | None = None
    is_cut_off: bool = False  # from the database, which was asked in vain

    @classmethod
    def open(cls, request: HttpRequest, door: str, token: str) -> Visit:
        """Open the link. Raises LinkError for any token that does not open this door."""
        link = directory.open(token, PURPOSES[door])
        if request.method == "POST":
            waiting.grant_of(link.recipient_id)
        return cls(door, token, link, sight(request), language_for(request, link.brand.language))

    @property
    def sent_at(self) -> datetime:
        """When the link's mail was sent, by the link's own word."""
        return datetime.fromtimestamp(min(self.link.claims.sent_at, _LATEST_MOMENT), UTC)

    def take(self, nonce: Nonce | None) -> None:
        """Tie this request to the page view that carried `nonce`."""
        if nonce is not None:
            self.number, self.dwell, self.at = nonce.visit, self.at - nonce.at, nonce.at

    def facts(self, page: PageFacts | None = None, *, is_press: bool = False) -> Facts:
        """Gather what is known, with the recent interactions around the visitor: one query."""
        request = self.sighting.request_facts
        return Facts(
            request,
            send_age(self.link.claims.sent_at, self.at),
            page,
            self._context(request.agent),
            dwell=self.dwell,
            day=int(self.at) // 86_400,
            is_press=is_press,
        )

    def judge(self, page: PageFacts | None = None, *, is_press: bool = False) -> tuple[Facts, Verdict]:
        facts = self.facts(page, is_press=is_press)
        return facts, assess(facts)

    def record(self, kind: Kind, answer: str, verdict: Verdict | None = None, facts: Facts | None = None) -> None:
        recorder.record(Event(self.link, kind.value, answer, self.sighting, self.number, verdict, facts))
        settler.wake()

    def cause(self, source: Source, verdict: Verdict | None = None, *, is_provisional: bool = False) -> Cause:
        """Why this visit changes something. The evidence names the network only cut and hashed."""
        settles_at = timezone.now() + timedelta(minutes=self.link.brand.settle_minutes) if is_provisional else None
        return Cause(source, self.link.claims.mailing, evidence=self._evidence(verdict), settles_at=settles_at)

    def standing(self) -> Standing:
        """What the recipient has said about the link's topic so far: one query."""
        entry = self.link.brand.topics.get(self.link.claims.topic)
        program = program_of(self.sighting.request_facts.agent)
        return self.link.recipient.standing(entry.id if entry else None, visitor=self._visitor.hex(), program=program)

    def leave(self, cause: Cause, *, unless_back_since: datetime | None = None) -> Leaving:
        """Opt out, or let the wish wait on the disk for a database that does not answer. Raises `django.db.Error` where
        that is not turned on."""
        try:
            topic_id = self.link.topic_id()
            outcome = self.link.recipient.opt_out(topic_id, cause, unless_back_since=unless_back_since)
        except NOT_ANSWERING:
            if not waiting.keep(self.link, cause, unless_back_since):
                raise
            return Leaving(is_waiting=True)
        return Leaving(outcome.change_ids[0] if outcome.has_changed else None)

    def leave_by_arrival(self, verdict: Verdict) -> Leaving:
        """Opt out, provisionally. Not whoever chose to stay after this mail was sent: for them an arrival alone at its
        link is no clear wish any more; a press is."""
        cause = self.cause(Source.ARRIVAL, verdict, is_provisional=True)
        return self.leave(cause, unless_back_since=self.sent_at)

    def take_back_arrival(self) -> bool:
        """Put back the opt-out that this very page view made by arriving: the hand was on "keep" all the while."""
        standing = self.standing()
        if standing.state != State.OUT or self.number is None:
            return False
        change_id = standing.change_id or 0
        arrival = {"id": change_id, "source": Source.ARRIVAL, "evidence__visit": self.number}
        if not PreferenceChange.objects.filter(**arrival).exists():
            return False
        cause = self.cause(Source.UNDO)
        return self.link.recipient.undo_change(change_id, self.link.topic_id(), cause).has_changed

    def _context(self, agent: str) -> Context:
        """The recent interactions around the visitor, as far as they can be known now."""
        try:
            return context_of(self._seen(agent))
        except NOT_ANSWERING:
            if not is_on():
                raise
            self.is_cut_off = True
            return Context(is_learned_agent=learned.is_agent(agent))

    def _seen(self, agent: str) -> Seen:
        claims, address = self.link.claims, self.sighting.address
        return Seen(
            brand_id=self.link.brand.id,
            recipient_id=self.link.recipient.id,
            domain=self.link.domain,
            mailing=claims.mailing,
            link=f"{claims.purpose} {claims.topic}",
            visitor=self._visitor,
            network=truncated(address),
            program=program_of(agent),
            moment=self.at,
            agent=agent,
        )

    @property
    def _visitor(self) -> bytes:
        return network_hash(visitor_address(self.sighting.address))

    def _evidence(self, verdict: Verdict | None) -> dict[str, Any]:
        request = self.sighting.request_facts
        evidence: dict[str, Any] = {
            "visit": self.number,
            "at": self.at,
            "language": self.language.code,
            "link": f"{self.link.claims.purpose} {self.link.claims.topic}",
            "send_age": send_age(self.link.claims.sent_at, self.at),
            "network": truncated(self.sighting.address),
            "network_class": request.network_class,
            "visitor": self._visitor.hex(),
            "program": program_of(request.agent),
        }
        if verdict is not None:
            evidence |= {
                "verdict": verdict.value.value,
                "score": verdict.score,
                "signals": signals_json(verdict.signals),
            }
        return evidence
