from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet
from pytest_django import Settings

from engagement import networks
from engagement.detection.networks import UNKNOWN, Network
from engagement.networks import DataSource, check_asn_database, check_networks_file, network_of, status

OWN = """\
# our own
198.51.100.0/24   mail_filter   Our mail filter  # for all brands
198.51.100.7      gateway

2001:db8:5::/48   consumer      Head office
2001:db8:5::1     data_centre   One machine
104.47.0.0/16     consumer      Not what everybody thinks
"""


def make_file(folder: Path, settings: Settings, text: str | bytes = OWN) -> Path:
    path = folder / "own.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    settings.FAREWELL_NETWORKS_FILE = str(path)
    return path


def make_database(
    folder: Path,
    settings: Settings,
    database_type: str = "GeoLite2-ASN",
    record: dict[str, Any] | None = None,
) -> Path:
    writer = MMDBWriter(ip_version=6, database_type=database_type, ipv4_compatible=True)
    writer.insert_network(IPSet(["192.0.2.0/24", "104.47.1.0/24"]), record or {"autonomous_system_number": 7922})
    writer.insert_network(IPSet(["2001:db8::/32"]), {"autonomous_system_number": 24940})
    writer.insert_network(IPSet(["198.51.100.0/24"]), {"autonomous_system_number": 64500})
    path = folder / "asn.mmdb"
    writer.to_db_file(str(path))
    settings.FAREWELL_ASN_DATABASE = str(path)
    return path


def source(name: str) -> DataSource:
    return next(row for row in status() if name in row.name)


@pytest.fixture(autouse=True)
def no_data_of_the_operator(settings: Settings) -> None:
    settings.FAREWELL_NETWORKS_FILE = settings.FAREWELL_ASN_DATABASE = ""
    networks._operator_file.cache_clear()
    networks._network_of.cache_clear()


@pytest.mark.parametrize(
    ("address", "name", "network_class"),
    [
        ("198.51.100.1", "Our mail filter", "mail_filter"),
        ("198.51.100.7", "198.51.100.7", "gateway"),
        ("::ffff:198.51.100.7", "198.51.100.7", "gateway"),
        ("2001:db8:5:9::9", "Head office", "consumer"),
        ("2001:db8:5::1", "One machine", "data_centre"),
        ("104.47.1.1", "Not what everybody thinks", "consumer"),
        ("40.107.1.1", "Microsoft Exchange Online Protection", "mail_filter"),
        ("73.1.2.3", "Comcast", "consumer"),
        ("198.51.101.1", "", ""),
        ("nowhere", "", ""),
        ("", "", ""),
    ],
)
def test_the_operators_own_networks_go_first(
    tmp_path: Path, settings: Settings, address: str, name: str, network_class: str
) -> None:
    make_file(tmp_path, settings)
    assert network_of(address) == Network(name, network_class)


def test_a_good_file_has_no_problem(tmp_path: Path, settings: Settings) -> None:
    path = make_file(tmp_path, settings)
    row = source("FAREWELL_NETWORKS_FILE")
    changed = datetime.fromtimestamp(path.stat().st_mtime, UTC).date()
    assert (row.is_present, row.count, row.problem, row.as_of) == (True, 5, "", changed)
    assert check_networks_file() == []


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("203.0.113.0/24", "line 2: the class is missing"),
        ("203.0.113.0/24 proxy", "line 2: “proxy” is no class"),
        ("203.0.113.1/24 gateway", "line 2: “203.0.113.1/24” is no CIDR block"),
        ("gateway 203.0.113.0/24", "line 2: “gateway” is no CIDR block"),
        ("::ffff:203.0.113.0/120 gateway", "line 2: “::ffff:203.0.113.0/120” is IPv4 within IPv6"),
        ("192.0.2.0/24 gateway", "line 2 repeats line 1"),
    ],
)
def test_a_bad_line_is_named_and_the_others_count(tmp_path: Path, settings: Settings, line: str, problem: str) -> None:
    path = make_file(tmp_path, settings, f"192.0.2.0/24 consumer Home\n{line}\n198.51.100.0/24 gateway Gate\n")
    (error,) = check_networks_file()
    assert error.id == "farewell.E002"
    assert error.msg.startswith(f"FAREWELL_NETWORKS_FILE {path}: {problem}")
    assert [network_of(address).name for address in ("192.0.2.1", "198.51.100.1")] == ["Home", "Gate"]


