"""The rules by table, without a database."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engagement.detection import (
    Context,
    Facts,
    PageFacts,
    Presence,
    RequestFacts,
    Trail,
    Value,
    assess,
    may_commit,
    refute,
)
from engagement.detection.catalogue import agents, classify_agent
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


def own(**fields: Any) -> Facts:
    return context(own=Trail(**fields))


def other(**fields: Any) -> Facts:
    return context(other=Trail(**fields))


def aged(seconds: int | None) -> Facts:
    return replace(CLEAN, send_age=seconds)


def from_network(network_class: str, name: str = "Example Networks", **fields: Any) -> Facts:
    return replace(CLEAN, request=replace(BROWSER, network=name, network_class=network_class), **fields)


def pressed(**fields: Any) -> Facts:
    return replace(page(**fields), is_press=True)


HARD = True
SCANNED = Trail(has_visited_hidden_link=True)
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
    ("mail_filter_network", from_network("mail_filter"), 0, HARD),
    ("learned_agent", context(is_learned_agent=True), 0, HARD),
    ("scripted_press", pressed(), 0, HARD),
    ("scripted_press", replace(pressed(), dwell=60.0), 0, HARD),
    ("rushed_press", replace(pressed(presence=Presence(spots=1, presses=1, instants=1)), dwell=1.9), 0, HARD),
    ("hidden_link", own(has_visited_hidden_link=True), 0, HARD),
    ("hidden_link", other(has_visited_hidden_link=True), 0, HARD),
    ("links_in_a_burst", own(link_gaps=(0.9,)), 0, HARD),
    ("links_in_a_burst", own(link_gaps=(1.5, 2.9)), 0, HARD),
    ("links_in_a_burst", own(link_gaps=(4.0, 5.0, 9.0)), 0, HARD),
    ("links_in_a_burst", other(link_gaps=(0.5,)), 0, HARD),
    ("links_in_a_burst", context(own=Trail(link_gaps=(2.5,)), other=Trail(link_gaps=(2.0,))), 0, HARD),
    ("seen_as_machine", own(was_machine=True), 0, HARD),
    ("many_recipients", context(recipient_count=3), 0, HARD),
    ("many_recipients", context(recipient_count=10, is_one_organisation=True), 0, HARD),
    ("organisation_scan", context(neighbour_count=10), 2, False),
    ("clock_ahead", replace(page(elapsed=13_000), dwell=2.0), 3, False),
    ("clock_ahead", replace(page(elapsed=32_000), dwell=2.0), 3, False),
    ("clock_ahead", replace(page(elapsed=40_000), dwell=2.0), 0, HARD),
    ("no_style", page(styled=False), 2, False),
    ("mail_security_network", from_network("mail_security", send_age=5), 3, False),
    ("mail_security_network", from_network("mail_security", send_age=1799), 3, False),
    ("mail_security_network", from_network("mail_security", send_age=None), 3, False),
    ("data_centre", from_network("data_centre"), 2, False),
    ("data_centre", from_network("data_centre", ""), 2, False),
    ("consumer_network", from_network("consumer"), -1, False),
    ("security_gateway", from_network("gateway"), 0, False),
    ("learned_network", context(is_learned_network=True), 2, False),
    ("gateway_mail_host", context(mail_gateway="Example Gateway"), 1, False),
    ("old_agent", replace(CLEAN, day=20_739 + 800), 2, False),
    ("known_person", context(was_human=True), -2, False),
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
    ("trusted_input", hand(spots=3, span=80), -3, False),
    ("trusted_input", hand(touches=1), -3, False),
    ("trusted_input", hand(keys=1), -3, False),
    ("trusted_input", hand(scrolls=1), -3, False),
    ("trusted_input", pressed(presence=Presence(presses=1)), -3, False),
    ("trusted_input", replace(page(elapsed=9_000, presence=Presence(keys=1)), dwell=0.1), -3, False),
]


@pytest.mark.parametrize(("name", "facts", "points", "is_hard"), TABLE)
def test_a_fact_gives_its_signal_and_no_other(name: str, facts: Facts, points: int, is_hard: bool) -> None:
    signals = assess(facts).signals
    assert [(s.name, s.points, s.is_hard) for s in signals] == [(name, points, is_hard)]


def test_every_rule_stands_in_the_table() -> None:
    assert {name for name, *_ in TABLE + BESIDE_A_HAND} == {rule.__name__ for rule in RULES}


MOVED = Presence(spots=9, span=400)
# What is proof without a hand on the page is, beside one, a reason to look twice: it may be somebody else.
BESIDE_A_HAND: list[tuple[str, Facts, int, bool]] = [
    ("other_program", other(has_visited_hidden_link=True), 2, False),
    ("other_program", other(link_gaps=(0.5,)), 2, False),
    ("crowded_address", context(recipient_count=3), 1, False),
    ("crowded_address", context(recipient_count=9), 1, False),
    ("many_recipients", context(recipient_count=10), 0, HARD),
    ("hidden_link", own(has_visited_hidden_link=True), 0, HARD),
    ("links_in_a_burst", own(link_gaps=(0.5,)), 0, HARD),
    ("seen_as_machine", own(was_machine=True), 2, False),
]


@pytest.mark.parametrize(("name", "facts", "points", "is_hard"), BESIDE_A_HAND)
def test_a_hand_weighs_what_others_did(name: str, facts: Facts, points: int, is_hard: bool) -> None:
    signals = assess(replace(facts, page=replace(PAGE, presence=MOVED))).signals
    assert [(s.name, s.points, s.is_hard) for s in signals] == [(name, points, is_hard), ("trusted_input", -3, False)]


def test_another_programs_scan_does_not_speak_against_a_press_without_javascript() -> None:
    facts = replace(other(has_visited_hidden_link=True), page=None, is_press=True)
    assert [signal.name for signal in assess(facts).signals] == ["other_program"]
    assert refute(facts) == ()


SCRIPTED = pressed(presence=Presence(untrusted=2))
INSTANT = pressed(presence=Presence(spots=1, presses=1, instants=1))


@pytest.mark.parametrize(
    ("facts", "is_proof"),
    [
        (replace(SCRIPTED, dwell=1.9), True),
        (SCRIPTED, True),
        (replace(SCRIPTED, dwell=2.0), False),
        (replace(INSTANT, dwell=1.9), True),
        (replace(INSTANT, dwell=2.0), False),
        (INSTANT, False),
        (replace(pressed(presence=Presence(spots=9, span=300, presses=1, instants=1)), dwell=1.0), False),
        (replace(pressed(presence=Presence(spots=1, presses=1)), dwell=1.0), False),
    ],
)
def test_tools_that_press_for_people_want_no_more_than_the_time_to_read(facts: Facts, is_proof: bool) -> None:
    """Link hints and voice control make clicks by script, a touchpad's tap and a remote desktop instant ones."""
    assert assess(facts).is_hard is is_proof


