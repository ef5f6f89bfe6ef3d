"""The format is what docs/links.md says: its test vectors are read from there."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from preferences.link_urls import DOORS
from preferences.links import Channel, Claims, LinkError, LinkKey, Purpose, open_token, seal, seal_many

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "links.md").read_text(encoding="utf-8")
[BLOCK] = re.findall(r"^```json\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
DOCUMENT = json.loads(BLOCK)
VECTORS: list[dict[str, Any]] = DOCUMENT["vectors"]
REJECTED: list[dict[str, str]] = DOCUMENT["rejected"]
CIPHERS = {bytes.fromhex(vector["kid"]): AESGCM(bytes.fromhex(vector["secret"])) for vector in VECTORS}

of_vectors = pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])


def claims_of(vector: dict[str, Any]) -> Claims:
    version, purpose, channel, sent_at, topic, mailing, address, *target = vector["claims"]
    assert version == 1
    name, _, segment = mailing.partition("#")
    return Claims(Purpose(purpose), Channel(channel), sent_at, topic, name, address, "".join(target), segment)


def key_of(vector: dict[str, Any]) -> LinkKey:
    return LinkKey(bytes.fromhex(vector["kid"]), bytes.fromhex(vector["secret"]))


@of_vectors
def test_a_vector_is_minted_to_the_letter(vector: dict[str, Any]) -> None:
    assert seal(key_of(vector), claims_of(vector), nonce=bytes.fromhex(vector["nonce"])) == vector["token"]


@of_vectors
def test_a_vector_opens_to_its_claims(vector: dict[str, Any]) -> None:
    assert open_token(vector["token"], CIPHERS.get) == (bytes.fromhex(vector["kid"]), claims_of(vector))


@of_vectors
def test_a_vectors_plaintext_is_the_json_of_its_claims(vector: dict[str, Any]) -> None:
    assert json.loads(bytes.fromhex(vector["plaintext"])) == vector["claims"]


@of_vectors
def test_minting_many_writes_the_same_text(vector: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.urandom", lambda size: bytes.fromhex(vector["nonce"])[:size])
    assert list(seal_many(key_of(vector), claims_of(vector), [vector["claims"][6]])) == [vector["token"]]


@pytest.mark.parametrize("rejected", REJECTED, ids=[rejected["name"] for rejected in REJECTED])
def test_what_is_rejected_does_not_open(rejected: dict[str, str]) -> None:
    with pytest.raises(LinkError):
        open_token(rejected["token"], CIPHERS.get)


def test_every_purpose_and_door_is_in_the_table() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (\S+)", TEXT, re.MULTILINE))
    assert set(rows) == set(Purpose)
    assert rows == {purpose: f"`/{door}/`" for purpose, door in DOORS.items()}


def test_both_channels_and_every_purpose_have_a_vector() -> None:
    assert {vector["claims"][1] for vector in VECTORS} == set(Purpose)
    assert {vector["claims"][2] for vector in VECTORS} == set(Channel)


def test_clicks_with_and_without_a_segment_have_one() -> None:
    assert {bool(claims_of(vector).segment) for vector in VECTORS if vector["claims"][1] == Purpose.CLICK} == {
        True,
        False,
    }
