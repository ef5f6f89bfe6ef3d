"""What happens to one mail at one reader: robots at once, the reader in their own time, and now and then a farewell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from engagement.detection import Facts, PageFacts, Presence, RequestFacts, Value, Verdict, assess
from engagement.models import Kind
from engagement.recording.recorder import Event
from engagement.recording.rows import send_age
from engagement.visitors import Sighting
from preferences.directory import BrandEntry, Link
from preferences.links import Channel, Claims, Purpose
from preferences.models import Source
from unsubscribe.demo_year.clients import Headers, address_in
from unsubscribe.demo_year.plan import Sending
from unsubscribe.demo_year.readers import Reader

_HOUR, _DAY = 3600.0, 86_400.0
_NO_SCRIPT = PageFacts(visible=True, styled=True, elapsed=180)
_HAND = PageFacts(
    visible=True, focused=True, styled=True, elapsed=900, presence=Presence(spots=12, span=640, scrolls=2)
)
_NOBODY: Headers = ("POST", *[None] * 12)  # a server's request
_LEAVES, _SLIPS, _PREVIEWED, _LATE = 0.004, 0.02, 0.15, 0.05


@dataclass(frozen=True, slots=True)
class Farewell:
    """A wish that a visit brought about, for the ledger. `is_robots`: it was put back within the hour."""

    reader: Reader
    topic: str
    mailing: str
    at: float
    source: Source
    is_robots: bool = False


class Message:
    """One sending to one reader. Iterate it for its events; `farewell` is there afterwards when it ended so."""

    def __init__(self, brand: BrandEntry, sending: Sending, reader: Reader, chance: Random) -> None:
        self.brand, self.sending, self.reader, self.chance = brand, sending, reader, chance
        self.sent_at = sending.at.timestamp() + chance.uniform(0, 240)  # a mailing takes its time to go out
        self.farewell: Farewell | None = None
        self._visits = 0

    def __iter__(self) -> Iterator[Event]:
        if self.reader.scanner and self.chance.random() < self.reader.scanner.share:
            yield from self._scan()
        if self.reader.channel is Channel.SMS:
            if self.chance.random() < _PREVIEWED:
                yield self._event(Kind.CLICK, _preview(), self.reader.network_address, self.sent_at + 2, 0)
        elif self.reader.client.prefetches:
            after = self.chance.lognormvariate(7.5, 1.2)
            yield self._open(self.sent_at + after, self._picture_address())
        yield from self._read()

    def _scan(self) -> Iterator[Event]:
        scanner, chance = self.reader.scanner, self.chance
        assert scanner
        address = address_in(scanner.network, chance.randrange(12))
        agent = chance.choice(scanner.headers)
        at = self.sent_at + chance.uniform(*scanner.seconds)
        if chance.random() < _LATE:  # a queue, a forwarded mail, a mailbox that is searched through once more
            at = self.sent_at + chance.lognormvariate(9.0, 1.4)
        if scanner.opens:
            yield self._event(Kind.OPEN, agent, address, at)
        for number in range(len(self.sending.links)):
            yield self._event(Kind.CLICK, agent, address, at + 0.2 + number * chance.uniform(0.1, 0.6), number)
        if scanner.follows_hidden:
            yield self._event(Kind.HIDDEN_VISIT, agent, address, at + 1.4, purpose=Purpose.HIDDEN)
        visit = self._new_visit()
        yield self._event(Kind.VISIT, agent, address, at + 1.5, purpose=Purpose.UNSUBSCRIBE, visit=visit)
        if scanner.runs_script:
            yield from self._script_of_robot(agent, address, at + 2.1, visit)

    def _script_of_robot(self, agent: Headers, address: str, at: float, visit: int) -> Iterator[Event]:
        slips = self.chance.random() < _SLIPS
        yield self._arrival(agent, address, at, visit, _NO_SCRIPT, "done" if slips else "ask")
        if slips and self.sending.topic not in self.reader.left:
            self._leave(at, Source.ARRIVAL, is_robots=True)

    def _read(self) -> Iterator[Event]:
        """The reader opens the mail, later clicks, and sometimes has enough."""
        chance, reader = self.chance, self.reader
        if chance.random() > reader.eagerness * self.sending.keenness:
            return
        at = self._waking(self.sent_at + chance.lognormvariate(9.2, 1.5))
        if reader.channel is Channel.EMAIL and not reader.client.prefetches:
            yield self._open(at, self._picture_address())
            if chance.random() < 0.25:
                yield self._open(self._waking(at + chance.expovariate(1 / _DAY)), self._picture_address())
        if chance.random() < 0.1 + 0.12 * reader.eagerness:
            yield from self._click(at + chance.uniform(4, 90))
        if chance.random() < _LEAVES * (2.5 if reader.segment == "sleeping" else 1):
            yield from self._say_farewell(at + chance.uniform(5, 60))

    def _click(self, at: float) -> Iterator[Event]:
        chance, count = self.chance, len(self.sending.links)
        number = min(int(chance.expovariate(1.2)), count - 1)
        yield self._event(Kind.CLICK, self.reader.client.page, self.reader.network_address, at, number)
        if count > 1 and chance.random() < 0.2:
            later = at + chance.uniform(15, 300)
            other = (number + 1) % count
            yield self._event(Kind.CLICK, self.reader.client.page, self.reader.network_address, later, other)
        if chance.random() < 0.04:
            told = (Verdict(Value.HUMAN, 0, ()), Facts(RequestFacts(method="POST")))
            yield self._event(
                Kind.CONVERSION, _NOBODY, "", at + chance.uniform(120, 1800), number, answer="counted", judged=told
            )

    def _say_farewell(self, at: float) -> Iterator[Event]:
        if self.sending.topic in self.reader.left:
            return
        reader, chance = self.reader, self.chance
        if reader.channel is Channel.EMAIL and chance.random() < 0.3:
            self._leave(at, Source.ONE_CLICK)
            yield self._event(Kind.ONE_CLICK, _NOBODY, "", at, purpose=Purpose.ONE_CLICK, answer="done")
            return
        page, home, visit = reader.client.page, reader.network_address, self._new_visit()
        yield self._event(Kind.VISIT, page, home, at, purpose=Purpose.UNSUBSCRIBE, visit=visit)
        yield self._arrival(page, home, at + 0.9, visit, _HAND, "done")
        self._leave(at + 0.9, Source.ARRIVAL)

    def _leave(self, at: float, source: Source, *, is_robots: bool = False) -> None:
        self.farewell = Farewell(self.reader, self.sending.topic, self.sending.slug, at, source, is_robots)
        if not is_robots:
            self.reader.left.add(self.sending.topic)

    def _waking(self, at: float) -> float:
        """Few read mail at night: what would fall between eleven and six comes in the morning."""
        hour = at % _DAY / _HOUR
        if 6 <= hour < 23 or self.chance.random() < 0.1:
            return at
        return at + (30 - hour) % 24 * _HOUR + self.chance.uniform(0, 3 * _HOUR)

    def _picture_address(self) -> str:
        network = self.reader.client.picture_network
        return address_in(network, self.chance.randrange(400)) if network else self.reader.network_address

    def _open(self, at: float, address: str) -> Event:
        return self._event(Kind.OPEN, self.reader.client.picture, address, at, purpose=Purpose.OPEN, answer="pixel")

    def _arrival(self, agent: Headers, address: str, at: float, visit: int, page: PageFacts, answer: str) -> Event:
        sighting = Sighting(("POST", *agent[1:]), address)
        facts = Facts(sighting.request_facts, send_age(int(self.sent_at), at), page, day=int(at // _DAY), dwell=0.8)
        verdict = assess(facts)
        return self._event(
            Kind.ARRIVE, sighting.headers, address, at, None, Purpose.UNSUBSCRIBE, answer, visit, (verdict, facts)
        )

    def _new_visit(self) -> int:
        return self.chance.getrandbits(62)

    def _event(
        self,
        kind: Kind,
        agent: Headers,
        address: str,
        at: float,
        link: int | None = None,
        purpose: Purpose | None = None,
        answer: str = "",
        visit: int | None = None,
        judged: tuple[Verdict, Facts] | None = None,
    ) -> Event:
        target = "" if link is None else self.sending.links[link]
        purpose = purpose or (Purpose.CLICK if target else Purpose.OPEN)
        claims = Claims(
            purpose,
            self.reader.channel,
            int(self.sent_at),
            self.sending.topic,
            self.sending.slug,
            self.reader.address,
            target,
            self.reader.segment,
        )
        verdict, facts = judged or (None, None)
        answer = answer or ("redirect" if kind == Kind.CLICK else "pixel" if kind == Kind.OPEN else "page")
        sighting = Sighting(agent, address)
        return Event(Link(claims, self.brand), kind.value, answer, sighting, visit, verdict, facts, occurred_at=at)


def _preview() -> Headers:
    """A phone that looks at a link before its owner does."""
    return ("GET", "WhatsApp/2.23.20.0 A", *[None] * 11)