def test_a_gateways_browser_beside_its_link_checker_is_told_from_an_office() -> None:
    office = context(recipient_count=2, is_one_organisation=True, other=SCANNED)
    assert refute(replace(office, is_afterwards=True)) == ()
    gateway = replace(office, context=replace(office.context, recipient_count=3))
    assert [signal.name for signal in refute(replace(gateway, is_afterwards=True))] == ["many_recipients"]
    assert refute(replace(gateway, is_afterwards=True, page=replace(PAGE, presence=MOVED))) == ()


def test_a_list_of_robots_does_not_outweigh_a_hand_that_presses() -> None:
    mistaken = replace(pressed(presence=Presence(presses=1)), request=replace(BROWSER, agent_class="robot"))
    assert not assess(mistaken).is_hard
    assert assess(replace(mistaken, request=replace(BROWSER, agent_class="headless"))).is_hard
    assert assess(replace(mistaken, page=None)).is_hard


@pytest.mark.parametrize(
    "known", [asked(agent="", client_hints="", platform=""), asked(agent_class="robot"), context(is_learned_agent=True)]
)
def test_a_name_alone_never_takes_back_what_a_hand_pressed(known: Facts) -> None:
    pressing = replace(known, page=replace(PAGE, presence=Presence(presses=1)), is_press=True)
    assert assess(known).is_hard
    assert not assess(pressing).is_hard
    assert assess(replace(pressing, page=None)).is_hard


def test_a_page_that_pushed_its_clock_has_no_hand() -> None:
    facts = replace(page(elapsed=40_000, presence=Presence(keys=2, scrolls=3)), dwell=2.0)
    assert [signal.name for signal in assess(facts).signals] == ["clock_ahead"]


@pytest.mark.parametrize("facts", [own(has_visited_hidden_link=True), context(recipient_count=3)])
def test_what_later_interactions_prove_refutes(facts: Facts) -> None:
    assert [signal.is_hard for signal in refute(facts)] == [True]
    assert refute(replace(facts, context=Context())) == ()


@pytest.mark.parametrize(
    "facts",
    [
        CLEAN,
        aged(600),
        aged(None),
        hand(spots=2, span=900),
        hand(spots=20, span=79),
        own(link_gaps=(1.1, 3.5, 10.5)),
        other(was_machine=True),
        context(recipient_count=2),
        context(recipient_count=9, is_one_organisation=True),
        context(neighbour_count=9),
        replace(page(elapsed=11_900), dwell=2.0),
        replace(page(elapsed=60_000), dwell=-20.0),
        page(elapsed=60_000),
        page(styled=True),
        from_network("mail_security", send_age=1800),
        from_network("", ""),
        replace(CLEAN, day=20_739 + 700),
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
    facts = replace(asked(fetch_site="cross-site"), page=hand(spots=4, span=90).page)
    assert assess(facts).value is Value.HUMAN


@pytest.mark.parametrize("facts", [from_network("consumer"), context(was_human=True)])
def test_where_a_visit_came_from_makes_nobody_human(facts: Facts) -> None:
    assert assess(facts).value is Value.UNSURE


def test_timing_alone_makes_no_machine_and_yet_no_commit() -> None:
    facts = aged(5)
    assert assess(facts).value is Value.UNSURE
    assert not may_commit("balanced", facts, assess(facts))
    assert assess(replace(facts, request=replace(BROWSER, has_accept_language=False))).value is Value.MACHINE


def test_one_hard_signal_outweighs_every_hand() -> None:
    facts = replace(asked(fetch_site="cross-site", agent_class="robot"), page=hand(spots=9, span=90).page)
    assert assess(facts).value is Value.MACHINE
    assert not may_commit("balanced", facts, assess(facts))


text = st.text(max_size=40)
requests = st.builds(RequestFacts, method=text, agent=text, agent_class=text, has_accept_language=st.booleans(),
                     fetch_site=text, fetch_mode=text, fetch_dest=text, fetch_user=text, purpose=text,
                     client_hints=text, platform=text, network=text)  # fmt: skip
counts = st.integers(0, 1000)
pages = st.none() | st.builds(PageFacts, presence=st.builds(Presence, *[counts] * 8))


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
