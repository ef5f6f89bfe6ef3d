"""Rules for clicks on tracked links, which are requests without a page: who clicked is told by the request, by where
and when it came from, and by what else happened to the message."""

from __future__ import annotations

from engagement.detection.context_rules import (
    burst_of,
    gateway_mail_host,
    hidden_link_of,
    is_scanned,
    known_person,
    learned_agent,
    learned_network,
    many_recipients,
    organisation_scan,
    seen_as_machine,
)
from engagement.detection.facts import Facts
from engagement.detection.network_rules import (
    consumer_network,
    data_centre,
    mail_filter_network,
    mail_security_network,
    security_gateway,
    send_age,
)
from engagement.detection.request_rules import (
    click_in_a_page,
    empty_agent,
    head_request,
    hints_disagree,
    no_accept_language,
    no_fetch_metadata,
    old_agent,
    prefetch,
    robot_agent,
)
from engagement.detection.signal import Rule, Signal


def hidden_link(facts: Facts) -> Signal | None:
    """Of the same program only: nobody is asked to press here, and a click cannot be taken back from the scanner of
    the office that it came from. `scanned_beside` weighs what another program did."""
    return hidden_link_of(facts.context.own)


def links_in_a_burst(facts: Facts) -> Signal | None:
    """Gateways open all links of a mail at once; nobody clicks two within a second (Marketo, Phish Insight)."""
    return burst_of(facts.context.own)


def scanned_beside(facts: Facts) -> Signal | None:
    """Two points, as for a hand beside a scanner on a page: the same robot renamed, or an office's reader."""
    if not is_scanned(facts.context):
        return None
    return Signal("scanned_beside", 2, "Another program at the same address scanned this mail in the same minute.")


def click_without_open(facts: Facts) -> Signal | None:
    """Who clicks has mostly opened before. Weak, and never enough beside the time alone: Outlook shows no pictures
    until told to (Microsoft support: "Block or unblock automatic picture downloads"), nor do text readers."""
    if facts.context.lacks_open:
        return Signal("click_without_open", 1, "The mail had not been opened before, as far as its pictures tell.")
    return None


def opened_before(facts: Facts) -> Signal | None:
    """Link checkers take links and leave pictures, so that an open before speaks for a reader; only a little, because
    whose it was is not known, and a robot may come hours after the reader."""
    if facts.context.was_opened:
        return Signal("opened_before", -1, "The mail had been opened before, and not by a robot.")
    return None


CLICK_RULES: tuple[Rule, ...] = (
    head_request,
    prefetch,
    robot_agent,
    learned_agent,
    empty_agent,
    mail_filter_network,
    hidden_link,
    links_in_a_burst,
    seen_as_machine,
    many_recipients,
    organisation_scan,
    scanned_beside,
    send_age,
    mail_security_network,
    data_centre,
    consumer_network,
    security_gateway,
    learned_network,
    gateway_mail_host,
    click_without_open,
    no_fetch_metadata,
    hints_disagree,
    old_agent,
    no_accept_language,
    click_in_a_page,
    opened_before,
    known_person,
)
