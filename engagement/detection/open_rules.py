"""Rules for opens: requests for a mail's counting picture. An open is never proof of reading, only that something
showed or fetched the mail's pictures."""

from __future__ import annotations

from engagement.detection.browsers import family
from engagement.detection.context_rules import (
    hidden_link_of,
    learned_agent,
    learned_network,
    seen_as_machine,
)
from engagement.detection.facts import Facts
from engagement.detection.network_rules import consumer_network, mail_security_network, security_gateway
from engagement.detection.openers import Opener, find_opener
from engagement.detection.request_rules import empty_agent as _empty_agent
from engagement.detection.request_rules import head_request, hints_disagree, old_agent
from engagement.detection.request_rules import no_fetch_metadata as _no_fetch_metadata
from engagement.detection.request_rules import robot_agent as _robot_agent
from engagement.detection.signal import Rule, Signal


def _opener(facts: Facts) -> Opener | None:
    """The program by its name, unless it is hosted where that program is not: then somebody else uses its name."""
    request = facts.request
    opener = find_opener(request.agent)
    if opener and opener.networks and request.network_class in _HOSTED and request.network not in opener.networks:
        return None
    return opener


_HOSTED = frozenset({"data_centre", "mail_security", "mail_filter"})


def _is_proxy(facts: Facts) -> bool:
    opener = _opener(facts)
    return opener is not None and opener.opener_class in _FOR_EVERYBODY


_FOR_EVERYBODY = frozenset({"proxy", "prefetch"})


def is_proxy_agent(agent: str) -> bool:
    """Return whether programs of this name fetch pictures for everybody, so that how many they open says nothing."""
    opener = find_opener(agent)
    return opener is not None and opener.opener_class in _FOR_EVERYBODY


def fetched_ahead(facts: Facts) -> Signal | None:
    """Neither a person's nor a robot's: the mail program or the browser fetched before anybody looked, and does so for
    mails that nobody will look at."""
    opener = _opener(facts)
    if opener and opener.opener_class == "prefetch":
        return Signal("fetched_ahead", 0, f"{opener.name} fetches pictures whether or not its reader opens the mail.")
    if any(word in facts.request.purpose.lower() for word in ("prefetch", "prerender", "preview")):
        return Signal("fetched_ahead", 0, "The program fetched the picture ahead of its reader.")
    return None


def robot_agent(facts: Facts) -> Signal | None:
    """The catalogue for pages knows image proxies and Outlook as programs, which here they are on a reader's behalf."""
    return None if _opener(facts) else _robot_agent(facts)


def empty_agent(facts: Facts) -> Signal | None:
    """Programs of filters leave their name out; so do some privacy tools of readers, who come from elsewhere."""
    if (signal := _empty_agent(facts)) is None:
        return None
    is_hosted = facts.request.network_class in _HOSTED
    return Signal("empty_agent", 0 if is_hosted else 2, signal.reason, is_hard=is_hosted)


def learned_program(facts: Facts) -> Signal | None:
    """A proxy opens the mails of thousands: none is ever learned, nor is it held against it."""
    return None if _is_proxy(facts) else learned_agent(facts)


def mail_filter_network(facts: Facts) -> Signal | None:
    """Ranges in which mail is filtered; a filter may look at pictures, too (data/networks.json)."""
    if facts.request.network_class == "mail_filter" and not _is_proxy(facts):
        reason = f"Came from {facts.request.network}, where mail is filtered and nobody reads it."
        return Signal("mail_filter_network", 0, reason, is_hard=True)
    return None


def hidden_link(facts: Facts) -> Signal | None:
    """The same program followed the link that no person can see."""
    return hidden_link_of(facts.context.own)


def opened_in_a_burst(facts: Facts) -> Signal | None:
    """A browser of a gateway that shows the mail and follows its links: three links opened within three seconds around
    the picture, which no reader does (the steps of `links_in_a_burst`)."""
    gaps = facts.context.own.link_gaps
    if len(gaps) >= 2 and gaps[1] < 1.5:
        reason = "The same program followed links of the mail in the same second."
        return Signal("opened_in_a_burst", 0, reason, is_hard=True)
    return None


RECIPIENTS_OF_A_SCAN = 10


def many_opened(facts: Facts) -> Signal | None:
    """Ten recipients' mails opened by one program at one address within a minute. An office shares its address, a phone
    company's customers do, and a proxy is there for everybody: it counts from elsewhere only."""
    context, network_class = facts.context, facts.request.network_class
    is_shared = _is_proxy(facts) or context.is_one_organisation or network_class in {"consumer", "gateway"}
    if is_shared or context.recipient_count < RECIPIENTS_OF_A_SCAN:
        return None
    count = context.recipient_count
    return Signal("many_opened", 2, f"The same program opened the mails of {count} recipients within a minute.")


