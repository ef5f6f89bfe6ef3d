"""Clicks on tracked links, judged: every rule by a table, then what the sums amount to."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from engagement.detection import Context, Facts, RequestFacts, Trail, Value, assess_click, judge_facts
from engagement.detection.click_rules import CLICK_RULES
from tests.engagement.detection.test_rules import BROWSER, FIREFOX, HARD, PHONE, SAFARI

CLEAN = Facts(BROWSER, send_age=3600)
GATEWAY = Trail(has_visited_hidden_link=True)


def asked(**fields: Any) -> Facts:
    return replace(CLEAN, request=replace(BROWSER, **fields))


def context(**fields: Any) -> Facts:
    return replace(CLEAN, context=Context(**fields))


def own(**fields: Any) -> Facts:
    return context(own=Trail(**fields))


def aged(seconds: int | None, facts: Facts = CLEAN) -> Facts:
    return replace(facts, send_age=seconds)


def from_network(network_class: str, **fields: Any) -> Facts:
    return asked(network="Example Networks", network_class=network_class, **fields)


TABLE: list[tuple[str, Facts, int, bool]] = [
    ("head_request", asked(method="HEAD"), 0, HARD),
    ("prefetch", asked(purpose="prefetch"), 0, HARD),
    ("robot_agent", asked(agent_class="robot"), 0, HARD),
    ("robot_agent", asked(agent_class="preview"), 0, HARD),
    ("robot_agent", asked(agent_class="scanner"), 0, HARD),
    ("robot_agent", asked(agent_class="headless"), 0, HARD),
    ("learned_agent", context(is_learned_agent=True), 0, HARD),
    ("empty_agent", asked(agent="", client_hints="", platform=""), 0, HARD),
    ("mail_filter_network", from_network("mail_filter"), 0, HARD),
    ("hidden_link", own(has_visited_hidden_link=True), 0, HARD),
    ("links_in_a_burst", own(link_gaps=(0.9,)), 0, HARD),
    ("links_in_a_burst", own(link_gaps=(1.5, 2.9)), 0, HARD),
    ("links_in_a_burst", own(link_gaps=(4.0, 5.0, 9.0)), 0, HARD),
    ("seen_as_machine", own(was_machine=True), 0, HARD),
    ("many_recipients", context(recipient_count=3), 0, HARD),
    ("many_recipients", context(recipient_count=10, is_one_organisation=True), 0, HARD),
    ("organisation_scan", context(neighbour_count=10), 2, False),
    ("scanned_beside", context(other=GATEWAY), 2, False),
    ("scanned_beside", context(other=Trail(link_gaps=(0.5,))), 2, False),
    ("send_age", aged(59), 3, False),
    ("send_age", aged(299), 2, False),
    ("send_age", aged(599), 1, False),
    ("mail_security_network", aged(1799, from_network("mail_security")), 3, False),
    ("data_centre", from_network("data_centre"), 2, False),
    ("consumer_network", from_network("consumer"), -1, False),
    ("security_gateway", from_network("gateway"), 0, False),
    ("learned_network", context(is_learned_network=True), 2, False),
    ("gateway_mail_host", context(mail_gateway="Example Gateway"), 1, False),
    ("click_without_open", context(lacks_open=True), 1, False),
    ("no_fetch_metadata", asked(fetch_site="", fetch_mode="", fetch_dest="", fetch_user=""), 3, False),
    ("hints_disagree", asked(platform='"Windows"'), 2, False),
    ("old_agent", replace(CLEAN, day=20_739 + 800), 2, False),
    ("no_accept_language", asked(has_accept_language=False), 2, False),
    ("click_in_a_page", asked(fetch_site="cross-site"), -2, False),
    ("opened_before", context(was_opened=True), -1, False),
    ("known_person", context(was_human=True), -2, False),
]


@pytest.mark.parametrize(("name", "facts", "points", "is_hard"), TABLE)
def test_a_fact_gives_its_signal_and_no_other(name: str, facts: Facts, points: int, is_hard: bool) -> None:
    signals = assess_click(facts).signals
    assert [(s.name, s.points, s.is_hard) for s in signals] == [(name, points, is_hard)]


def test_every_rule_stands_in_the_table() -> None:
    assert {name for name, *_ in TABLE} == {rule.__name__ for rule in CLICK_RULES}


def test_reasons_are_sentences_a_marketer_understands() -> None:
    for _, facts, _, _ in TABLE:
        for reason in assess_click(facts).reasons:
            assert re.fullmatch(r"[A-Z].{15,120}\.", reason)


@pytest.mark.parametrize(
    "facts",
    [
        CLEAN,
        aged(None),
        asked(agent=FIREFOX, client_hints="", platform=""),
        asked(agent=SAFARI, client_hints="", platform="", fetch_user=""),
        asked(agent=PHONE, client_hints="", platform="", fetch_user=""),
        own(link_gaps=(1.1, 3.5, 10.5)),
        context(other=Trail(link_gaps=(1.1,), was_machine=True)),
        context(recipient_count=2),
        aged(1800, from_network("mail_security")),
    ],
)
def test_a_click_of_a_mail_programs_reader_is_unsure_and_nothing_speaks_against_it(facts: Facts) -> None:
    verdict = assess_click(facts)
    assert (verdict.value, verdict.signals) == (Value.UNSURE, ())


@pytest.mark.parametrize(
    "facts",
    [
        asked(fetch_site="cross-site"),
        aged(300, asked(fetch_site="cross-site")),
        from_network("gateway", fetch_site="cross-site"),
        replace(from_network("consumer"), context=Context(was_opened=True)),
        context(was_opened=True, was_human=True),
    ],
)
def test_a_click_in_a_webmail_or_after_an_open_from_home_is_a_persons(facts: Facts) -> None:
    assert assess_click(facts).value is Value.HUMAN


@pytest.mark.parametrize(
    "facts",
    [
        from_network("consumer"),
        context(was_human=True),
        context(was_opened=True),
        replace(from_network("consumer"), context=Context(was_human=True)),
        replace(from_network("data_centre"), context=Context(was_opened=True)),
        aged(30, replace(from_network("consumer"), context=Context(was_opened=True))),
    ],
)
def test_where_a_click_came_from_or_an_open_alone_makes_nobody_human(facts: Facts) -> None:
    assert assess_click(facts).value is Value.UNSURE


@pytest.mark.parametrize("seconds", [0, 59, 299])
def test_a_quick_reader_without_pictures_is_no_robot(seconds: int) -> None:
    """Who reads in Outlook or as text, and clicks as soon as the phone rings."""
    assert assess_click(aged(seconds, context(lacks_open=True))).value is Value.UNSURE


@pytest.mark.parametrize("network_class", ["gateway", "consumer", "", "data_centre"])
def test_who_browses_through_a_security_gateway_is_no_robot(network_class: str) -> None:
    assert assess_click(from_network(network_class)).value is Value.UNSURE
    assert assess_click(from_network(network_class, fetch_site="cross-site")).value is not Value.MACHINE


def test_a_gateways_browser_in_a_data_centre_is_told_by_its_hurry() -> None:
    facts = from_network("data_centre")
    assert [assess_click(aged(age, facts)).value for age in (20, 400, 7200)] == ["machine", "machine", "unsure"]


def test_one_hard_signal_outweighs_what_speaks_for_a_person() -> None:
    facts = asked(fetch_site="cross-site", network_class="consumer")
    robot = replace(facts, context=Context(own=GATEWAY, was_opened=True, was_human=True))
    assert assess_click(robot).value is Value.MACHINE


def test_an_offices_scanner_does_not_prove_its_reader_a_robot() -> None:
    facts = replace(asked(fetch_site="cross-site"), context=Context(other=GATEWAY, was_opened=True))
    assert assess_click(facts).value is Value.HUMAN


def test_a_kind_is_judged_by_its_own_rules() -> None:
    facts = replace(CLEAN, request=RequestFacts(agent="Mozilla/5.0", agent_class="robot"))
    kinds = ("open", "click", "visit", "hidden_visit")
    assert [judge_facts(kind, facts).value for kind in kinds] == ["prefetched", "machine", "machine", "machine"]


@pytest.mark.parametrize("kind", ["one_click", "conversion"])
def test_what_a_server_does_for_a_person_is_not_judged(kind: str) -> None:
    verdict = judge_facts(kind, asked(method="HEAD", agent_class="robot"))
    assert (verdict.value, verdict.signals) == (Value.UNSURE, ())
