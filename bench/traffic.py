"""Requests as they come in real life: every recipient, network address and page view its own, fifty agents."""

from __future__ import annotations

import json
import time
from ipaddress import IPv4Address
from itertools import count, islice
from typing import Any

from bench.stage import Stage
from preferences.links import Channel, Claims, Purpose, seal_many

_numbers = count(1)
_ADDRESSES = int(IPv4Address("10.0.0.0"))
_CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0 Safari/537.36"
)
AGENTS = (
    *(_CHROME.format(version) for version in range(120, 145)),
    *(
        f"Mozilla/5.0 (X11; Linux x86_64; rv:{version}.0) Gecko/20100101 Firefox/{version}.0"
        for version in range(125, 140)
    ),
    *(
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
        f"Version/18.{version} Mobile/15E148 Safari/604.1"
        for version in range(5)
    ),
    "curl/8.14.1",
    "python-requests/2.32.3",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/139.0.0.0 Safari/537.36",
)
_COMMON = (
    "Host: 127.0.0.1\r\nUser-Agent: {agent}\r\nX-Forwarded-For: {address}\r\n"
    "Accept-Language: en-GB,en;q=0.7\r\nAccept-Encoding: gzip, deflate, br\r\n"
)
_NAVIGATION = (
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nUpgrade-Insecure-Requests: 1\r\n"
    "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\nSec-Fetch-User: ?1\r\n"
)
_SCRIPT = (
    "Accept: */*\r\nContent-Type: application/json\r\nSec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: cors\r\n"
    'Sec-Fetch-Dest: empty\r\nSec-CH-UA: "Chromium";v="140", "Google Chrome";v="140"\r\nSec-CH-UA-Mobile: ?0\r\n'
    'Sec-CH-UA-Platform: "Windows"\r\n'
)


def tokens(stage: Stage, purpose: Purpose, number: int) -> list[str]:
    """Links of recipients who were never heard of, mailed an hour ago."""
    claims = Claims(purpose, Channel.EMAIL, int(time.time()) - 3600, "news", "2026-11", "-")
    return list(seal_many(stage.key, claims, [f"person{n}@example.org" for n in islice(_numbers, number)]))


def landings(stage: Stage, number: int) -> list[bytes]:
    links = tokens(stage, Purpose.UNSUBSCRIBE, number)
    return [
        f"GET /u/{token} HTTP/1.1\r\n{_headers(AGENTS[index % len(AGENTS)])}{_NAVIGATION}\r\n".encode()
        for index, token in enumerate(links)
    ]


def arrivals(stage: Stage, number: int) -> list[bytes]:
    """The script's call from a clean visit: visible, focused, nothing against it."""
    links = tokens(stage, Purpose.UNSUBSCRIBE, number)
    return [_post(f"/u/{token}/arrive", _CHROME.format(140), _SCRIPT, _report(token)) for token in links]


def one_clicks(stage: Stage, number: int) -> list[bytes]:
    """The POST of a mailbox provider."""
    headers = "Content-Type: application/x-www-form-urlencoded\r\n"
    links = tokens(stage, Purpose.ONE_CLICK, number)
    return [_post(f"/o/{token}", "Google-Mail-Unsubscribe", headers, "List-Unsubscribe=One-Click") for token in links]


def _report(token: str) -> str:
    from unsubscribe import nonces

    page: dict[str, Any] = {"webdriver": False, "framed": False, "prerendered": False, "visible": True, "focused": True}
    page |= {"styled": True, "elapsed": 120}
    presence = {"spots": 1, "span": 0, "touches": 0, "keys": 0, "scrolls": 0, "presses": 0, "untrusted": 0}
    nonce = nonces.seal(nonces.NonceKind.VISIT, nonces.new_visit(), token)
    return json.dumps({"nonce": nonce, "page": {**page, "presence": presence}}, separators=(",", ":"))


def _post(path: str, agent: str, headers: str, body: str) -> bytes:
    head = f"POST {path} HTTP/1.1\r\n{_headers(agent)}{headers}Content-Length: {len(body)}\r\n\r\n"
    return f"{head}{body}".encode()


def _headers(agent: str) -> str:
    """Each in a /24 of its own: many of one organisation from one would be a scan."""
    return _COMMON.format(agent=agent, address=IPv4Address(_ADDRESSES + next(_numbers) * 256 % 2**24))
