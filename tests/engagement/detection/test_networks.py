from __future__ import annotations

import json
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engagement.detection import networks
from engagement.detection.networks import CLASSES, UNKNOWN, Blocks, Network, certain, load, packed, parse_address
from engagement.detection.packed_networks import MAGIC, Packed, Ranges, Source, make_ranges, write

SOURCE = Source("a table", "1", "2026-06-17", "CC BY 4.0", 2)
NAMES = (("gateway", "Gate"), ("consumer", "Home"))


def find_network(text: str) -> Network:
    """By the project's own data alone; engagement.networks looks at the operator's first."""
    ip = parse_address(text)
    return UNKNOWN if ip is None else certain().find(ip) or packed().find(ip)


def make_packed(
    ipv4: list[tuple[int, int, int]] | None = None, ipv6: list[tuple[int, int, int]] | None = None
) -> Packed:
    rows4 = [(10 << 24, (10 << 24) + 255, 0)] if ipv4 is None else ipv4
    return Packed((SOURCE,), NAMES, make_ranges(rows4, 4), make_ranges(ipv6 or [], 8))


def make_file(folder: Path, data: bytes | None = None) -> Path:
    path = folder / "networks.bin"
    path.write_bytes(write(make_packed()) if data is None else data)
    return path


def found(path: Path, address: str) -> Network:
    ip = parse_address(address)
    assert ip
    return load(path).find(ip)


@pytest.mark.parametrize(
    ("address", "name", "network_class"),
    [
        ("104.47.1.1", "Microsoft Exchange Online Protection", "mail_filter"),
        ("2a01:111:f403::25", "Microsoft Exchange Online Protection", "mail_filter"),
        ("209.222.82.9", "Barracuda Email Gateway Defense", "mail_filter"),
        ("67.231.149.1", "Proofpoint", "mail_security"),
        ("195.130.217.1", "Mimecast", "mail_security"),
        ("165.225.1.1", "Zscaler", "gateway"),
        ("5.9.1.1", "Hetzner Online GmbH", "data_centre"),
        ("2a01:4f8::1", "Hetzner Online GmbH", "data_centre"),
        ("52.29.1.1", "Amazon", "data_centre"),
        ("73.1.2.3", "Comcast", "consumer"),
        ("2003::1", "Deutsche Telekom", "consumer"),
        ("::ffff:73.1.2.3", "Comcast", "consumer"),
        ("1.1.1.1", "", ""),  # Cloudflare: people come through its relays, and programs from its workers
        ("192.0.2.1", "", ""),
        ("10.0.0.1", "", ""),
        ("::1", "", ""),
        ("fe80::1%eth0", "", ""),
        ("", "", ""),
        ("73.1.2", "", ""),
        ("alice@example.org", "", ""),
        ("73.1.2.3\n", "", ""),
    ],
)
def test_an_address_is_of_a_network(address: str, name: str, network_class: str) -> None:
    assert find_network(address) == Network(name, network_class)


@given(st.text(max_size=60))
def test_any_text_has_an_answer(text: str) -> None:
    assert find_network(text).network_class in {"", *CLASSES}


def test_the_narrowest_block_wins() -> None:
    wide, narrow = Network("wide", "consumer"), Network("narrow", "gateway")
    blocks = Blocks([(ip_network("10.0.0.0/8"), wide), (ip_network("10.1.0.0/16"), narrow)])
    addresses = ["10.1.2.3", "10.2.0.1", "11.0.0.1"]
    assert [blocks.find(ip) for ip in map(parse_address, addresses) if ip] == [narrow, wide, None]


def test_a_range_holds_its_first_and_its_last_address(tmp_path: Path) -> None:
    path = make_file(tmp_path)
    addresses = ["9.255.255.255", "10.0.0.0", "10.0.0.255", "10.0.1.0"]
    assert [found(path, address).name for address in addresses] == ["", "Gate", "Gate", ""]


def test_an_empty_table_knows_nobody(tmp_path: Path) -> None:
    path = make_file(tmp_path, write(make_packed([], [])))
    assert found(path, "10.0.0.1") == UNKNOWN
    assert load(path).problem == ""


def test_a_file_says_where_it_is_from(tmp_path: Path) -> None:
    read = load(make_file(tmp_path))
    assert (read.sources, read.count, read.problem) == ((SOURCE,), 1, "")