_STEPS = (
    (10, 3, "seconds"),  # outweighs a proxy or a mail program: a phone in the hand is as fast, and so are filters
    (60, 1, "a minute"),  # most scanners come then, and many readers
)


def soon_opened(facts: Facts) -> Signal | None:
    """Readers whose phone rang open within seconds, too, and Gmail fetched ahead under another name; so time takes
    away certainty and never proves a robot."""
    age = facts.send_age
    if age is None or mail_security_network(facts):
        return None
    for seconds, points, words in _STEPS:
        if age < seconds:
            return Signal("soon_opened", points, f"Came within {words} of sending, when filters look at mails, too.")
    return None


def security_network(facts: Facts) -> Signal | None:
    return None if _is_proxy(facts) else mail_security_network(facts)


_MAIL_SERVICES = frozenset({"Microsoft", "Google"})


def hosted_open(facts: Facts) -> Signal | None:
    """Microsoft and Google fetch pictures for people from the networks that they also rent out and filter mail in, so
    that these say nothing, but for the first minute, when it is their filters that come under a browser's name."""
    request = facts.request
    if request.network_class != "data_centre" or _is_proxy(facts):
        return None
    is_late = facts.send_age is None or facts.send_age >= 60
    if request.network in _MAIL_SERVICES and is_late:
        return None
    where = f" ({request.network})" if request.network else ""
    return Signal("data_centre", 2, f"Came from a data centre{where}, not from a home, an office or a phone.")


def learned_network_of_robots(facts: Facts) -> Signal | None:
    return None if _is_proxy(facts) else learned_network(facts)


def picture_as_a_page(facts: Facts) -> Signal | None:
    """Fetch Metadata (W3C): a picture in a mail is fetched as a picture. Who navigates to it follows every address."""
    if facts.request.fetch_mode == "navigate" or facts.request.fetch_dest == "document":
        return Signal("picture_as_a_page", 3, "Opened the mail's invisible picture as if it were a page.")
    return None


def no_fetch_metadata(facts: Facts) -> Signal | None:
    """As for pages, but less: a webmail's own proxy may pass on its reader's agent and no more."""
    if _opener(facts) or _no_fetch_metadata(facts) is None:
        return None
    return Signal("no_fetch_metadata", 2, "Calls itself a modern browser but does not speak like one.")


def no_accept_language(facts: Facts) -> Signal | None:
    """Browsers name their reader's languages for pictures, too. Mail programs and proxies need not."""
    if facts.request.has_accept_language or _opener(facts) or not family(facts.request.agent):
        return None
    return Signal("no_accept_language", 1, "Named no language, which every browser does.")


def image_proxy(facts: Facts) -> Signal | None:
    """Gmail, Yahoo and others fetch a mail's pictures when its reader opens it, and hide who that is."""
    opener = _opener(facts)
    if opener and opener.opener_class == "proxy":
        return Signal("image_proxy", -3, f"{opener.name} shows pictures through a proxy: a person opened the mail.")
    return None


def mail_program(facts: Facts) -> Signal | None:
    """A mail program fetches pictures when its reader looks at the mail: that is what an open is. A filter seldom
    disguises itself as one, because it wants to see what a browser gets."""
    opener = _opener(facts)
    if opener and opener.opener_class == "program":
        return Signal("mail_program", -3, f"{opener.name} showed the mail's pictures, as it does for its reader.")
    return None


def picture_in_a_page(facts: Facts) -> Signal | None:
    """Fetch Metadata: a browser fetched a picture within another site's page, which is how a webmail shows a mail."""
    request = facts.request
    if request.fetch_dest == "image" and request.fetch_site == "cross-site" and family(request.agent):
        return Signal("picture_in_a_page", -2, "A browser showed the picture within a page, as in a webmail.")
    return None


OPEN_RULES: tuple[Rule, ...] = (
    head_request,
    fetched_ahead,
    robot_agent,
    learned_program,
    empty_agent,
    mail_filter_network,
    hidden_link,
    opened_in_a_burst,
    seen_as_machine,
    many_opened,
    soon_opened,
    security_network,
    hosted_open,
    consumer_network,
    security_gateway,
    learned_network_of_robots,
    picture_as_a_page,
    no_fetch_metadata,
    hints_disagree,
    old_agent,
    no_accept_language,
    image_proxy,
    mail_program,
    picture_in_a_page,
)
