"""The headers of a list mail: List-Unsubscribe, List-Unsubscribe-Post and List-Id.

`list_headers` gives a plain dict for any mail system. A Django mail that carries them should be a `ListMessage`:
Python's own serialiser takes a URI of more than 78 characters for a word to encode, writes it as
`=?utf-8?q?=3Chttps=3A...`, and no mailbox provider finds the link (checked with Python 3.13).
"""

from __future__ import annotations

import email.message
import email.policy
import re
from email.header import Header
from email.headerregistry import BaseHeader, HeaderRegistry, UnstructuredHeader
from email.policy import EmailPolicy, Policy
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import idna
from django.core.mail import EmailMultiAlternatives

from preferences.link_urls import url_of
from preferences.links import Channel, Claims, LinkKey, Purpose, seal
from preferences.models import Brand, Topic

_MAX_LINE = 78
_MAILTO = re.compile(r"[!#$%&'*+/=?^_`{|}~.A-Za-z0-9-]+@[A-Za-z0-9.-]+(?:\?[!$&'()*+;=:@%/?._~A-Za-z0-9-]*)?\Z")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+\Z")


def list_headers(
    brand: Brand, key: LinkKey, topic: Topic, address: str, mailing: str, sent_at: int, mailto: str = ""
) -> dict[str, str]:
    """Return the headers of one mail as plain ASCII texts; `sent_at` is in seconds since 1970.

    There is exactly one web URI (RFC 8058 section 3.1), and `mailto`, such as `leave@example.org?subject=leave`,
    stands after it for programs that know no other way. Cover the first two with the DKIM signature. Raises
    ValueError when a claim is out of its bounds or `mailto` is no address.
    """
    claims = Claims(Purpose.ONE_CLICK, Channel.EMAIL, sent_at, topic.slug, mailing, address)
    ways = [url_of(_ascii_url(brand.link_base), claims.purpose, seal(key, claims))]
    if mailto:
        if not _MAILTO.match(mailto):
            raise ValueError(f"not an address to unsubscribe at: {mailto!r}")
        ways.append(f"mailto:{mailto}")
    return {
        "List-Unsubscribe": ", ".join(f"<{way}>" for way in ways),
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "List-Id": f"{_phrase(topic.name)} <{list_id(brand, topic)}>".strip(),
    }


def list_id(brand: Brand, topic: Topic) -> str:
    """Return the RFC 2919 identifier: topic, brand and the host of the brand's links, the same in every mail."""
    host = urlsplit(_ascii_url(brand.link_base)).hostname or "localhost"
    return f"{topic.slug}.{brand.slug}.{host if _is_name(host) else 'localhost'}"


class ListMessage(EmailMultiAlternatives):
    """A mail whose list headers are folded between items and nowhere else (RFC 2369 section 2, RFC 8058)."""

    def message(self, *, policy: Policy[Any] | None = None) -> email.message.EmailMessage:
        base = policy if isinstance(policy, EmailPolicy) else email.policy.default
        return super().message(policy=base.clone(header_factory=_REGISTRY))


class _WholeItems(UnstructuredHeader, BaseHeader):
    """Taken as it stands, and folded at its spaces alone, of which a URI has none."""

    @classmethod
    def parse(cls, value: str, kwds: dict[str, Any]) -> None:
        super().parse(value, kwds)
        kwds["decoded"] = value

    def fold(self, *, policy: Policy[Any]) -> str:
        if not self.isascii():  # not of our making
            return super().fold(policy=policy)
        first, *others = self.split(" ")
        lines = [f"{self.name}: {first}"]
        for item in others:
            if len(lines[-1]) + 1 + len(item) <= _MAX_LINE:
                lines[-1] += f" {item}"
            else:
                lines.append(f" {item}")
        return policy.linesep.join(lines) + policy.linesep


def _registry() -> Any:
    registry = HeaderRegistry()
    for name in ("list-unsubscribe", "list-id"):
        registry.map_to_type(name, _WholeItems)
    return registry


_REGISTRY = _registry()


def _phrase(name: str) -> str:
    """Write a name so that no letter of it is taken for syntax (RFC 5322 3.2.5, RFC 2047)."""
    name = " ".join("".join(letter if letter.isprintable() else " " for letter in name).split())
    if not name.isascii():
        return _encoded(name)
    if _ATOMS.match(name) and "=?" not in name:
        return name
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"' if name else ""


def _encoded(name: str) -> str:
    return " ".join(Header(name, "utf-8").encode().split())


def _ascii_url(url: str) -> str:
    if url.isascii():
        return url
    parts = urlsplit(url)
    host = idna.encode(parts.hostname or "", uts46=True).decode()
    return parts._replace(netloc=f"{host}:{parts.port}" if parts.port else host).geturl()


def _is_name(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return True
    return False
