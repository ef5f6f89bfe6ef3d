"""From an HTTP request to facts: what its headers show and where it came from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network, ip_address

from django.conf import settings
from django.http import HttpRequest
from is_bot import Bots

from engagement.detection import RequestFacts
from engagement.detection.catalogue import classify_agent
from engagement.networks import Network, network_of

AGENT_LENGTH = 512
_HEADER_LENGTH = 256
_NAMES = (
    "REQUEST_METHOD",
    "HTTP_USER_AGENT",
    "HTTP_ACCEPT_LANGUAGE",
    "HTTP_SEC_FETCH_SITE",
    "HTTP_SEC_FETCH_MODE",
    "HTTP_SEC_FETCH_DEST",
    "HTTP_SEC_FETCH_USER",
    "HTTP_SEC_PURPOSE",
    "HTTP_PURPOSE",
    "HTTP_X_PURPOSE",
    "HTTP_X_MOZ",
    "HTTP_SEC_CH_UA",
    "HTTP_SEC_CH_UA_PLATFORM",
)
_bots = Bots()


@dataclass(frozen=True, slots=True)
class Sighting:
    """What is kept of a request until its facts are needed: a tuple of headers and the client's address."""

    headers: tuple[str | None, ...]
    address: str

    @property
    def request_facts(self) -> RequestFacts:
        return request_facts(self.headers, network_of(self.address))


def sight(request: HttpRequest) -> Sighting:
    get = request.META.get
    return Sighting(tuple([get(name) for name in _NAMES]), client_address(request))


def client_address(request: HttpRequest) -> str:
    """Return the address of the client, "" when unknown.

    Each trusted proxy appends the address it was called from, so the client's is the one that the farthest
    trusted proxy wrote. Anything further left was sent by the client and is ignored.
    """
    count = settings.FAREWELL_TRUSTED_PROXY_COUNT
    text = request.META.get("REMOTE_ADDR", "")
    if count:
        hops = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
        text = hops[-count].strip() if len(hops) >= count else ""
    return _plain_address(text)


@lru_cache(16_384)
def _plain_address(text: str) -> str:
    try:
        ip = ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return ""
    if isinstance(ip, IPv6Address):
        return str(ip.ipv4_mapped or ip)
    return str(ip)


def visitor_address(address: str) -> str:
    """Return the part of an address that stays with one visitor: all of IPv4, the /64 of IPv6."""
    return _cut(address, 64) if ":" in address else address


def truncated(address: str) -> str:
    """Return the network that may be stored: /24 of IPv4, /48 of IPv6."""
    if ":" in address:
        return _cut(address, 48)
    return f"{address.rpartition('.')[0]}.0" if address else ""


@lru_cache(16_384)
def _cut(address: str, bits: int) -> str:
    return str(IPv6Network((address, bits), strict=False).network_address)


@lru_cache(16_384)
def request_facts(headers: tuple[str | None, ...], network: Network) -> RequestFacts:
    method, agent, language, site, mode, dest, user, *purposes, hints, platform = [
        _printable(text, AGENT_LENGTH if index == 1 else _HEADER_LENGTH) for index, text in enumerate(headers)
    ]
    return RequestFacts(
        method=method,
        agent=agent,
        agent_class=agent_class(agent),
        has_accept_language=bool(language),
        fetch_site=site,
        fetch_mode=mode,
        fetch_dest=dest,
        fetch_user=user,
        purpose=next((purpose for purpose in purposes if purpose), ""),
        client_hints=hints,
        platform=platform,
        network=network.name,
        network_class=network.network_class,
    )


@lru_cache(65_536)
def agent_class(agent: str) -> str:
    """Return what the agent calls itself: "robot", "scanner", "preview", "headless", or "" for a browser."""
    if known := classify_agent(agent):
        return "" if known == "browser" else known
    return "robot" if agent and _bots.is_bot(agent) else ""


def _printable(text: str | None, length: int) -> str:
    if not text:
        return ""
    text = text[:length]
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)
