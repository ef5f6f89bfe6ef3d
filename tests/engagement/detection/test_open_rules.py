"""Opens, judged: every rule by a table, then what real programs' requests amount to."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engagement.detection import Context, Facts, RequestFacts, Trail, Value, assess_click, assess_open, judge_facts
from engagement.detection.open_rules import OPEN_RULES
from tests.engagement.detection.test_rules import BROWSER, CHROME, HARD, counts, requests

GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
GMAIL_AHEAD = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/42.0.2311.135 "
    "Safari/537.36 Edge/12.246 Mozilla/5.0"
)
YAHOO = "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html"
MAIL_RU = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/32.0.1700.2 Safari/537.36"
OUTLOOK = "Mozilla/4.0 (compatible; ms-office; MSOffice 16)"
APPLE_MAIL = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)"
IPHONE_MAIL = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
)
THUNDERBIRD = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Thunderbird/140.4.0"
MPP = "Mozilla/5.0"
LATER = 7_200
# A browser that shows nothing of the mail's surroundings: no rule says anything of it.
PLAIN = replace(BROWSER, fetch_mode="no-cors", fetch_dest="image", fetch_site="same-origin", fetch_user="")
CLEAN = Facts(PLAIN, send_age=LATER)


def asked(**fields: Any) -> Facts:
    return replace(CLEAN, request=replace(PLAIN, **fields))


def context(**fields: Any) -> Facts:
    return replace(CLEAN, context=Context(**fields))


def by(agent: str, age: int | None = LATER, **fields: Any) -> Facts:
    """A request that shows no more than its agent, as proxies and mail programs make them."""
    return Facts(RequestFacts(agent=agent, **fields), send_age=age)


def from_network(network_class: str, age: int | None = LATER, name: str = "Example Networks") -> Facts:
    return replace(asked(network_class=network_class, network=name), send_age=age)


TABLE: list[tuple[str, Facts, int, bool]] = [
    ("head_request", asked(method="HEAD"), 0, HARD),
    ("fetched_ahead", by(MPP), 0, False),
    ("fetched_ahead", by(GMAIL_AHEAD, network="Google", network_class="data_centre"), 0, False),
    ("fetched_ahead", asked(purpose="prefetch"), 0, False),
    ("robot_agent", asked(agent_class="robot"), 0, HARD),
    ("robot_agent", asked(agent_class="scanner"), 0, HARD),
    ("learned_agent", context(is_learned_agent=True), 0, HARD),
    ("empty_agent", by("", has_accept_language=True), 2, False),
    ("mail_filter_network", from_network("mail_filter"), 0, HARD),
    ("hidden_link", context(own=Trail(has_visited_hidden_link=True)), 0, HARD),
    ("opened_in_a_burst", context(own=Trail(link_gaps=(0.4, 1.4))), 0, HARD),
    ("seen_as_machine", context(own=Trail(was_machine=True)), 0, HARD),
    ("many_opened", context(recipient_count=10), 2, False),
    ("soon_opened", replace(CLEAN, send_age=9), 3, False),
    ("soon_opened", replace(CLEAN, send_age=59), 1, False),
    ("mail_security_network", from_network("mail_security", 1799), 3, False),
    ("data_centre", from_network("data_centre"), 2, False),
    ("consumer_network", from_network("consumer"), -1, False),
    ("security_gateway", from_network("gateway"), 0, False),
    ("learned_network", context(is_learned_network=True), 2, False),
    ("picture_as_a_page", asked(fetch_mode="navigate", fetch_dest="document"), 3, False),
    ("no_fetch_metadata", asked(fetch_site="", fetch_mode="", fetch_dest=""), 2, False),
    ("hints_disagree", asked(platform='"Windows"'), 2, False),
    ("old_agent", replace(CLEAN, day=20_739 + 800), 2, False),
    ("no_accept_language", asked(has_accept_language=False), 1, False),
    ("image_proxy", by(GMAIL, network="Google", network_class="data_centre"), -3, False),
    ("image_proxy", by(YAHOO), -3, False),
    ("mail_program", by(OUTLOOK, agent_class="preview"), -3, False),
    ("mail_program", by(THUNDERBIRD), -3, False),
    ("picture_in_a_page", asked(fetch_site="cross-site"), -2, False),
]


@pytest.mark.parametrize(("name", "facts", "points", "is_hard"), TABLE)
def test_a_fact_gives_its_signal_and_no_other(name: str, facts: Facts, points: int, is_hard: bool) -> None:
    signals = assess_open(facts).signals
    assert [(s.name, s.points, s.is_hard) for s in signals] == [(name, points, is_hard)]


def test_every_rule_stands_in_the_table() -> None:
    told = {signal.name for _, facts, *_ in TABLE for rule in OPEN_RULES if (signal := rule(facts))}
    assert told == {name for name, *_ in TABLE}
    assert all(any(rule(facts) for _, facts, *_ in TABLE) for rule in OPEN_RULES)


def test_reasons_are_sentences_a_marketer_understands() -> None:
    for _, facts, _, _ in TABLE:
        for reason in assess_open(facts).reasons:
            assert re.fullmatch(r"[A-Z].{15,120}\.", reason)


PROXY_OF_GOOGLE: dict[str, Any] = {"network": "Google", "network_class": "data_centre"}


@pytest.mark.parametrize(
    "facts",
    [
        by(GMAIL, **PROXY_OF_GOOGLE),
        by(GMAIL, 10, **PROXY_OF_GOOGLE),
        by(GMAIL, None),
        by(YAHOO, agent_class="robot"),
        by("FastmailUA/1.0", agent_class="robot"),
        by(MAIL_RU),
        replace(by(MAIL_RU), day=20_739),
        by("Mozilla/5.0 SeznamEmailProxy/2.0.174", agent_class="robot"),
        by(OUTLOOK, agent_class="preview", network_class="consumer"),
        by(OUTLOOK, 30, agent_class="preview"),
        by(OUTLOOK, network="Microsoft", network_class="data_centre"),
        by(APPLE_MAIL, network_class="consumer"),
        by(IPHONE_MAIL, network_class="consumer"),
        by(THUNDERBIRD),
        by(THUNDERBIRD, network_class="gateway", network="Zscaler"),
        asked(fetch_site="cross-site", network_class="consumer"),
        replace(by(GMAIL, **PROXY_OF_GOOGLE), context=Context(recipient_count=500, is_learned_agent=True)),
        replace(by(OUTLOOK), context=Context(recipient_count=300, is_one_organisation=True)),
    ],
)
def test_what_fetches_for_its_reader_is_a_persons_open(facts: Facts) -> None:
    assert assess_open(facts).value is Value.HUMAN


@pytest.mark.parametrize(
    "facts",
    [
        by(MPP),
        by(MPP, 3, agent_class="robot", network="Akamai Technologies, Inc.", network_class="data_centre"),
        by(MPP, 3, agent_class="robot", network_class="consumer", network="Comcast"),
        by(GMAIL_AHEAD, 1, agent_class="scanner", **PROXY_OF_GOOGLE),
        asked(purpose="prefetch;prerender", fetch_site="cross-site"),
        replace(by(MPP), context=Context(recipient_count=900)),
    ],
)
def test_what_fetches_ahead_of_its_reader_is_nobodys(facts: Facts) -> None:
    assert assess_open(facts).value is Value.PREFETCHED


@pytest.mark.parametrize(
    "facts",
    [
        by("curl/8.5.0", agent_class="robot"),
        by("", network_class="data_centre"),
        by("Barracuda Sentinel (EE)", agent_class="scanner"),
        by(GMAIL, method="HEAD", **PROXY_OF_GOOGLE),
        by(MPP, method="HEAD"),
        by(MPP, agent_class="robot", network="Amazon", network_class="data_centre"),
        by(GMAIL, network_class="mail_filter", network="Barracuda Email Gateway Defense"),
        by(GMAIL, network="Example Hosting", network_class="data_centre"),
        replace(by(MAIL_RU, network="Example Hosting", network_class="data_centre"), day=20_739),
        replace(by(MAIL_RU.replace("1700.2", "1700.107")), day=20_739),
        by(GMAIL_AHEAD, network="Amazon", network_class="data_centre", agent_class="scanner"),
        from_network("mail_security", 60),
        replace(from_network("data_centre"), request=replace(BROWSER, network_class="data_centre")),
        replace(from_network("data_centre", 20, "Microsoft")),
        asked(fetch_site="", fetch_mode="", fetch_dest="", has_accept_language=False),
        replace(by(OUTLOOK), context=Context(own=Trail(has_visited_hidden_link=True))),
    ],
)
def test_filters_and_tools_are_machines(facts: Facts) -> None:
    assert assess_open(facts).value is Value.MACHINE


@pytest.mark.parametrize(
    "facts",
    [
        CLEAN,
        by(GMAIL, 2, **PROXY_OF_GOOGLE),
        by(OUTLOOK, 5),
        by("Aloha/1 CFNetwork/1404.0.5 Darwin/22.3.0", agent_class="robot"),
        by(OUTLOOK, 60, network_class="mail_security", network="Mimecast"),
        from_network("consumer"),
        from_network("data_centre", LATER, "Microsoft"),
        from_network("data_centre", LATER, "Google"),
        by(""),
    ],
)
def test_what_may_be_either_is_unsure(facts: Facts) -> None:
    assert assess_open(facts).value is Value.UNSURE


@pytest.mark.parametrize("seconds", [0, 9, 59])
def test_a_quick_open_alone_makes_no_machine(seconds: int) -> None:
    assert assess_open(replace(CLEAN, send_age=seconds)).value is Value.UNSURE


@pytest.mark.parametrize("gaps", [(0.2,), (0.2, 1.6)])
def test_a_reader_may_click_as_soon_as_the_picture_shows(gaps: tuple[float, ...]) -> None:
    assert assess_open(context(own=Trail(link_gaps=gaps))).signals == ()


contexts = st.builds(Context, recipient_count=counts, lacks_open=st.booleans(), was_opened=st.booleans())


@given(st.builds(Facts, requests, st.none() | st.integers(), context=contexts))
def test_no_facts_make_it_fail(facts: Facts) -> None:
    assert assess_open(facts).value in Value
    assert assess_click(facts).value in Value
    assert judge_facts("anything", facts).value is not Value.PREFETCHED


@given(st.builds(Facts, requests, st.none() | st.integers(), context=contexts))
def test_only_an_open_is_ever_prefetched(facts: Facts) -> None:
    assert assess_click(facts).value is not Value.PREFETCHED


def test_a_browser_of_a_webmail_shows_a_picture_within_a_page() -> None:
    assert assess_open(asked(fetch_site="cross-site", agent=CHROME)).value is Value.HUMAN
