"""Where a visit comes from, and how soon after sending."""

from __future__ import annotations

from engagement.detection.facts import Facts
from engagement.detection.signal import Signal


def mail_filter_network(facts: Facts) -> Signal | None:
    """Ranges in which nobody browses: Exchange Online Protection, Barracuda EGD (data/networks.json)."""
    if facts.request.network_class == "mail_filter":
        reason = f"Came from {facts.request.network}, where mail is filtered and nobody browses."
        return Signal("mail_filter_network", 0, reason, is_hard=True)
    return None


def mail_security_network(facts: Facts) -> Signal | None:
    """Networks of mail security vendors, where scanners work; after half an hour mostly people in browser isolation."""
    if facts.request.network_class == "mail_security" and (facts.send_age is None or facts.send_age < 1800):
        reason = f"Came from {facts.request.network}, which scans mail, within half an hour of sending."
        return Signal("mail_security_network", 3, reason)
    return None


def data_centre(facts: Facts) -> Signal | None:
    """Scanners are hosted, people seldom are: by VPN, or at work (X4BNet's list of hosting networks)."""
    if facts.request.network_class == "data_centre":
        where = f" ({facts.request.network})" if facts.request.network else ""
        return Signal("data_centre", 2, f"Came from a data centre{where}, not from a home, an office or a phone.")
    return None


def consumer_network(facts: Facts) -> Signal | None:
    """Access networks of homes and phones."""
    if facts.request.network_class == "consumer":
        where = f" ({facts.request.network})" if facts.request.network else ""
        return Signal("consumer_network", -1, f"Came from a network of homes or phones{where}.")
    return None


def security_gateway(facts: Facts) -> Signal | None:
    """Zscaler, Netskope, Menlo, Prisma, Umbrella: people browse through them, so it says nothing; it is told all the
    same, because otherwise the operator would take the address for a scanner's."""
    if facts.request.network_class == "gateway":
        return Signal("security_gateway", 0, f"Came through {facts.request.network}, which people browse through.")
    return None


def send_age(facts: Facts) -> Signal | None:
    """Most scanners come within 60 s of delivery, many within 5 min; Healthchecks.io waits 300 s, Keila 180 s.
    Where `mail_security_network` speaks, it has counted the time already."""
    age = facts.send_age
    if age is None or mail_security_network(facts):
        return None
    for seconds, points, words in ((60, 3, "a minute"), (300, 2, "five minutes"), (600, 1, "ten minutes")):
        if age < seconds:
            return Signal("send_age", points, f"Came within {words} of sending, when most scanners come.")
    return None
