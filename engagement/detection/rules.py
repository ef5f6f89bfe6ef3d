"""The rules: small functions from facts to a signal or nothing, each with the evidence it rests on.

Weights are points to the machine; negative ones speak for a person. A hard signal alone proves a machine.
"Measured" refers to 103 programs and browsers that were each sent to a link of their own (Chromium 156,
Firefox 153, 2026); docs/detection.md has the table.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engagement.detection import browsers
from engagement.detection.facts import Facts, Trail


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
    agent_class = "headless" if says_headless else facts.request.agent_class
    if reason := reasons.get(agent_class):
        # A list of robots takes one browser in some thousands for one, and a hand that presses outweighs a list.
        is_mistake = agent_class == "robot" and facts.is_press and trusted_input(facts) is not None
        return Signal("robot_agent", 3 if is_mistake else 0, reason, is_hard=not is_mistake)
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
    if facts.request.network_class == "mail_filter":
        reason = f"Came from {facts.request.network}, where mail is filtered and nobody browses."
        return Signal("mail_filter_network", 0, reason, is_hard=True)
    return None


def learned_agent(facts: Facts) -> Signal | None:
    """More than 10 visits to one personal link within an hour (Webex Campaign's weekly rule); docs/learning.md."""
    if facts.context.is_learned_agent:
        return Signal("learned_agent", 0, "Learned here: this program opens the same link over and over.", is_hard=True)
    return None


def scripted_press(facts: Facts) -> Signal | None:
    """Measured: `form.requestSubmit()` makes no click at all and `el.click()` one that is not trusted; a mouse, a
    finger, a key, a switch and a screen reader each make a trusted one."""
    if facts.is_press and facts.page and not facts.page.presence.presses:
        return Signal("scripted_press", 0, "A script, not a hand, sent the page's form.", is_hard=True)
    return None


def _trail(facts: Facts) -> tuple[Trail, ...]:
    """The trails that belong to this visitor. What another program did at the same address within a minute does too,
    unless a hand showed here or pressed: then it is an office's scanner beside a person."""
    context = facts.context
    return (context.own,) if _has_hand(facts) else (context.own, context.other)


def _has_hand(facts: Facts) -> bool:
    return facts.is_press or trusted_input(facts) is not None


def hidden_link(facts: Facts) -> Signal | None:
    """Trustpilot 2021: 222 of 47,696 invisible links were followed, all by programs."""
    if any(trail.has_visited_hidden_link for trail in _trail(facts)):
        return Signal("hidden_link", 0, "The same visitor followed the link that no person can see.", is_hard=True)
    return None


def links_in_a_burst(facts: Facts) -> Signal | None:
    """Gateways open all links of a mail at once; nobody clicks two within a second (Marketo, Phish Insight)."""
    gaps = sorted(gap for trail in _trail(facts) for gap in trail.link_gaps)
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
    share addresses: an office's, a household provider's; and wherever a hand was seen."""
    context = facts.context
    is_shared = context.is_one_organisation or facts.request.network_class in {"consumer", "gateway"}
    if context.recipient_count < (RECIPIENTS_OF_A_CROWD if is_shared or _has_hand(facts) else RECIPIENTS_OF_A_SCAN):
        return None
    reason = f"The same program opened the links of {context.recipient_count} recipients within a minute."
    return Signal("many_recipients", 0, reason, is_hard=True)


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
    other = facts.context.other
    if _has_hand(facts) and (other.has_visited_hidden_link or _burst(other.link_gaps)):
        return Signal("other_program", 2, "Another program at the same address scanned this mail in the same minute.")
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


def clock_ahead(facts: Facts) -> Signal | None:
    """Measured: a capture engine moves the page's clock 40 s ahead, and virtual time passes 20 s in 1.7 s. No person's
    page does; but our own servers' clocks may be apart, so a press is never proved a robot's by it."""
    if (seconds := _ahead(facts)) <= _CLOCK_SLACK:
        return None
    reason = f"The page's clock ran {seconds:.0f} s ahead of the time that had passed."
    is_proof = seconds > _CLOCK_PROOF and not facts.is_press
    return Signal("clock_ahead", 0 if is_proof else 3, reason, is_hard=is_proof)


_CLOCK_PROOF = 30  # seconds that no servers' clocks are apart
_CLOCK_SLACK = 10  # seconds that the clocks of our own servers may be apart


def _ahead(facts: Facts) -> float:
    """Seconds that the page says have passed since its first byte, beyond what the server measured."""
    if facts.page is None or facts.page.elapsed is None or facts.dwell is None or facts.dwell < 0:
        return 0
    return facts.page.elapsed / 1000 - facts.dwell


def no_style(facts: Facts) -> Signal | None:
    """Programs that want only a page's text leave out its style sheet and pictures; browsers never do."""
    if facts.page and facts.page.styled is False:
        return Signal("no_style", 2, "Ran the page's script but did not load its style sheet, to save time.")
    return None


def untrusted_events(facts: Facts) -> Signal | None:
    """Measured: `el.click()` makes events whose isTrusted is false, and no hand can."""
    if facts.page and facts.page.presence.untrusted:
        return Signal("untrusted_events", 3, "A script, not a hand, made the page's input events.")
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


def trusted_input(facts: Facts) -> Signal | None:
    """Measured: a pointer on three spots or more let 1 of 45 programs pass, and 16 of 22 people. What a page says that
    also pushed its clock ahead, or made events of its own, is no hand's."""
    page = facts.page
    if page and page.presence.is_shown and not page.presence.untrusted and _ahead(facts) <= _CLOCK_SLACK:
        return Signal("trusted_input", -3, "A hand moved, touched, scrolled, typed or pressed on the page.")
    return None


def known_person(facts: Facts) -> Signal | None:
    """An earlier visit, judged a person's, to this recipient's links: same address, same kind of browser."""
    if facts.context.was_human:
        return Signal("known_person", -2, "A person came to this recipient's links before, from the same place.")
    return None


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
