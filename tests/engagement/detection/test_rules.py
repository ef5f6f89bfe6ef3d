"""The rules by table, without a database."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engagement.detection import Context, Facts, PageFacts, Presence, RequestFacts, Value, assess, may_commit
from engagement.detection.catalogue import agents, classify_agent, classify_network
from engagement.detection.rules import RULES

CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0"
SAFARI = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/19.0 Safari/605.1.15"
)
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/19.0 Mobile/15E148 Safari/604.1"
)
HINTS = '"Chromium";v="156", "Google Chrome";v="156", "Not?A_Brand";v="24"'
BROWSER = RequestFacts(
    agent=CHROME,
    has_accept_language=True,
    fetch_site="none",
    fetch_mode="navigate",
    fetch_dest="document",
    fetch_user="?1",
    client_hints=HINTS,
    platform='"Linux"',
)
PAGE = PageFacts(visible=True, focused=True)
CLEAN = Facts(BROWSER, send_age=3600, page=PAGE)


def asked(**fields: Any) -> Facts:
    return replace(CLEAN, request=replace(BROWSER, **fields))


def page(**fields: Any) -> Facts:
    return replace(CLEAN, page=replace(PAGE, **fields))


def hand(**counts: int) -> Facts:
    return page(presence=Presence(**counts))


def context(**fields: Any) -> Facts:
    return replace(CLEAN, context=Context(**fields))


def aged(seconds: int | None) -> Facts:
    return replace(CLEAN, send_age=seconds)


HARD = True
TABLE: list[tuple[str, Facts, int, bool]] = [
    ("head_request", asked(method="HEAD"), 0, HARD),
    ("head_request", asked(method="OPTIONS"), 0, HARD),
    ("prefetch", asked(purpose="prefetch"), 0, HARD),
    ("prefetch", asked(purpose="prefetch;prerender"), 0, HARD),
    ("robot_agent", asked(agent_class="robot"), 0, HARD),
    ("robot_agent", asked(agent_class="scanner"), 0, HARD),
    ("robot_agent", asked(agent_class="preview"), 0, HARD),
    ("robot_agent", asked(agent_class="headless"), 0, HARD),
    ("robot_agent", asked(client_hints='"HeadlessChrome";v="156", "Chromium";v="156"'), 0, HARD),
    ("empty_agent", asked(agent=" ", client_hints="", platform=""), 0, HARD),
    ("webdriver", page(webdriver=True), 0, HARD),
    ("framed", page(framed=True), 0, HARD),
    ("framed", asked(fetch_dest="iframe"), 0, HARD),
    ("mail_filter_network", asked(network="Microsoft Exchange Online Protection"), 0, HARD),
    ("hidden_link", context(has_visited_hidden_link=True), 0, HARD),
    ("links_in_a_burst", context(link_gaps=(0.9,)), 0, HARD),
    ("links_in_a_burst", context(link_gaps=(1.5, 2.9)), 0, HARD),
    ("links_in_a_burst", context(link_gaps=(4.0, 5.0, 9.0)), 0, HARD),
    ("many_recipients", context(recipients_in_minute=3), 0, HARD),
    ("untrusted_events", hand(untrusted=1), 3, False),
    ("send_age", aged(0), 3, False),
    ("send_age", aged(59), 3, False),
    ("send_age", aged(60), 2, False),
    ("send_age", aged(299), 2, False),
    ("send_age", aged(300), 1, False),
    ("send_age", aged(599), 1, False),
    ("no_fetch_metadata", asked(fetch_site="", fetch_mode="", fetch_dest="", fetch_user=""), 3, False),
    ("hints_disagree", asked(platform='"Windows"'), 2, False),
    ("hints_disagree", asked(client_hints='"Chromium";v="120"'), 2, False),
    ("hints_disagree", asked(agent=FIREFOX), 2, False),
    ("no_accept_language", asked(has_accept_language=False), 2, False),
    ("click_in_a_page", asked(fetch_site="cross-site"), -2, False),
    ("trusted_input", hand(spots=3), -3, False),
    ("trusted_input", hand(touches=1), -3, False),
    ("trusted_input", hand(keys=1), -3, False),
    ("trusted_input", hand(scrolls=1), -3, False),
]


@pytest.mark.parametrize(("name", "facts", "points", "is_hard"), TABLE)
def test_a_fact_gives_its_signal_and_no_other(name: str, facts: Facts, points: int, is_hard: bool) -> None:
    signals = assess(facts).signals
    assert [(s.name, s.points, s.is_hard) for s in signals] == [(name, points, is_hard)]


def test_every_rule_stands_in_the_table() -> None:
    assert {name for name, *_ in TABLE} == {rule.__name__ for rule in RULES}


@pytest.mark.parametrize(
    "facts",
    [
        CLEAN,
        aged(600),
        aged(None),
        hand(spots=2),
        context(link_gaps=(1.1, 3.5, 10.5)),
        context(recipients_in_minute=2),
        asked(agent=FIREFOX, client_hints="", platform=""),
        asked(agent=SAFARI, client_hints="", platform=""),
        asked(agent=PHONE, client_hints="", platform="", fetch_user=""),
        asked(
            agent=CHROME.replace("Chrome/156", "Chrome/70"),
            fetch_site="",
            fetch_mode="",
            fetch_dest="",
            client_hints="",
        ),
        asked(agent="Lynx/2.9.0dev.12", fetch_site="", fetch_mode="", fetch_dest="", client_hints="", platform=""),
    ],
)
def test_nothing_speaks_against_a_plain_visit(facts: Facts) -> None:
    verdict = assess(facts)
    assert verdict.signals == ()
    assert verdict.value is Value.UNSURE


def test_reasons_are_sentences_a_marketer_understands() -> None:
    for _, facts, _, _ in TABLE:
        for reason in assess(facts).reasons:
            assert re.fullmatch(r"[A-Z].{15,120}\.", reason)


def test_a_hand_and_a_click_make_a_human() -> None:
    facts = replace(asked(fetch_site="cross-site"), page=hand(spots=4).page)
    assert assess(facts).value is Value.HUMAN


def test_timing_alone_makes_no_machine_and_yet_no_commit() -> None:
    facts = aged(5)
    assert assess(facts).value is Value.UNSURE
    assert not may_commit("balanced", facts, assess(facts))
    assert assess(replace(facts, request=replace(BROWSER, has_accept_language=False))).value is Value.MACHINE


def test_one_hard_signal_outweighs_every_hand() -> None:
    facts = replace(asked(fetch_site="cross-site", agent_class="robot"), page=hand(spots=9).page)
    assert assess(facts).value is Value.MACHINE
    assert not may_commit("balanced", facts, assess(facts))


text = st.text(max_size=40)
requests = st.builds(RequestFacts, method=text, agent=text, agent_class=text, has_accept_language=st.booleans(),
                     fetch_site=text, fetch_mode=text, fetch_dest=text, fetch_user=text, purpose=text,
                     client_hints=text, platform=text, network=text)  # fmt: skip
counts = st.integers(0, 1000)
pages = st.none() | st.builds(PageFacts, presence=st.builds(Presence, *[counts] * 5))


@given(st.builds(Facts, requests, st.none() | st.integers(), pages))
def test_no_facts_make_it_fail(facts: Facts) -> None:
    verdict = assess(facts)
    assert verdict.value in Value
    may_commit("balanced", facts, verdict)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | text,
                    lambda inner: st.lists(inner) | st.dictionaries(text, inner)))  # fmt: skip
def test_no_report_of_a_page_makes_it_fail(report: Any) -> None:
    PageFacts.from_json(report)
    PageFacts.from_json({"presence": report, "visible": report})


@given(st.builds(Facts, requests, st.none() | st.integers(), pages))
def test_what_is_hidden_or_unfocused_never_commits(facts: Facts) -> None:
    if facts.page is None or not (facts.page.visible and facts.page.focused):
        assert not may_commit("balanced", facts, assess(facts))
        assert not may_commit("strict", facts, assess(facts))


@given(st.builds(Facts, requests, st.none() | st.integers(), pages))
def test_strict_never_commits_what_balanced_would_not(facts: Facts) -> None:
    verdict = assess(facts)
    assert may_commit("balanced", facts, verdict) or not may_commit("strict", facts, verdict)


def test_an_unknown_policy_is_strict() -> None:
    assert not may_commit("", CLEAN, assess(CLEAN))
    assert may_commit("balanced", CLEAN, assess(CLEAN))


@pytest.mark.parametrize("entry", agents(), ids=lambda entry: entry.pattern.pattern[:30])
def test_a_catalogue_entry_matches_its_samples_and_names_a_source(entry: Any) -> None:
    assert entry.samples
    assert entry.source
    assert all(classify_agent(sample) == entry.agent_class for sample in entry.samples)


@pytest.mark.parametrize("agent", [CHROME, FIREFOX, SAFARI, PHONE])
def test_no_catalogue_entry_matches_a_browser(agent: str) -> None:
    assert classify_agent(agent) == ""


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("40.92.0.1", "Microsoft Exchange Online Protection"),
        ("104.47.127.255", "Microsoft Exchange Online Protection"),
        ("104.47.128.0", ""),
        ("::ffff:40.107.1.1", "Microsoft Exchange Online Protection"),
        ("2a01:111:f400::1", "Microsoft Exchange Online Protection"),
        ("2a01:111:f401::1", ""),
        ("209.222.82.9", "Barracuda Email Gateway Defense"),
        ("0.0.0.0", ""),
        ("255.255.255.255", ""),
        ("not an address", ""),
        ("", ""),
    ],
)
def test_networks_are_found(address: str, name: str) -> None:
    assert classify_network(address) == name


def test_the_leaf_knows_its_data_files() -> None:
    data = Path(__file__).parents[3] / "engagement" / "detection" / "data"
    assert {path.name for path in data.iterdir()} == {"agents.json", "networks.json"}
