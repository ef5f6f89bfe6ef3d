from __future__ import annotations

from typing import Any

import pytest
from django.test import RequestFactory

from engagement.visitors import AGENT_LENGTH, agent_class, client_address, sight


def seen(agent: str = "x", **meta: str) -> Any:
    return sight(RequestFactory(headers={"user-agent": agent}).get("/u/x", **meta)).request_facts  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("count", "forwarded", "address"),
    [
        (0, None, "192.0.2.1"),
        (0, "203.0.113.9", "192.0.2.1"),
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "198.51.100.66, 203.0.113.9", "203.0.113.9"),
        (2, "198.51.100.66, 203.0.113.9, 192.0.2.7", "203.0.113.9"),
        (2, "203.0.113.9", ""),
        (1, None, ""),
        (1, "not an address", ""),
        (1, "[2001:db8::1]", "2001:db8::1"),
        (1, "::ffff:203.0.113.9", "203.0.113.9"),
        (1, "fe80::1%eth0", "fe80::1"),
    ],
)
def test_the_client_is_whom_the_farthest_trusted_proxy_saw(
    settings: Any, count: int, forwarded: str | None, address: str
) -> None:
    settings.FAREWELL_TRUSTED_PROXY_COUNT = count
    meta = {"REMOTE_ADDR": "192.0.2.1"} | ({"HTTP_X_FORWARDED_FOR": forwarded} if forwarded else {})
    assert client_address(RequestFactory().get("/", **meta)) == address  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        ("curl/8.0", "robot"),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "robot"),
        ("Microsoft Exchange/15.20 (Microsoft Exchange/15.20)", "scanner"),
        ("Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", "preview"),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/156.0.0.0 Safari/537.36", "headless"),
        ("Lynx/2.9.0dev.12 libwww-FM/2.14", ""),
        ("w3m/0.5.3", ""),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0", ""),
        ("", ""),
    ],
)
def test_agents_are_what_they_call_themselves(agent: str, expected: str) -> None:
    assert agent_class(agent) == expected


def test_a_long_agent_is_cut_and_control_characters_are_blanked() -> None:
    facts = seen("A" * 600 + "\x01")
    assert len(facts.agent) == AGENT_LENGTH
    assert seen("a\x1bb\tc").agent == "a b c"


def test_headers_that_are_not_sent_are_not_known() -> None:
    facts = seen()
    assert (facts.fetch_site, facts.purpose, facts.has_accept_language) == ("", "", False)


@pytest.mark.parametrize("name", ["HTTP_SEC_PURPOSE", "HTTP_PURPOSE", "HTTP_X_PURPOSE", "HTTP_X_MOZ"])
def test_every_prefetch_header_is_read(name: str) -> None:
    assert seen(**{name: "prefetch"}).purpose == "prefetch"
