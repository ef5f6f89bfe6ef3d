"""The packed file of network ranges: one line that says what it is, one of JSON, then compressed columns.

The columns are little-endian: the first address of each range, the last, and the index of its name; IPv4 with four
bytes an address, IPv6 with the upper eight.
"""

from __future__ import annotations

import json
import sys
import zlib
from array import array
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

MAGIC = b"farewell-networks 1\n"
_MOST_BYTES = 64 * 1024 * 1024  # of a body that claims to be a packed file
_ADDRESS_CODES = {4: "I", 8: "Q"}


class PackedFileError(Exception):
    """The file is no packed file of this version, or it is damaged; the text says which."""


@dataclass(frozen=True, slots=True)
class Source:
    """One input of the file: its name, version and licence, its date (ISO, "" when not known), and its rows."""

    name: str
    version: str
    as_of: str
    licence: str
    count: int

    @property
    def day(self) -> date | None:
        try:
            return date.fromisoformat(self.as_of)
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Ranges:
    """Disjoint ranges in order, in columns."""

    firsts: array[int]
    lasts: array[int]
    labels: array[int]

    @property
    def count(self) -> int:
        return len(self.firsts)


@dataclass(frozen=True, slots=True)
class Packed:
    """All ranges; `names` are pairs of class and name that their labels point at."""

    sources: tuple[Source, ...]
    names: tuple[tuple[str, str], ...]
    ipv4: Ranges
    ipv6: Ranges


def make_ranges(rows: list[tuple[int, int, int]], width: int) -> Ranges:
    """Put rows of first, last and label, in order, into columns of `width` bytes."""
    code = _ADDRESS_CODES[width]
    firsts, lasts, labels = zip(*rows, strict=True) if rows else ((), (), ())
    return Ranges(array(code, firsts), array(code, lasts), array("H", labels))


def write(packed: Packed) -> bytes:
    """Return the file. The same contents give the same bytes."""
    columns = [column for ranges in (packed.ipv4, packed.ipv6) for column in _columns(ranges)]
    body = b"".join(_swapped(column).tobytes() for column in columns) + json.dumps(packed.names).encode()
    head = {
        "sources": [asdict(source) for source in packed.sources],
        "ipv4": packed.ipv4.count,
        "ipv6": packed.ipv6.count,
        "names": len(packed.names),
        "bytes": len(body),
        "crc32": zlib.crc32(body),
    }
    return MAGIC + json.dumps(head).encode() + b"\n" + zlib.compress(body, 9)


def read(path: Path) -> Packed:
    """Raises OSError, and PackedFileError for what is no packed file of this version, or a damaged one."""
    magic, _, rest = path.read_bytes().partition(b"\n")
    if magic + b"\n" != MAGIC:
        known = magic.startswith(MAGIC.split()[0])
        raise PackedFileError("the file is of another version" if known else "the file is no packed network file")
    line, _, compressed = rest.partition(b"\n")
    try:
        return _unpack(json.loads(line), compressed)
    except (ValueError, KeyError, TypeError, IndexError, zlib.error):
        raise PackedFileError("the file is damaged") from None


def _unpack(head: dict[str, Any], compressed: bytes) -> Packed:
    body = zlib.decompressobj().decompress(compressed, _MOST_BYTES)
    if len(body) != head["bytes"] or zlib.crc32(body) != head["crc32"]:
        raise ValueError
    offset = 0
    columns = []
    for width, count in ((4, head["ipv4"]), (8, head["ipv6"])):
        for code, size in ((_ADDRESS_CODES[width], width), (_ADDRESS_CODES[width], width), ("H", 2)):
            column = array(code)
            column.frombytes(body[offset : offset + size * count])
            offset += size * count
            columns.append(_swapped(column))
    names = tuple((network_class, name) for network_class, name in json.loads(body[offset:]))
    ipv4, ipv6 = Ranges(*columns[:3]), Ranges(*columns[3:])
    if max((*ipv4.labels, *ipv6.labels), default=-1) >= len(names):
        raise ValueError
    return Packed(tuple(Source(**source) for source in head["sources"]), names, ipv4, ipv6)


def _columns(ranges: Ranges) -> tuple[array[int], array[int], array[int]]:
    return ranges.firsts, ranges.lasts, ranges.labels


def _swapped(column: array[int]) -> array[int]:
    if sys.byteorder == "little":
        return column
    column = column[:]
    column.byteswap()
    return column
