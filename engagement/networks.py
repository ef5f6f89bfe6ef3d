"""Whose network an address belongs to, by the operator's own data first. docs/networks.md is for operators."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from ipaddress import IPv6Network, ip_network
from pathlib import Path
from typing import Any

import maxminddb
from django.conf import settings
from django.core.checks import CheckMessage, Error

from engagement.detection import networks
from engagement.detection.networks import CLASSES, UNKNOWN, Address, Block, Blocks, Network, parse_address

__all__ = ["DataSource", "Network", "check_asn_database", "check_networks_file", "network_of", "status"]

_NAME_LENGTH = 100
_MAPPED = IPv6Network("::ffff:0:0/96")
_FILE_HINT = "Each line is “CIDR class [name]”, and # begins a comment. The classes are " + ", ".join(CLASSES) + "."


@dataclass(frozen=True, slots=True)
class DataSource:
    """Data that networks are known by.

    `count` is in ranges, 0 when not known; `effect` says what goes unseen while it is absent.
    """

    name: str
    is_present: bool
    as_of: date | None
    count: int
    problem: str
    effect: str


@dataclass(frozen=True, slots=True)
class _OperatorFile:
    """The operator's blocks; a line that is none is a problem, and the other lines count."""

    blocks: Blocks
    problems: tuple[str, ...] = ()
    as_of: date | None = None


@dataclass(frozen=True, slots=True)
class _AsnDatabase:
    """A MaxMind database of AS numbers, or why there is none."""

    reader: maxminddb.Reader | None = None
    problem: str = ""
    as_of: date | None = None

    def find(self, ip: Address) -> Network:
        assert self.reader
        try:
            record: Any = self.reader.get(ip)
        except (ValueError, OSError, maxminddb.InvalidDatabaseError):
            return UNKNOWN
        number = record.get("autonomous_system_number") if isinstance(record, dict) else None
        return networks.systems().get(number, UNKNOWN) if type(number) is int else UNKNOWN


def network_of(address: str) -> Network:
    """Return what is known about the network of `address`, also for what is no address.

    The operator's blocks go first, then certain mail filters, then the operator's AS database or the packed file.
    """
    return _network_of(address, settings.FAREWELL_NETWORKS_FILE, settings.FAREWELL_ASN_DATABASE)


@lru_cache(16_384)
def _network_of(address: str, networks_file: str, asn_database: str) -> Network:
    ip = parse_address(address)
    if ip is None:
        return UNKNOWN
    if networks_file and (own := _operator_file(networks_file).blocks.find(ip)):
        return own
    if certain := networks.certain().find(ip):
        return certain
    if asn_database and (database := _asn_database(asn_database)).reader:
        return database.find(ip)
    return networks.packed().find(ip)


@lru_cache(4)
def _operator_file(path: str) -> _OperatorFile:
    problems: list[str] = []
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
        as_of = _changed_on(path)
    except UnicodeDecodeError:
        return _OperatorFile(Blocks([]), ("it is not UTF-8 text",))
    except OSError as error:
        return _OperatorFile(Blocks([]), (error.strerror or "it cannot be read",))
    return _OperatorFile(Blocks(_blocks(text, problems)), tuple(problems), as_of)


