"""The rules: small functions from facts to a signal or nothing, each with the evidence it rests on.

Weights are points to the machine; negative ones speak for a person. A hard signal alone proves a machine.
"Measured" refers to 103 programs and browsers that were each sent to a link of their own (Chromium 156,
Firefox 153, 2026); docs/detection.md has the table.
"""

from __future__ import annotations

from engagement.detection.context_rules import (
    crowded_address,
    gateway_mail_host,
    hidden_link,
    known_person,
    learned_agent,
    learned_network,
    links_in_a_burst,
    many_recipients,
    organisation_scan,
    other_program,
    seen_as_machine,
)
from engagement.detection.network_rules import (
    consumer_network,
    data_centre,
    mail_filter_network,
    mail_security_network,
    security_gateway,
    send_age,
)
from engagement.detection.page_rules import (
    clock_ahead,
    framed,
    no_style,
    rushed_press,
    scripted_press,
    trusted_input,
    untrusted_events,
    webdriver,
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

__all__ = ["CONTEXT_RULES", "RULES", "Rule", "Signal"]

# What later interactions can still add to a visit, and so may put back what it did.
CONTEXT_RULES: tuple[Rule, ...] = (hidden_link, links_in_a_burst, seen_as_machine, many_recipients)

RULES: tuple[Rule, ...] = (
    head_request,
    prefetch,
    robot_agent,
    learned_agent,
    empty_agent,
    webdriver,
    framed,
    scripted_press,
    rushed_press,
    mail_filter_network,
    hidden_link,
    links_in_a_burst,
    seen_as_machine,
    many_recipients,
    crowded_address,
    organisation_scan,
    other_program,
    untrusted_events,
    clock_ahead,
    no_style,
    send_age,
    mail_security_network,
    data_centre,
    consumer_network,
    security_gateway,
    learned_network,
    gateway_mail_host,
    no_fetch_metadata,
    hints_disagree,
    old_agent,
    no_accept_language,
    click_in_a_page,
    trusted_input,
    known_person,
)
