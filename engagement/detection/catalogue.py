"""Catalogues as data: which agents scan mail or make previews, and which networks only filter mail."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address, ip_network
from pathlib import Path

_DATA = Path(__file__).parent / "data"


@dataclass(frozen=True, slots=True)
class AgentEntry:
    """One known program: a regular expression over the agent, its class, samples that it must match, a source."""

    pattern: re.Pattern[str]
    agent_class: str
    samples: tuple[str, ...]
    source: str


@cache
def agents() -> tuple[AgentEntry, ...]:
    rows = json.loads((_DATA / "agents.json").read_text())
    return tuple(
        AgentEntry(re.compile(row["pattern"]), row["class"], tuple(row["samples"]), row["source"]) for row in rows
    )


def classify_agent(agent: str) -> str:
    """Return the class of a known program, or "" for none."""
    return next((entry.agent_class for entry in agents() if entry.pattern.search(agent)), "")


@cache
def _ranges(version: int) -> tuple[list[int], list[tuple[int, str]]]:
    rows = []
    for name, entry in json.loads((_DATA / "networks.json").read_text())["networks"].items():
        for text in entry["cidr"]:
            network = ip_network(text)
            if network.version == version:
                rows.append((int(network.network_address), int(network.broadcast_address), name))
    rows.sort()
    return [first for first, _, _ in rows], [(last, name) for _, last, name in rows]


def classify_network(address: str) -> str:
    """Return the name of the mail filter that `address` belongs to, or "" (also for what is no address)."""
    try:
        ip = ip_address(address)
    except ValueError:
        return ""
    if ip.version == 6 and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    firsts, rest = _ranges(ip.version)
    index = bisect_right(firsts, int(ip)) - 1
    if index < 0:
        return ""
    last, name = rest[index]
    return name if int(ip) <= last else ""
