"""The rules: small functions from facts to a signal or nothing, each with the evidence it rests on.

Weights are points to the machine; negative ones speak for a person. A hard signal alone proves a machine.
"Measured" refers to 103 programs and browsers that were each sent to a link of their own (Chromium 156,
Firefox 153, 2026); docs/detection.md has the table.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from engagement.detection.facts import Facts


@dataclass(frozen=True, slots=True)
class Signal:
    """One observed fact that leans to human or machine, with its reason in a marketer's words."""

    name: str
    points: int
    reason: str
    is_hard: bool = False

    @property
    def is_positive(self) -> bool:
        return self.points < 0


type Rule = Callable[[Facts], Signal | None]


def head_request(facts: Facts) -> Signal | None:
    """Mailbox providers and gateways send HEAD to links (phpList #1082, Mautic #14916); people's browsers do not."""
    if facts.request.method in {"HEAD", "OPTIONS"}:
        return Signal("head_request", 0, f"Asked with {facts.request.method}, as link checkers do.", is_hard=True)
    return None


def prefetch(facts: Facts) -> Signal | None:
    """`Sec-Purpose: prefetch[;prerender]`, and the older `Purpose` and `X-Moz`: a browser loading ahead."""
    if any(word in facts.request.purpose.lower() for word in ("prefetch", "prerender", "preview")):
        return Signal("prefetch", 0, "The browser loaded the page ahead of time; nobody had opened it.", is_hard=True)
    return None


def robot_agent(facts: Facts) -> Signal | None:
    """Programs that say what they are: is-bot's patterns and the mail scanners of data/agents.json."""
    reasons = {
        "robot": "The program calls itself a robot or a tool.",
        "scanner": "The program is known to scan mail.",
        "preview": "The program makes link previews for a chat or social network.",
        "headless": "The browser says that it runs without a screen.",
    }
    says_headless = "Headless" in facts.request.client_hints  # an agent can be disguised and the hints forgotten
    if reason := reasons.get("headless" if says_headless else facts.request.agent_class):
        return Signal("robot_agent", 0, reason, is_hard=True)
    return None


def empty_agent(facts: Facts) -> Signal | None:
    """Every browser names itself; Microsoft's scanners were seen with no agent at all."""
    if not facts.request.agent.strip():
        return Signal("empty_agent", 0, "The program did not say what it is; every browser does.", is_hard=True)
    return None


def webdriver(facts: Facts) -> Signal | None:
    """`navigator.webdriver` is true in every driver of W3C WebDriver and of the DevTools protocol, unless hidden."""
    if facts.page and facts.page.webdriver:
        return Signal("webdriver", 0, "The browser said that it is driven by a program.", is_hard=True)
    return None


def framed(facts: Facts) -> Signal | None:
    """Measured: programs that frame the page ran its script. Ours refuses frames, so a person never sees one."""
    if (facts.page and facts.page.framed) or facts.request.fetch_dest in {"iframe", "frame", "embed", "object"}:
        return Signal("framed", 0, "The page was loaded inside another page, where nobody sees it.", is_hard=True)
    return None


def mail_filter_network(facts: Facts) -> Signal | None:
    """Ranges in which nobody browses: Exchange Online Protection, Barracuda EGD (data/networks.json)."""
    if facts.request.network:
        return Signal("mail_filter_network", 0, f"Came from the mail filter {facts.request.network}.", is_hard=True)
    return None


def hidden_link(facts: Facts) -> Signal | None:
    """Trustpilot 2021: 222 of 47,696 invisible links were followed, all by programs."""
    if facts.context.has_visited_hidden_link:
        return Signal("hidden_link", 0, "The same visitor followed the link that no person can see.", is_hard=True)
    return None


def links_in_a_burst(facts: Facts) -> Signal | None:
    """Gateways open all links of a mail at once; nobody clicks two within a second (Marketo, Phish Insight)."""
    gaps = facts.context.link_gaps
    for others, seconds in ((1, 1.0), (2, 3.0), (3, 10.0)):
        if len(gaps) >= others and gaps[others - 1] < seconds:
            reason = f"Opened {others + 1} links of the same mail within {seconds:.0f} s."
            return Signal("links_in_a_burst", 0, reason, is_hard=True)
    return None


