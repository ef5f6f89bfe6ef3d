from __future__ import annotations

import os
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from tqdm import tqdm

from engagement import packing
from engagement.detection import networks
from engagement.detection.packed_networks import Packed, Source, write
from engagement.packing import PackingError, Table
from preferences.management.example import ExampleCommand
from preferences.streams import progress

_EXAMPLE = """\
manage.py pack_networks --asn ip-location-db-asn-2.3.2026061719.tgz

Packs the address ranges of the autonomous systems that Farewell knows something about. docs/networks.md says where
the inputs come from. The same inputs give the same file; the file in use is replaced only when all went well."""
_ASN_NAME = "@ip-location-db/asn (RouteViews, DB-IP, NRO)"


class Command(ExampleCommand):
    help = "Make the file that tells whose network an address belongs to."
    example = _EXAMPLE
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--asn", type=Path, required=True, metavar="FILE", help="the package's .tgz, or its IPv4 CSV"
        )
        parser.add_argument("--asn-ipv6", type=Path, metavar="FILE.csv", help="its IPv6 CSV, when --asn is a CSV")
        parser.add_argument(
            "--as-of", metavar="DATE", help="the day of the CSV files (default: by the package's version)"
        )
        parser.add_argument(
            "--data-centres",
            type=Path,
            default=networks.DATA_CENTRES_FILE,
            metavar="FILE",
            help="AS numbers, one a line",
        )
        parser.add_argument(
            "--data-centres-version", default="", metavar="TEXT", help="what to call that file's version"
        )
        parser.add_argument("--output", type=Path, default=networks.PACKED_FILE, metavar="FILE", help="what to write")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            packed, notes = self._pack(options)
            data = write(packed)
            _replace(options["output"], data)
        except PackingError as error:
            raise CommandError(str(error)) from None
        except UnicodeDecodeError as error:
            raise CommandError(f"An input is not UTF-8 text: {error}.") from None
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}") from None
        self.stdout.write(
            f"{options['output']}: {len(data):,} bytes, {packed.ipv4.count:,} IPv4 and {packed.ipv6.count:,} IPv6 "
            f"ranges under {len(packed.names):,} names"
        )
        self.stdout.write(notes)

    def _pack(self, options: dict[str, Any]) -> tuple[Packed, str]:
        as_of = _day(options["as_of"])
        systems = self._systems(options["data_centres"])
        names = packing.ordered_names(systems)
        index = {network: label for label, network in enumerate(names)}
        labels = {number: index[network] for number, network in systems.items()}
        tables = {4: Table(), 6: Table()}
        version = ""
        for path in filter(None, (options["asn"], options["asn_ipv6"])):
            with packing.open_tables(path) as (streams, found):
                version = version or found
                for name, stream in streams:
                    packing.read_table(name, _with_progress(stream), labels.get, tables)
        sources = [
            Source(
                _ASN_NAME,
                version,
                as_of or packing.date_in(version),
                "CC BY 4.0",
                tables[4].read_count + tables[6].read_count,
            ),
            _data_centre_source(options, systems),
        ]
        packed, overlaps = packing.pack(tables, names, sources)
        narrow = tables[6].narrow_count
        return packed, f"{overlaps:,} ranges overlapped in the input, {narrow:,} of IPv6 were narrower than a /64."

    def _systems(self, path: Path) -> dict[int, networks.Network]:
        try:
            return networks.classify_systems(networks.read_systems(path.read_text(encoding="utf-8")))
        except ValueError as error:
            raise PackingError(f"{path.name}, {error}.") from None


def _data_centre_source(options: dict[str, Any], systems: dict[int, networks.Network]) -> Source:
    path: Path = options["data_centres"]
    is_ours = path.resolve() == networks.DATA_CENTRES_FILE.resolve()
    version = options["data_centres_version"] or (
        "commit 02e3acb8, without what asns.json leaves out" if is_ours else ""
    )
    count = sum(network.network_class == "data_centre" for network in systems.values())
    return Source("X4BNet/lists_vpn, data centres", version, "", "MIT", count)


def _day(text: str | None) -> str:
    try:
        return packing.checked_date(text) if text else ""
    except ValueError:
        raise PackingError(f"--as-of: “{text}” is no date such as 2026-06-17.") from None


def _with_progress(lines: Iterable[str]) -> Iterator[str]:
    bar: tqdm[Any]
    with progress("lines") as bar:
        for line in lines:
            yield line
            bar.update()


def _replace(path: Path, data: bytes) -> None:
    """Write beside the file and rename, so that nobody ever reads half of one."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(data)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
