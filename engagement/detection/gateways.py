"""Which mail gateway takes the mail of a domain, by the names of its mail hosts."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path

_FILE = Path(__file__).parent / "data" / "mail_gateways.json"


@cache
def gateways() -> dict[str, str]:
    """The gateways' names, by the domain that their inbound hosts are in."""
    rows = json.loads(_FILE.read_text(encoding="utf-8"))["gateways"]
    return {host: name for name, row in rows.items() for host in row["hosts"]}


def find_gateway(hosts: Iterable[str]) -> str:
    """Return the first known gateway among the mail hosts (MX records) of a domain, "" for none."""
    return next((name for host in hosts if (name := _gateway(host))), "")


def _gateway(host: str) -> str:
    labels = host.lower().rstrip(".").split(".")
    domains = (".".join(labels[start:]) for start in range(len(labels)))
    return next((name for domain in domains if (name := gateways().get(domain))), "")