def many_recipients(facts: Facts) -> Signal | None:
    """One address at three recipients' links within a minute (Phish Insight: more than two users)."""
    if facts.context.recipients_in_minute >= 3:
        count = facts.context.recipients_in_minute
        reason = f"The same network address opened the links of {count} recipients within a minute."
        return Signal("many_recipients", 0, reason, is_hard=True)
    return None


def untrusted_events(facts: Facts) -> Signal | None:
    """Measured: `el.click()` makes events whose isTrusted is false, and no hand can."""
    if facts.page and facts.page.presence.untrusted:
        return Signal("untrusted_events", 3, "A script, not a hand, made the page's input events.")
    return None


def send_age(facts: Facts) -> Signal | None:
    """Most scanners come within 60 s of delivery, many within 5 min; Healthchecks.io waits 300 s, Keila 180 s."""
    age = facts.send_age
    if age is None:
        return None
    for seconds, points, words in ((60, 3, "a minute"), (300, 2, "five minutes"), (600, 1, "ten minutes")):
        if age < seconds:
            return Signal("send_age", points, f"Came within {words} of sending, when most scanners come.")
    return None


_CHROMIUM = re.compile(r"Chrom(?:e|ium)/(\d+)")
_MODERN = re.compile(
    r"Chrom(?:e|ium)/(?:8[0-9]|9[0-9]|\d{3,})|Firefox/(?:9\d|\d{3,})|Version/(?:1[7-9]|[2-9]\d)\S* .*Safari/"
)


def no_fetch_metadata(facts: Facts) -> Signal | None:
    """Chrome since 80, Firefox since 90 and Safari since 16.4 send Sec-Fetch headers; copies of their agent do not."""
    request = facts.request
    has_metadata = request.fetch_site or request.fetch_mode or request.fetch_dest
    if not has_metadata and _MODERN.search(request.agent):
        return Signal("no_fetch_metadata", 3, "Calls itself a modern browser but does not speak like one.")
    return None


_PLATFORMS = {"Windows": "Windows", "macOS": "Macintosh", "Android": "Android", "Linux": "Linux", "Chrome OS": "CrOS"}


def hints_disagree(facts: Facts) -> Signal | None:
    """Chromium's client hints repeat what its agent says; a disguised agent forgets them."""
    request = facts.request
    platform = _PLATFORMS.get(request.platform.strip('"'))
    version = _CHROMIUM.search(request.agent)
    hinted = "Chromium" in request.client_hints or "Chrome" in request.client_hints
    if (platform and platform not in request.agent) or (hinted and not version):
        return Signal("hints_disagree", 2, "The browser's two descriptions of itself disagree.")
    if version and hinted and f'v="{version.group(1)}"' not in request.client_hints:
        return Signal("hints_disagree", 2, "The browser's two descriptions of itself disagree.")
    return None


def no_accept_language(facts: Facts) -> Signal | None:
    """Every browser sends the languages its user reads; tools seldom do."""
    if not facts.request.has_accept_language:
        return Signal("no_accept_language", 2, "Named no language, which every browser does.")
    return None


def click_in_a_page(facts: Facts) -> Signal | None:
    """Measured: `Sec-Fetch-User: ?1` with Site cross-site, a click inside a web page, let 3 of 45 programs pass."""
    request = facts.request
    if request.fetch_user == "?1" and request.fetch_site == "cross-site":
        return Signal("click_in_a_page", -2, "Came by a click on a link in another page, such as a webmail.")
    return None


def trusted_input(facts: Facts) -> Signal | None:
    """Measured: a pointer on three spots or more let 1 of 45 programs pass, and 16 of 22 people."""
    if facts.page and facts.page.presence.is_shown and not facts.page.presence.untrusted:
        return Signal("trusted_input", -3, "A hand moved, touched, scrolled or typed on the page.")
    return None


RULES: tuple[Rule, ...] = (
    head_request,
    prefetch,
    robot_agent,
    empty_agent,
    webdriver,
    framed,
    mail_filter_network,
    hidden_link,
    links_in_a_burst,
    many_recipients,
    untrusted_events,
    send_age,
    no_fetch_metadata,
    hints_disagree,
    no_accept_language,
    click_in_a_page,
    trusted_input,
)