WHOLE = write(make_packed())
OUT_OF_NAMES = write(make_packed([(1, 2, 7)]))
LONGER_THAN_SAID = WHOLE.replace(b'"bytes": ', b'"bytes": 1')
TWO_LINES = WHOLE.split(b"\n", 2)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "no packed network file"),
        (b"farewell-networks 2\n{}\n", "another version"),
        (MAGIC, "damaged"),
        (MAGIC + b"[]\n", "damaged"),
        (MAGIC + b"{}\n" + TWO_LINES[2], "damaged"),
        (WHOLE[:-9], "damaged"),
        (WHOLE[:-9] + b"x" * 9, "damaged"),
        (LONGER_THAN_SAID, "damaged"),
        (OUT_OF_NAMES, "damaged"),
    ],
)
def test_a_bad_file_makes_addresses_unknown_and_says_so(tmp_path: Path, data: bytes, problem: str) -> None:
    path = make_file(tmp_path, data)
    assert problem in load(path).problem
    assert found(path, "10.0.0.1") == UNKNOWN


def test_a_missing_file_makes_addresses_unknown_and_says_so(tmp_path: Path) -> None:
    assert load(tmp_path / "none.bin").problem == "the file is missing"
    assert load(tmp_path).problem == "Is a directory"


def test_without_the_packed_file_certain_filters_are_still_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(networks, "PACKED_FILE", tmp_path / "none.bin")
    networks.packed.cache_clear()
    try:
        assert find_network("104.47.1.1").network_class == "mail_filter"
        assert find_network("73.1.2.3") == UNKNOWN
        assert networks.packed().problem == "the file is missing"
    finally:
        networks.packed.cache_clear()


def test_the_packed_file_is_small_and_whole() -> None:
    read = networks.packed()
    assert read.problem == ""
    assert networks.PACKED_FILE.stat().st_size < 400_000
    assert [(source.licence, source.count > 500) for source in read.sources] == [("CC BY 4.0", True), ("MIT", True)]
    assert read.sources[0].day


@pytest.mark.parametrize("version", ["ipv4", "ipv6"])
def test_packed_ranges_are_in_order_and_apart(version: str) -> None:
    ranges = networks.packed()._ranges
    assert ranges
    columns: Ranges = getattr(ranges, version)
    assert columns.count > 5_000
    assert all(first <= last for first, last in zip(columns.firsts, columns.lasts, strict=True))
    assert all(last < first for last, first in zip(columns.lasts, columns.firsts[1:], strict=False))


def test_every_class_is_packed() -> None:
    names = networks.packed()._networks
    assert {network.network_class for network in names} == set(CLASSES) - {"mail_filter"}


def test_an_as_number_stands_in_one_place() -> None:
    rows = json.loads(networks.ASNS_FILE.read_text())
    numbers = [number for key in rows if key != "about" for group in rows[key]["names"].values() for number in group]
    numbers += networks.read_systems(networks.DATA_CENTRES_FILE.read_text())
    assert len(numbers) == len(set(numbers))
    assert {rows[key]["source"] != "" for key in rows if key != "about"} == {True}


def test_every_class_of_the_data_is_known() -> None:
    rows = json.loads(networks.ASNS_FILE.read_text())
    assert set(rows) - {"about", "left_out"} == set(CLASSES) - {"mail_filter"}


def test_consumer_networks_are_many_and_no_hosting_firms() -> None:
    consumers = {number for number, network in networks.systems().items() if network.network_class == "consumer"}
    hosting = {24940, 16276, 14061, 16509, 8075, 15169, 20473, 63949, 13335, 54113, 714, 36183}
    assert len(consumers) >= 150
    assert not consumers & hosting


@pytest.mark.parametrize(
    ("number", "network_class"),
    [(22616, "gateway"), (13916, "mail_security"), (24940, "data_centre"), (7922, "consumer")],
)
def test_a_system_has_a_class(number: int, network_class: str) -> None:
    assert networks.systems()[number].network_class == network_class


def test_relays_and_vpns_of_people_are_no_data_centres() -> None:
    listed = networks.read_systems("AS36183 # Akamai\nAS198605 # Avast\nAS22616 # Zscaler\nAS64500 # Example")
    systems = networks.classify_systems(listed)
    assert [number in systems for number in (36183, 198605, 64500)] == [False, False, True]
    assert systems[22616].network_class == "gateway"


def test_systems_are_read_in_both_forms() -> None:
    text = "# a comment\n\n24940 Hetzner Online GmbH\nAS16276 # OVH, FR\nas14061\n"
    assert networks.read_systems(text) == {24940: "Hetzner Online GmbH", 16276: "OVH, FR", 14061: "AS14061"}


@pytest.mark.parametrize("line", ["Hetzner", "AS", "AS-1", "1,2", "²", "99999999999"])
def test_what_is_no_as_number_is_told_with_its_line(line: str) -> None:
    with pytest.raises(ValueError, match=r"line 2: .* is no AS number"):
        networks.read_systems(f"24940 Hetzner\n{line}\n")
