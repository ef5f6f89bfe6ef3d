"""Who is written to: readers at big mailboxes and in organisations, some of whom sit behind a scanner."""

from __future__ import annotations

from bisect import bisect
from dataclasses import dataclass, field
from itertools import accumulate
from random import Random

from preferences.links import Channel
from unsubscribe.demo_year.clients import PEOPLE_NETWORKS, SCANNERS, Client, Scanner, address_in, clients

# Reserved names (RFC 2606), so that nobody real is ever written to.
_MAILBOXES = {"bigmail.example": 40, "letterbox.example": 22, "fruitmail.example": 20, "post.example": 18}
_TRADES = (
    *("harbour", "mill", "forge", "bakery", "press", "orchard", "quarry"),
    *("ferry", "garden", "theatre", "clinic", "library", "school", "tannery"),
)
_ORGANISATIONS = tuple(
    f"{trade}{'' if number == 0 else number + 1}.example" for number in range(3) for trade in _TRADES
)
_IN_AN_ORGANISATION = 0.28
SEGMENTS = {"loyal": (30, 1.5), "regular": (50, 1.0), "sleeping": (20, 0.25)}  # how many of a hundred, how eager


@dataclass(slots=True)
class Reader:
    """A person at an address. `eagerness` is how likely they open a mail, about 0.05 to 0.8."""

    address: str
    domain: str
    segment: str
    client: Client
    network_address: str
    scanner: Scanner | None
    eagerness: float
    channel: Channel = Channel.EMAIL
    left: set[str] = field(default_factory=set)  # topics


def make_readers(count: int, chance: Random) -> list[Reader]:
    kinds, shares = clients(chance)
    gateways: list[Scanner | None] = [*SCANNERS, None, None]
    scanner_of = {domain: gateways[index % len(gateways)] for index, domain in enumerate(_ORGANISATIONS)}
    return [_reader(number, chance, (kinds, shares), scanner_of) for number in range(count)]


def make_phones(count: int, chance: Random) -> list[Reader]:
    """Readers of text messages, at numbers that are set aside for fiction (Ofcom), or too long to be any."""
    kinds, _ = clients(chance)
    phones = []
    for number in range(count):
        home = address_in(PEOPLE_NETWORKS[number % 2], number)
        client = kinds[1 + number % 2]
        segment, eagerness = chance.choice(list(SEGMENTS)), chance.uniform(0.2, 0.5)
        phones.append(
            Reader(f"+447700900{number:03d}", "", segment, client, home, None, eagerness, channel=Channel.SMS)
        )
    return phones


def _reader(
    number: int,
    chance: Random,
    kinds: tuple[tuple[Client, ...], tuple[int, ...]],
    scanner_of: dict[str, Scanner | None],
) -> Reader:
    segment = _pick(chance, {name: share for name, (share, _) in SEGMENTS.items()})
    works = chance.random() < _IN_AN_ORGANISATION
    domain = chance.choice(_ORGANISATIONS) if works else _pick(chance, _MAILBOXES)
    [client] = chance.choices(kinds[0], kinds[1])
    return Reader(
        address=f"reader{number}@{domain}",
        domain=domain,
        segment=segment,
        client=client,
        network_address=address_in(PEOPLE_NETWORKS[number % 2], number),
        scanner=scanner_of[domain] if works else None,
        eagerness=min(0.85, chance.betavariate(2, 5) * SEGMENTS[segment][1]),
    )


def _pick(chance: Random, shares: dict[str, int]) -> str:
    ends = list(accumulate(shares.values()))
    return list(shares)[bisect(ends, chance.random() * ends[-1])]
