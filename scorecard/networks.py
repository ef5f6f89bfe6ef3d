"""Addresses to come from: real ranges of the kinds of network that the issue is about, each visitor in its own /24."""

from __future__ import annotations

import random
from collections.abc import Iterator
from enum import StrEnum
from ipaddress import ip_network


class Network(StrEnum):
    """Whose address a visitor comes from."""

    MAIL_FILTER = "mail filter"
    DATA_CENTRE = "data centre"
    CONSUMER = "consumer"
    GATEWAY = "web gateway"
    MAIL_SECURITY = "browser isolation"


# Who announces them, as of 2026: Exchange Online Protection (Microsoft 365 endpoint sets 9 and 10); Hetzner (AS24940)
# and OVH (AS16276); Comcast (AS7922) and Deutsche Telekom (AS3320); Zscaler (AS22616, AS62044); Proofpoint (AS22843).
RANGES = {
    Network.MAIL_FILTER: ("40.92.0.0/15", "52.100.0.0/14"),
    Network.DATA_CENTRE: ("88.198.0.0/16", "78.46.0.0/15", "135.181.0.0/16", "51.68.0.0/16", "51.75.0.0/16"),
    Network.CONSUMER: ("73.0.0.0/10", "84.128.0.0/10"),
    Network.GATEWAY: ("147.161.128.0/17",),
    Network.MAIL_SECURITY: (
        "67.231.144.0/20",
        "148.163.132.0/22",
        "148.163.136.0/21",
        "185.132.180.0/22",
        "185.183.28.0/22",
    ),
}


class Addresses:
    """Hands out addresses of a network, no two of them in one /24, so that no visitor is taken for another."""

    def __init__(self) -> None:
        self._left = {network: _shuffled(network) for network in Network}

    def new(self, network: Network) -> str:
        """Return an address that nobody had. Raises StopIteration when the network is used up."""
        return next(self._left[network])


def _shuffled(network: Network) -> Iterator[str]:
    """The twentieth address of each /24, in an order that is the same in every run."""
    blocks = [block for text in RANGES[network] for block in ip_network(text).subnets(new_prefix=24)]
    random.Random(1).shuffle(blocks)
    return (str(block[20]) for block in blocks)