def _blocks(text: str, problems: list[str]) -> Iterator[tuple[Block, Network]]:
    lines: dict[Block, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split(maxsplit=2)
        if not words:
            continue
        try:
            block, network = _entry(*words)
        except ValueError as error:
            problems.append(f"line {number}: {error}")
            continue
        if first := lines.get(block):
            problems.append(f"line {number} repeats line {first}")
            continue
        lines[block] = number
        yield block, network


def _entry(cidr: str, network_class: str = "", name: str = "") -> tuple[Block, Network]:
    try:
        block = ip_network(cidr)
    except ValueError:
        raise ValueError(f"“{cidr[:60]}” is no CIDR block") from None
    if isinstance(block, IPv6Network) and block.subnet_of(_MAPPED):
        raise ValueError(f"“{cidr[:60]}” is IPv4 within IPv6; write it as IPv4")
    if network_class not in CLASSES:
        raise ValueError(f"“{network_class[:60]}” is no class" if network_class else "the class is missing")
    return block, Network(name.strip()[:_NAME_LENGTH] or cidr, network_class)


@lru_cache(4)
def _asn_database(path: str) -> _AsnDatabase:
    try:
        reader = maxminddb.open_database(path)
        metadata = reader.metadata()
        reader.get("192.0.2.1")
    except OSError as error:
        return _AsnDatabase(problem=error.strerror or "it cannot be read")
    except (maxminddb.InvalidDatabaseError, ValueError):
        return _AsnDatabase(problem="it is no whole MaxMind database")
    if "asn" not in metadata.database_type.lower() and not _holds_systems(reader):
        return _AsnDatabase(problem=f"it is a database of {metadata.database_type[:60]}, not of AS numbers")
    made_on = datetime.fromtimestamp(metadata.build_epoch, UTC).date()
    return _AsnDatabase(reader, "", made_on)


def _holds_systems(reader: maxminddb.Reader) -> bool:
    """Tell by the first record, for databases that others make under a name of their own."""
    try:
        _, record = next(iter(reader))
    except (StopIteration, ValueError, maxminddb.InvalidDatabaseError):
        return False
    return isinstance(record, dict) and "autonomous_system_number" in record


def _changed_on(path: str) -> date:
    return datetime.fromtimestamp(Path(path).stat().st_mtime, UTC).date()


def status() -> list[DataSource]:
    """Say which data are there, how old they are, and what goes unseen without them."""
    certain, packed = networks.certain(), networks.packed()
    rows = [
        DataSource("Mail filters whose addresses are published", True, networks.certain_as_of(), certain.count, "", ""),
        DataSource(
            "Packed networks",
            not packed.problem,
            packed.sources[0].day if packed.sources else None,
            packed.count,
            packed.problem,
            "Visits from data centres, security gateways and homes are not recognised; they count as unknown, not as "
            "clean.",
        ),
    ]
    return rows + _operator_rows()


def _operator_rows() -> list[DataSource]:
    own = _operator_file(settings.FAREWELL_NETWORKS_FILE) if settings.FAREWELL_NETWORKS_FILE else None
    database = _asn_database(settings.FAREWELL_ASN_DATABASE) if settings.FAREWELL_ASN_DATABASE else None
    return [
        DataSource(
            "Your networks (FAREWELL_NETWORKS_FILE)",
            bool(own and own.blocks.count),
            own.as_of if own else None,
            own.blocks.count if own else 0,
            "; ".join(own.problems) if own else "",
            "Nothing is known about networks beyond what everybody knows.",
        ),
        DataSource(
            "Your AS database (FAREWELL_ASN_DATABASE)",
            bool(database and database.reader),
            database.as_of if database else None,
            0,
            database.problem if database else "",
            "The packed networks are used.",
        ),
    ]


def check_networks_file(**_: Any) -> list[CheckMessage]:
    """farewell.E002: the operator's file of networks cannot be read, or has lines that are none."""
    path = settings.FAREWELL_NETWORKS_FILE
    if not path:
        return []
    _operator_file.cache_clear()
    problems = _operator_file(path).problems
    return [Error(f"FAREWELL_NETWORKS_FILE {path}: {text}.", hint=_FILE_HINT, id="farewell.E002") for text in problems]


def check_asn_database(**_: Any) -> list[CheckMessage]:
    """farewell.E003: the operator's database of AS numbers cannot be used."""
    path = settings.FAREWELL_ASN_DATABASE
    if not path or not (problem := _asn_database(path).problem):
        return []
    hint = "Give a MaxMind database of AS numbers, such as GeoLite2-ASN.mmdb, or unset it to use the packed file."
    return [Error(f"FAREWELL_ASN_DATABASE {path}: {problem}.", hint=hint, id="farewell.E003")]
