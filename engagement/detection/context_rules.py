"""What the recorded interactions say of the visitor, and what was learned from them."""

from __future__ import annotations

from collections.abc import Sequence

from engagement.detection.facts import Context, Facts, Trail
from engagement.detection.page_rules import is_pressed_by_hand, trusted_input
from engagement.detection.signal import Signal


def learned_agent(facts: Facts) -> Signal | None:
    """More than 10 visits to one personal link within an hour (Webex Campaign's weekly rule); docs/learning.md."""
    if not facts.context.is_learned_agent:
        return None
    is_mistake = is_pressed_by_hand(facts)
    reason = "Learned here: this program opens the same link over and over."
    return Signal("learned_agent", 3 if is_mistake else 0, reason, is_hard=not is_mistake)


def _trail(facts: Facts) -> tuple[Trail, ...]:
    """The trails that belong to this visitor. What another program did at the same address within a minute does too,
    unless a hand showed here or pressed: then it is an office's scanner beside a person. And it is never enough to take
    a wish back: the person beside the scanner may have a still hand."""
    context = facts.context
    return (context.own,) if _has_hand(facts) or facts.is_afterwards else (context.own, context.other)


def _has_hand(facts: Facts) -> bool:
    return facts.is_press or trusted_input(facts) is not None


def hidden_link(facts: Facts) -> Signal | None:
    """Trustpilot 2021: 222 of 47,696 invisible links were followed, all by programs."""
    return hidden_link_of(*_trail(facts))


def hidden_link_of(*trails: Trail) -> Signal | None:
    if any(trail.has_visited_hidden_link for trail in trails):
        return Signal("hidden_link", 0, "The same visitor followed the link that no person can see.", is_hard=True)
    return None


def links_in_a_burst(facts: Facts) -> Signal | None:
    """Gateways open all links of a mail at once; nobody clicks two within a second (Marketo, Phish Insight)."""
    return burst_of(*_trail(facts))


def burst_of(*trails: Trail) -> Signal | None:
    gaps = sorted(gap for trail in trails for gap in trail.link_gaps)
    if count := _burst(gaps):
        seconds = gaps[count - 2]
        reason = f"Opened {count} links of the same mail within {max(1, round(seconds))} s."
        return Signal("links_in_a_burst", 0, reason, is_hard=True)
    return None


def _burst(gaps: Sequence[float]) -> int:
    """Return how many links were opened faster than a person can, 0 for none."""
    steps = ((1, 1.0), (2, 3.0), (3, 10.0))
    return max((others + 1 for others, most in steps if len(gaps) >= others and gaps[others - 1] < most), default=0)


def seen_as_machine(facts: Facts) -> Signal | None:
    """A program that once said it was driven, or asked with HEAD, does not become a person by hiding it the next time
    (Microsoft sends HEAD before it loads the page: phpList #1082). Where a hand shows it is only a reason to look
    twice: a virus scanner on a person's own computer may ask under the browser's name."""
    if not facts.context.own.was_machine:
        return None
    reason = "The same program came to this mail as a robot beyond doubt, at another visit."
    return Signal("seen_as_machine", 2 if _has_hand(facts) else 0, reason, is_hard=not _has_hand(facts))


RECIPIENTS_OF_A_SCAN = 3
RECIPIENTS_OF_A_CROWD = 10  # where colleagues or neighbours share an address


def many_recipients(facts: Facts) -> Signal | None:
    """One address at three recipients' links within a minute (Phish Insight: more than two users). Ten where people
    share addresses: an office's, a household provider's; and wherever a hand was seen. Three are enough there, too,
    when another program scanned this mail from the same address: a gateway's browser beside its link checker."""
    context = facts.context
    is_shared = context.is_one_organisation or facts.request.network_class in {"consumer", "gateway"}
    is_crowd_possible = _has_hand(facts) or (is_shared and not is_scanned(context))
    if context.recipient_count < (RECIPIENTS_OF_A_CROWD if is_crowd_possible else RECIPIENTS_OF_A_SCAN):
        return None
    reason = f"The same program opened the links of {context.recipient_count} recipients within a minute."
    return Signal("many_recipients", 0, reason, is_hard=True)


def is_scanned(context: Context) -> bool:
    """Whether another program at the same address scanned the mail within a minute."""
    return context.other.has_visited_hidden_link or _burst(context.other.link_gaps) > 0


def crowded_address(facts: Facts) -> Signal | None:
    """Three to nine recipients where a hand was seen: neighbours behind one address, or a robot with a good hand."""
    is_few = RECIPIENTS_OF_A_SCAN <= facts.context.recipient_count < RECIPIENTS_OF_A_CROWD
    if is_few and many_recipients(facts) is None and not facts.context.is_one_organisation:
        count = facts.context.recipient_count
        return Signal("crowded_address", 1, f"The links of {count} recipients were opened from this address at once.")
    return None


def organisation_scan(facts: Facts) -> Signal | None:
    """The recipients of one organisation are scanned together, from the same few addresses (field reports)."""
    count = facts.context.neighbour_count
    if count >= RECIPIENTS_OF_A_CROWD and not _has_hand(facts):
        reason = f"The links of {count} recipients of the same organisation were opened from this network at once."
        return Signal("organisation_scan", 2, reason)
    return None


def other_program(facts: Facts) -> Signal | None:
    """Where a hand showed, another program's scan from the same address within a minute is a reason to look twice."""
    if _has_hand(facts) and is_scanned(facts.context):
        return Signal("other_program", 2, "Another program at the same address scanned this mail in the same minute.")
    return None


def learned_network(facts: Facts) -> Signal | None:
    """At least nine of ten recorded visits from there were robots' beyond doubt and none a person's."""
    if facts.context.is_learned_network:
        return Signal("learned_network", 2, "Learned here: so far only robots came from this network.")
    return None


def gateway_mail_host(facts: Facts) -> Signal | None:
    """Whose mail a known gateway takes has a scanner; it does not follow that this visit is it."""
    if facts.context.mail_gateway:
        return Signal("gateway_mail_host", 1, f"The recipient's mail goes through {facts.context.mail_gateway}.")
    return None


def known_person(facts: Facts) -> Signal | None:
    """An earlier visit, judged a person's, to this recipient's links: same address, same kind of browser."""
    if facts.context.was_human:
        return Signal("known_person", -2, "A person came to this recipient's links before, from the same place.")
    return None
