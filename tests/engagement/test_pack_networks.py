from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from engagement.detection.networks import load, parse_address
from tests.commands import Result, run

IPV4 = """\
1.0.0.0,1.0.0.255,13335,"Cloudflare, Inc."
5.9.0.0,5.9.255.255,24940,Hetzner Online GmbH
5.10.0.0,5.10.0.255,24940,Hetzner Online GmbH
73.0.0.0,73.255.255.255,7922,"Comcast Cable Communications, LLC"
73.255.255.0,74.0.0.255,24940,Hetzner Online GmbH
165.225.0.0,165.225.0.255,22616,"ZSCALER, INC."
"""
IPV6 = """\
2003::,2003:1ff:ffff:ffff:ffff:ffff:ffff:ffff,3320,Deutsche Telekom AG
2a01:4f8::,2a01:4f8:ffff:ffff:ffff:ffff:ffff:ffff,24940,Hetzner Online GmbH
2a01:4f9::,2a01:4f9::ff,24940,Hetzner Online GmbH
"""


def make_csv(folder: Path, text: str | bytes = IPV4, name: str = "asn-ipv4.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def make_package(folder: Path, **files: str) -> Path:
    path = folder / "asn.tgz"
    members = {"asn-ipv4.csv": IPV4, "asn-ipv6.csv": IPV6, "package.json": '{"version": "2.3.2026061719"}'} | files
    with tarfile.open(path, "w:gz") as archive:
        for name, text in members.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return path


def pack(folder: Path, *arguments: object) -> Result:
    return run("pack_networks", *arguments, "--output", folder / "out.bin")


def class_of(folder: Path, address: str) -> str:
    ip = parse_address(address)
    assert ip
    return load(folder / "out.bin").find(ip).network_class


@pytest.mark.parametrize(
    ("address", "network_class"),
    [
        ("1.0.0.1", ""),
        ("5.9.255.255", "data_centre"),
        ("5.10.0.255", "data_centre"),
        ("5.10.1.0", ""),
        ("73.0.0.0", "consumer"),
        ("73.255.255.9", "consumer"),  # claimed by two: the earlier range keeps it
        ("74.0.0.9", "data_centre"),
        ("165.225.0.1", "gateway"),
        ("2003::1", "consumer"),
        ("2a01:4f8:1::1", "data_centre"),
        ("2a01:4f9::1", ""),  # narrower than a /64
    ],
)
def test_a_package_is_packed(tmp_path: Path, address: str, network_class: str) -> None:
    assert pack(tmp_path, "--asn", make_package(tmp_path)).status == 0
    assert class_of(tmp_path, address) == network_class


def test_what_is_packed_is_told_with_its_date(tmp_path: Path) -> None:
    result = pack(tmp_path, "--asn", make_package(tmp_path))
    assert "4 IPv4 and 2 IPv6 ranges under 4 names" in result.out
    assert "1 ranges overlapped in the input, 1 of IPv6 were narrower than a /64." in result.out
    source = load(tmp_path / "out.bin").sources[0]
    assert (source.version, source.as_of, source.count) == ("2.3.2026061719", "2026-06-17", 9)


def test_two_csv_files_do_as_well(tmp_path: Path) -> None:
    four, six = make_csv(tmp_path), make_csv(tmp_path, IPV6, "asn-ipv6.csv")
    assert pack(tmp_path, "--asn", four, "--asn-ipv6", six, "--as-of", "2026-06-17").status == 0
    assert class_of(tmp_path, "2003::1") == "consumer"
    assert load(tmp_path / "out.bin").sources[0].as_of == "2026-06-17"


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    package = make_package(tmp_path)
    written = []
    for _ in range(2):
        pack(tmp_path, "--asn", package)
        written.append((tmp_path / "out.bin").read_bytes())
    assert written[0] == written[1]


def test_an_own_list_of_data_centres_replaces_ours(tmp_path: Path) -> None:
    own = make_csv(tmp_path, "AS13335 # Cloudflare\n", "ASN.txt")
    pack(tmp_path, "--asn", make_package(tmp_path), "--data-centres", own)
    assert [class_of(tmp_path, address) for address in ("1.0.0.1", "5.9.0.1")] == ["data_centre", ""]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "asn-ipv4.csv is empty"),
        (IPV4[:-9], "ends within line 6: it is cut off"),
        (IPV4 + "1.2.3.4,1.2.3.5\n", "line 7: not “first address"),
        (IPV4 + "1.2.3.4,1.2.3.5,many,Example\n", "line 7: not “first address"),
        (IPV4 + "1.2.3.9,1.2.3.5,7922,Comcast\n", "line 7: not “first address"),
        (IPV4 + "1.2.3.4,2003::,7922,Comcast\n", "line 7: not “first address"),
        ("16777216,16777471,7922,Comcast\n", "line 1: not “first address"),
        (b"1.0.0.0,1.0.0.255,7922,\xff\n", "not UTF-8"),
    ],
)
def test_a_bad_table_is_told_with_its_line(tmp_path: Path, text: str | bytes, problem: str) -> None:
    result = pack(tmp_path, "--asn", make_csv(tmp_path, text))
    assert result.status == 1
    assert problem in result.err


def test_a_bad_input_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "out.bin").write_bytes(b"before")
    pack(tmp_path, "--asn", make_csv(tmp_path, IPV4[:-9]))
    assert (tmp_path / "out.bin").read_bytes() == b"before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["asn-ipv4.csv", "out.bin"]


def test_a_truncated_package_is_told(tmp_path: Path) -> None:
    package = make_package(tmp_path)
    package.write_bytes(package.read_bytes()[:-60])
    assert "no whole .tgz file" in pack(tmp_path, "--asn", package).err


def test_what_is_no_package_is_told(tmp_path: Path) -> None:
    assert "no whole .tgz file" in pack(tmp_path, "--asn", make_csv(tmp_path, "text", "asn.tgz")).err
    other = make_package(tmp_path)
    with tarfile.open(other, "w:gz"):
        pass
    assert "holds no asn-ipv4.csv" in pack(tmp_path, "--asn", other).err


@pytest.mark.parametrize(
    ("option", "value", "problem"),
    [
        ("--as-of", "yesterday", "is no date such as 2026-06-17"),
        ("--data-centres", "none.txt", "No such file"),
        ("--asn-ipv6", "none.csv", "No such file"),
        ("--output", "none/out.bin", "No such file"),
    ],
)
def test_a_bad_option_is_a_sentence(tmp_path: Path, option: str, value: str, problem: str) -> None:
    value = value if option == "--as-of" else str(tmp_path / value)
    result = run("pack_networks", "--asn", make_csv(tmp_path), "--output", tmp_path / "out.bin", option, value)
    assert (result.status, problem in result.err) == (1, True)


def test_a_bad_list_of_data_centres_is_told_with_its_line(tmp_path: Path) -> None:
    own = make_csv(tmp_path, "AS1\nHetzner\n", "ASN.txt")
    result = pack(tmp_path, "--asn", make_csv(tmp_path), "--data-centres", own)
    assert "ASN.txt, line 2: “Hetzner” is no AS number." in result.err
