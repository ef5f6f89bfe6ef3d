"""What the request's method and headers say."""

from __future__ import annotations

import re

from engagement.detection import browsers
from engagement.detection.facts import Facts
from engagement.detection.page_rules import is_pressed_by_hand
from engagement.detection.signal import Signal


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
    agent_class = "headless" if says_headless else facts.request.agent_class
    if reason := reasons.get(agent_class):
        # A list of robots takes one browser in some thousands for one.
        is_mistake = agent_class == "robot" and is_pressed_by_hand(facts)
        return Signal("robot_agent", 3 if is_mistake else 0, reason, is_hard=not is_mistake)
    return None


def empty_agent(facts: Facts) -> Signal | None:
    """Every browser names itself; Microsoft's scanners were seen with no agent at all."""
    if facts.request.agent.strip():
        return None
    is_mistake = is_pressed_by_hand(facts)  # a proxy may have left the name out
    reason = "The program did not say what it is; every browser does."
    return Signal("empty_agent", 3 if is_mistake else 0, reason, is_hard=not is_mistake)


def old_agent(facts: Facts) -> Signal | None:
    """Browsers renew themselves; copied agents stay (a browser of the present is a few weeks old)."""
    if facts.day is None or (released := browsers.release_day(facts.request.agent)) is None:
        return None
    if (age := facts.day - released) > 2 * 365:
        return Signal("old_agent", 2, f"Calls itself a browser of {age // 365} years ago; browsers renew themselves.")
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