@pytest.mark.parametrize(("data", "problem"), [(b"\xff\xfe1\x00", "it is not UTF-8 text"), (None, "No such file")])
def test_a_file_that_cannot_be_read_is_an_error_and_stops_nothing(
    tmp_path: Path, settings: Settings, data: bytes | None, problem: str
) -> None:
    path = make_file(tmp_path, settings, data or "")
    if data is None:
        path.unlink()
    assert problem in check_networks_file()[0].msg
    assert problem in source("FAREWELL_NETWORKS_FILE").problem
    assert network_of("73.1.2.3").network_class == "consumer"


@pytest.mark.parametrize(
    ("address", "network_class"),
    [
        ("192.0.2.1", "consumer"),
        ("2001:db8::1", "data_centre"),
        ("104.47.1.1", "mail_filter"),  # certain before the database
        ("198.51.100.1", ""),  # a system that says nothing
        ("73.1.2.3", ""),  # the database replaces the packed file
        ("nowhere", ""),
    ],
)
def test_an_asn_database_replaces_the_packed_file(
    tmp_path: Path, settings: Settings, address: str, network_class: str
) -> None:
    make_database(tmp_path, settings)
    assert network_of(address).network_class == network_class


def test_a_database_says_how_old_it_is(tmp_path: Path, settings: Settings) -> None:
    make_database(tmp_path, settings)
    row = source("FAREWELL_ASN_DATABASE")
    assert row.as_of
    assert (row.is_present, abs((row.as_of - datetime.now(UTC).date()).days) <= 1) == (True, True)
    assert check_asn_database() == []


def test_a_database_under_another_name_is_read_by_what_it_holds(tmp_path: Path, settings: Settings) -> None:
    make_database(tmp_path, settings, "Example-Networks")
    assert network_of("192.0.2.1").network_class == "consumer"


@pytest.mark.parametrize("number", ["7922", None, True, 7.0, {}])
def test_a_number_of_another_type_is_unknown(tmp_path: Path, settings: Settings, number: object) -> None:
    make_database(tmp_path, settings, record={"autonomous_system_number": number} if number else {"other": 1})
    assert network_of("192.0.2.1") == UNKNOWN


def test_a_database_of_something_else_is_an_error_and_the_packed_file_serves(
    tmp_path: Path, settings: Settings
) -> None:
    make_database(tmp_path, settings, "GeoLite2-Country", {"country": "NL"})
    (error,) = check_asn_database()
    assert (error.id, "a database of GeoLite2-Country, not of AS numbers" in error.msg) == ("farewell.E003", True)
    assert network_of("73.1.2.3").network_class == "consumer"


@pytest.mark.parametrize(
    ("data", "problem"), [(b"", "no whole MaxMind"), (b"text" * 99, "no whole MaxMind"), (None, "No such file")]
)
def test_a_broken_database_is_an_error_and_the_packed_file_serves(
    tmp_path: Path, settings: Settings, data: bytes | None, problem: str
) -> None:
    path = tmp_path / "broken.mmdb"
    if data is not None:
        path.write_bytes(data)
    settings.FAREWELL_ASN_DATABASE = str(path)
    assert problem in check_asn_database()[0].msg
    assert problem in source("FAREWELL_ASN_DATABASE").problem
    assert network_of("73.1.2.3").network_class == "consumer"


def test_a_database_cut_short_stops_nothing(tmp_path: Path, settings: Settings) -> None:
    path = make_database(tmp_path, settings)
    whole = path.read_bytes()
    cut = tmp_path / "cut.mmdb"
    cut.write_bytes(whole[: len(whole) // 2])
    settings.FAREWELL_ASN_DATABASE = str(cut)
    assert network_of("192.0.2.1").network_class in {"", "consumer"}
    assert check_asn_database()


def test_what_is_there_and_what_is_not_is_told() -> None:
    rows = status()
    assert [row.is_present for row in rows] == [True, True, False, False]
    assert [row.as_of for row in rows] == [date(2026, 6, 17), date(2026, 6, 17), None, None]
    assert [row.count > 0 for row in rows] == [True, True, False, False]
    assert all(row.effect for row in rows if not row.is_present)
