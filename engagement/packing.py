"""Makes the packed file of networks from lists of which autonomous system announces which addresses."""

from __future__ import annotations

import io
import json
import re
import tarfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import IO

from engagement.detection.networks import CLASSES, Network
from engagement.detection.packed_networks import Packed, Source, make_ranges

_MEMBERS = ("asn-ipv4.csv", "asn-ipv6.csv")

type Row = tuple[int, int, int]  # first, last, label


class PackingError(Exception):
    """An input is not what it should be; the text names it, and the line."""


@dataclass(slots=True)
class Table:
    """The ranges of one IP version that belong to a known network, as they are read."""

    rows: list[Row] = field(default_factory=list)
    read_count: int = 0
    narrow_count: int = 0  # IPv6, within one /64: left out


@contextmanager
def open_tables(path: Path) -> Iterator[tuple[list[tuple[str, IO[str]]], str]]:
    """Yield the CSV tables of `path`, each with its name, and the package's version ("" for a plain CSV file)."""
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as stream:
            yield [(path.name, stream)], ""
        return
    try:
        with tarfile.open(path, "r:gz") as archive:
            members = {Path(member.name).name: member for member in archive.getmembers() if member.isfile()}
            missing = [name for name in (*_MEMBERS, "package.json") if name not in members]
            if missing:
                raise PackingError(f"{path.name} holds no {missing[0]}; it should be the package @ip-location-db/asn.")
            tables = [(name, io.TextIOWrapper(_open(archive, members[name]), "utf-8")) for name in _MEMBERS]
            package = json.load(_open(archive, members["package.json"]))
            yield list(tables), str(package["version"])
    except (tarfile.TarError, EOFError) as error:
        raise PackingError(f"{path.name} is no whole .tgz file: {error}.") from None


def _open(archive: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    stream = archive.extractfile(member)
    assert stream
    return stream


def read_table(
    name: str, lines: Iterable[str], label_of: Callable[[int], int | None], tables: dict[int, Table]
) -> None:
    """Read lines of first address, last address, AS number and its name into the table of their IP version."""
    number = 0
    for number, line in enumerate(lines, 1):
        if not line.endswith("\n"):
            raise PackingError(f"{name} ends within line {number}: it is cut off. Fetch it again.")
        try:
            _read_line(line, label_of, tables)
        except (ValueError, IndexError):
            raise PackingError(
                f"{name}, line {number}: not “first address,last address,AS number,name”: {line.strip()[:60]}"
            ) from None
    if not number:
        raise PackingError(f"{name} is empty.")


def _read_line(line: str, label_of: Callable[[int], int | None], tables: dict[int, Table]) -> None:
    first_text, last_text, asn, *_ = line.split(",", 3)
    table = tables[6 if ":" in first_text else 4]
    if "." not in first_text and ":" not in first_text:
        raise ValueError
    table.read_count += 1
    label = label_of(int(asn))
    if label is None:
        return
    first, last = ip_address(first_text), ip_address(last_text)
    if first.version != last.version or int(last) < int(first):
        raise ValueError
    _add(table, int(first), int(last), label, first.version)


def _add(table: Table, first: int, last: int, label: int, version: int) -> None:
    if version == 6:
        first, last = -(-first >> 64), ((last + 1) >> 64) - 1  # only the /64 that are all in it
        if last < first:
            table.narrow_count += 1
            return
    table.rows.append((first, last, label))


def merge(rows: list[Row]) -> tuple[list[Row], int]:
    """Sort, make disjoint and join neighbours of one label. Return the rows, and how many overlapped.

    Of two that overlap, the earlier keeps what both claim, and of two that begin together the more certain.
    """
    result: list[Row] = []
    overlaps = 0
    for row in sorted(rows):
        first, last, label = row
        if result and first <= result[-1][1]:
            overlaps += result[-1][2] != label
            first = result[-1][1] + 1
            if last < first:
                continue
        if result and result[-1][2] == label and result[-1][1] + 1 == first:
            result[-1] = (result[-1][0], last, label)
        else:
            result.append((first, last, label))
    return result, overlaps


def ordered_names(systems: dict[int, Network]) -> list[Network]:
    """The networks, the most certain first, so that a label says also who wins."""
    return sorted(set(systems.values()), key=lambda network: (CLASSES.index(network.network_class), network.name))


def pack(tables: dict[int, Table], names: list[Network], sources: list[Source]) -> tuple[Packed, int]:
    """Return the packed networks, and how many ranges overlapped in the input."""
    (ipv4, overlaps4), (ipv6, overlaps6) = merge(tables[4].rows), merge(tables[6].rows)
    used = sorted({label for _, _, label in ipv4} | {label for _, _, label in ipv6})
    number = {label: index for index, label in enumerate(used)}
    packed = Packed(
        tuple(sources),
        tuple((names[label].network_class, names[label].name) for label in used),
        make_ranges([(first, last, number[label]) for first, last, label in ipv4], 4),
        make_ranges([(first, last, number[label]) for first, last, label in ipv6], 8),
    )
    return packed, overlaps4 + overlaps6


def date_in(version: str) -> str:
    """The day in a version such as 2.3.2026061719, "" when there is none."""
    found = re.search(r"(?<!\d)(\d{8})\d\d(?!\d)", version)
    try:
        return datetime.strptime(found[1], "%Y%m%d").date().isoformat() if found else ""  # noqa: DTZ007
    except ValueError:
        return ""


def checked_date(text: str) -> str:
    """Raises ValueError for what is no ISO date."""
    return date.fromisoformat(text).isoformat()
