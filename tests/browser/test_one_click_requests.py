"""One-click as mailbox providers send it, over a real connection (RFC 8058; tests/data/rfc8058-examples.json)."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from preferences.links import Purpose
from tests.browser.conftest import Explain
from tests.browser.programs import FORM, request
from tests.browser.serving import ROOT, Farewell, new_address

# Section 8 of the RFC, to the byte; the body of 8.3 is malformed there.
EXAMPLES: list[dict[str, Any]] = json.loads(Path(ROOT, "tests/data/rfc8058-examples.json").read_text())
URLENCODED = "List-Unsubscribe=One-Click"
DOORS = pytest.mark.parametrize("door", [Purpose.ONE_CLICK, Purpose.UNSUBSCRIBE], ids=["header", "body link"])


@DOORS
@pytest.mark.parametrize("example", EXAMPLES, ids=[f"example {example['id']}" for example in EXAMPLES])
def test_each_example_of_the_rfc_is_final_at_once(
    server: Farewell, explain: Explain, network: dict[str, str], example: dict[str, Any], door: Purpose
) -> None:
    post = example["post"]
    alice = new_address()
    headers = {"Content-Type": post["content_type"], **network}
    reply = request(server.link(alice, door), "POST", body=post["body"], headers=headers)
    assert reply.status == 200
    assert "set-cookie" not in reply.headers
    story = explain(alice, "one_click")
    assert story.state() == "out"
    assert story.sources == ["one_click"]
    assert not story.is_provisional()


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/octet-stream"},
        {**FORM, "Origin": "https://mallory.example.org"},
        {**FORM, "Origin": "null"},
        {**FORM, "Cookie": "sessionid=mallory; csrftoken=" + "x" * 2000},
        {**FORM, "Cookie": '=;;\xff=\xfe; "'},
        {**FORM, "Referer": "https://mallory.example.org/", "X-Forwarded-Proto": "http", "X-Forwarded-Host": "mallory"},
        {**FORM, "User-Agent": "curl/8.14.1"},
        {**FORM, "User-Agent": ""},
        {**FORM, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"},
    ],
    ids=[
        "no type",
        "text",
        "bytes",
        "Origin",
        "null Origin",
        "cookies",
        "broken cookies",
        "proxy",
        "curl",
        "no agent",
        "fetch",
    ],
)
def test_no_header_stops_a_one_click(
    server: Farewell, explain: Explain, network: dict[str, str], headers: Mapping[str, str]
) -> None:
    alice = new_address()
    reply = request(server.link(alice, Purpose.ONE_CLICK), "POST", body=URLENCODED, headers={**network, **headers})
    assert (reply.status, reply.headers.get("location"), reply.headers.get("set-cookie")) == (200, None, None)
    story = explain(alice, "one_click")
    assert story.sources == ["one_click"]
    assert not story.is_provisional()


@DOORS
@pytest.mark.parametrize(
    "body", ["", "List-Unsubscribe=", "List-Unsubscribe=One-Click-Not", "unsubscribe=One-Click", "{}"]
)
def test_another_body_changes_nothing(server: Farewell, explain: Explain, door: Purpose, body: str) -> None:
    alice = new_address()
    assert request(server.link(alice, door), "POST", body=body, headers=FORM).status == 400
    assert explain(alice).changes == []


@DOORS
@pytest.mark.parametrize(("chunks", "status"), [([b"List-Unsubscribe", b"=One-Click"], 200), ([b"x" * 9_000] * 2, 413)])
def test_a_body_without_a_length_is_read_as_well(
    server: Farewell, explain: Explain, door: Purpose, chunks: list[bytes], status: int
) -> None:
    alice = new_address()
    parts = urlsplit(server.link(alice, door))
    connection = http.client.HTTPConnection(parts.netloc, timeout=120)
    connection.request("POST", parts.path, iter(chunks), FORM, encode_chunked=True)
    assert connection.getresponse().status == status
    connection.close()
    assert explain(alice).sources == (["one_click"] if status == 200 else [])


def test_a_one_click_that_is_sent_again_changes_nothing_more(
    server: Farewell, explain: Explain, network: dict[str, str]
) -> None:
    alice = new_address()
    for door in (Purpose.ONE_CLICK, Purpose.UNSUBSCRIBE, Purpose.ONE_CLICK):
        assert request(server.link(alice, door), "POST", body=URLENCODED, headers={**FORM, **network}).status == 200
    assert explain(alice, "one_click").sources == ["one_click"]
