"""Whose network an address belongs to, by data: certain mail filters by CIDR, the rest by autonomous system, packed.

A missing or broken data file makes addresses unknown, never an error; `packed().problem` says so. docs/networks.md
tells where the data come from and how the packed file is made.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path

from engagement.detection.packed_networks import Packed, PackedFileError, Source, read

DATA = Path(__file__).parent / "data"
PACKED_FILE = DATA / "networks.bin"
CERTAIN_FILE = DATA / "networks.json"
ASNS_FILE = DATA / "asns.json"
DATA_CENTRES_FILE = DATA / "data_centres.txt"

# The most certain first: what stands in two classes belongs to the first of them.
CLASSES = ("mail_filter", "mail_security", "gateway", "data_centre", "consumer")

type Address = IPv4Address | IPv6Address
type Block = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Network:
    """Who a network address belongs to, as far as is known, and what that says about who comes from there.

    `network_class` is one of "mail_filter" (nobody browses there), "mail_security" (mostly scanners, people by browser
    isolation), "gateway" (people browse through it), "data_centre", "consumer", and "" for what is not known.
    """

    name: str = ""
    network_class: str = ""


UNKNOWN = Network()


def parse_address(text: str) -> Address | None:
    """Return the address, IPv4 also where it is mapped into IPv6; None for what is none."""
    try:
        ip = ip_address(text)
    except ValueError:
        return None
    return (ip.ipv4_mapped or ip) if isinstance(ip, IPv6Address) else ip


class Blocks:
    """CIDR blocks, each with its network. The narrowest block that holds an address wins."""

    def __init__(self, entries: Iterable[tuple[Block, Network]]) -> None:
        self._by_shift: dict[int, dict[int, dict[int, Network]]] = {4: {}, 6: {}}
        self.count = 0
        for block, network in entries:
            shift = block.max_prefixlen - block.prefixlen
            self._by_shift[block.version].setdefault(shift, {})[int(block.network_address) >> shift] = network
            self.count += 1
        for version, shifts in self._by_shift.items():
            self._by_shift[version] = dict(sorted(shifts.items()))

    def find(self, ip: Address) -> Network | None:
        number = int(ip)
        for shift, blocks in self._by_shift[ip.version].items():
            if network := blocks.get(number >> shift):
                return network
        return None


@cache
def certain() -> Blocks:
    """The mail filters whose vendors publish their addresses."""
    return Blocks(
        (ip_network(text), Network(name, "mail_filter"))
        for name, entry in json.loads(CERTAIN_FILE.read_text())["networks"].items()
        for text in entry["cidr"]
    )


@cache
def certain_as_of() -> date:
    """The day of the vendors' lists."""
    return date.fromisoformat(json.loads(CERTAIN_FILE.read_text())["as_of"])


@dataclass(frozen=True, slots=True)
class PackedNetworks:
    """The packed file once it is read: where its data come from, how many ranges, or what was wrong with it."""

    sources: tuple[Source, ...] = ()
    count: int = 0
    problem: str = ""
    _ranges: Packed | None = None
    _networks: tuple[Network, ...] = ()

    def find(self, ip: Address) -> Network:
        if not self._ranges:
            return UNKNOWN
        # IPv6 is kept by its upper half: no provider hands out less than a /64.
        ranges, number = (self._ranges.ipv4, int(ip)) if ip.version == 4 else (self._ranges.ipv6, int(ip) >> 64)
        index = bisect_right(ranges.firsts, number) - 1
        if index < 0 or number > ranges.lasts[index]:
            return UNKNOWN
        return self._networks[ranges.labels[index]]


def load(path: Path) -> PackedNetworks:
    """Read a packed file; what is wrong with it is told in `problem`, and then every address is unknown."""
    try:
        ranges = read(path)
        networks = tuple(Network(name, network_class) for network_class, name in ranges.names)
    except FileNotFoundError:
        return PackedNetworks(problem="the file is missing")
    except OSError as error:
        return PackedNetworks(problem=error.strerror or "the file cannot be read")
    except PackedFileError as error:
        return PackedNetworks(problem=str(error))
    return PackedNetworks(ranges.sources, ranges.ipv4.count + ranges.ipv6.count, "", ranges, networks)


@cache
def packed() -> PackedNetworks:
    return load(PACKED_FILE)


@cache
def systems() -> dict[int, Network]:
    """The autonomous systems that say something about who comes from them, by number."""
    return classify_systems(read_systems(DATA_CENTRES_FILE.read_text(encoding="utf-8")))


def classify_systems(data_centres: dict[int, str]) -> dict[int, Network]:
    """Join `data_centres` with the systems of asns.json, which know better."""
    rows = json.loads(ASNS_FILE.read_text(encoding="utf-8"))
    known = {
        number: Network(name, network_class)
        for network_class in CLASSES
        for name, numbers in rows.get(network_class, {"names": {}})["names"].items()
        for number in numbers
    }
    left_out = {number for numbers in rows["left_out"]["names"].values() for number in numbers}
    listed = {number: Network(name, "data_centre") for number, name in data_centres.items() if number not in left_out}
    return listed | known


def read_systems(text: str) -> dict[int, str]:
    """Read lines of `NUMBER NAME` or, as X4BNet writes them, `AS123 # NAME`. Raises ValueError with the line."""
    result = {}
    for line_number, line in enumerate(text.splitlines(), 1):
        number, _, name = line.strip().partition(" ")
        if not number or number.startswith("#"):
            continue
        digits = number.upper().removeprefix("AS")
        if not digits.isascii() or not digits.isdigit() or int(digits) >= 2**32:
            raise ValueError(f"line {line_number}: “{number[:40]}” is no AS number")
        result[int(digits)] = name.strip(" #") or f"AS{int(digits)}"
    return result
