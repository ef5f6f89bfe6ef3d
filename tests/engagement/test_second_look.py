"""The second look at opens and clicks: judged again with what happened around them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from engagement.detection import RULES_VERSION, judge_facts
from engagement.judging.second_look import Relooked, earlier_affected, look_again, write
from engagement.judging.stored_facts import facts_of
from engagement.models import Interaction, Touch
from preferences.models import Brand
from tests.engagement.makers import NOON, make_interaction
from tests.makers import make_brand

pytestmark = pytest.mark.django_db

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"
)
GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
BROWSER = {
    "method": "GET",
    "has_accept_language": True,
    "fetch_site": "none",
    "fetch_mode": "navigate",
    "fetch_dest": "document",
    "fetch_user": "?1",
}
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def brand() -> Brand:
    return make_brand()


def make_click(brand: Brand, link: int | None = 1, after: timedelta = 0 * SECOND, **fields: Any) -> Interaction:
    """A stored click of somebody with Chrome, two hours after sending, judged by its request alone."""
    defaults = {
        "kind": "click",
        "purpose": "click",
        "agent": CHROME,
        "send_age": 7_200,
        "rules": RULES_VERSION,
        "facts": {"request": BROWSER},
        "answer": "gone",
    }
    return make_interaction(brand=brand, link=link, occurred_at=NOON + after, **{**defaults, **fields})


def make_open(brand: Brand, after: timedelta = 0 * SECOND, **fields: Any) -> Interaction:
    defaults = {"kind": "open", "purpose": "open", "agent": GMAIL, "visitor": b"g" * 16, "network": "66.249.84.0"}
    return make_click(brand, None, after, **{**defaults, **fields})


def make_hidden_visit(brand: Brand, after: timedelta = 0 * SECOND, **fields: Any) -> Interaction:
    return make_click(brand, None, after, **{"kind": "hidden_visit", "purpose": "hidden", **fields})


def looked(*rows: Interaction) -> dict[int, Relooked]:
    return {one.row.id: one for one in look_again(rows)}


def names(relooked: Relooked) -> set[str]:
    return {signal.name for signal in relooked.verdict.signals}


def test_a_click_with_nothing_around_it_stays_as_it_was_judged(brand: Brand) -> None:
    assert look_again([make_click(brand)]) == []


def test_links_of_one_message_within_a_second_are_a_robots(brand: Brand) -> None:
    rows = [make_click(brand, 1), make_click(brand, 2, 0.5 * SECOND)]
    assert [(one.record, one.verdict.is_hard) for one in look_again(rows)] == [("click_machine_behaviour", True)] * 2


@pytest.mark.parametrize(("links", "is_burst"), [((0, 1.2, 2.8), True), ((0, 2, 5, 9.5), True), ((0, 1.5, 60), False)])
def test_the_steps_of_a_burst(brand: Brand, links: tuple[float, ...], is_burst: bool) -> None:
    rows = [make_click(brand, number, after * SECOND) for number, after in enumerate(links)]
    assert len(look_again(rows[:1])) == is_burst


def test_a_tracked_link_that_leads_to_the_unsubscribe_page_is_one_link(brand: Brand) -> None:
    click = make_click(brand)
    make_click(brand, None, 0.2 * SECOND, kind="visit", purpose="unsubscribe")
    assert look_again([click]) == []


def test_the_same_link_twice_is_no_burst(brand: Brand) -> None:
    assert look_again([make_click(brand, 1), make_click(brand, 1, 0.2 * SECOND)]) == []


@pytest.mark.parametrize("field", [{"mailing": "other"}, {"recipient_id": UUID(int=2)}, {"visitor": b"2" * 16}])
def test_what_happened_to_others_or_elsewhere_does_not_count(brand: Brand, field: dict[str, Any]) -> None:
    rows = [make_click(brand, 1), make_click(brand, 2, 0.5 * SECOND, **field), make_hidden_visit(brand, **field)]
    assert look_again(rows[:1]) == []


@pytest.mark.parametrize("after", [-59 * MINUTE, MINUTE, 59 * MINUTE])
def test_who_follows_the_hidden_link_is_a_robot_before_and_after(brand: Brand, after: timedelta) -> None:
    click = make_click(brand)
    make_hidden_visit(brand, after)
    [one] = look_again([click])
    assert (one.record, names(one)) == ("click_machine_behaviour", {"hidden_link"})
    trail = {"has_visited_hidden_link": True, "link_gaps": (abs(after.total_seconds()),), "was_machine": False}
    assert one.known == {"context": {"own": trail}}


def test_the_hidden_link_counts_for_an_hour(brand: Brand) -> None:
    click = make_click(brand)
    make_hidden_visit(brand, 61 * MINUTE)
    assert look_again([click]) == []


def test_rows_far_apart_in_one_batch_do_not_lend_each_other_their_hours(brand: Brand) -> None:
    rows = [make_click(brand, 1), make_click(brand, 2, 3 * HOUR)]
    make_hidden_visit(brand, 3 * HOUR)
    assert set(looked(*rows)) == {rows[1].id}


def test_another_programs_scan_at_the_same_address_is_two_points_for_a_minute(brand: Brand) -> None:
    near, far = make_click(brand), make_click(brand, after=HOUR)
    make_hidden_visit(brand, 30 * SECOND, agent="Scanner/1.0")
    [one] = look_again([near, far])
    assert (one.row.id, names(one), one.verdict.value) == (near.id, {"scanned_beside"}, "unsure")


def test_a_program_that_came_with_head_before_is_a_robot_again(brand: Brand) -> None:
    click = make_click(brand)
    head = [{"name": "head_request", "points": 0, "hard": True, "reason": "Asked with HEAD."}]
    make_click(brand, after=MINUTE, is_hard=True, verdict="machine", signals=head)
    [one] = look_again([click])
    assert names(one) == {"seen_as_machine"}


def test_a_row_is_not_held_against_itself(brand: Brand) -> None:
    signals = [{"name": "head_request", "points": 0, "hard": True, "reason": "Asked with HEAD, as link checkers do."}]
    fields: dict[str, Any] = {
        "is_hard": True,
        "verdict": "machine",
        "signals": signals,
        "record": "click_machine_agent",
    }
    click = make_click(brand, facts={"request": {**BROWSER, "method": "HEAD"}}, **fields)
    assert look_again([click]) == []


def make_crowd(brand: Brand, count: int, **fields: Any) -> list[Interaction]:
    return [
        make_click(brand, after=number * SECOND, recipient_id=UUID(int=100 + number), **fields)
        for number in range(count)
    ]


@pytest.mark.parametrize(("count", "domain", "is_crowd"), [(2, "", False), (3, "", True), (9, "example.org", False)])
def test_one_program_at_many_recipients_is_a_robot(brand: Brand, count: int, domain: str, is_crowd: bool) -> None:
    rows = make_crowd(brand, count, domain=domain)
    assert len(look_again(rows)) == (count if is_crowd else 0)


def test_ten_colleagues_at_once_are_a_scan(brand: Brand) -> None:
    relooked = look_again(make_crowd(brand, 10, domain="example.org"))
    assert {frozenset(names(one)) for one in relooked} == {frozenset({"many_recipients", "organisation_scan"})}


def test_opens_of_an_office_do_not_count_against_its_clicks(brand: Brand) -> None:
    click = make_click(brand)
    for number in range(12):
        make_open(brand, agent=CHROME, visitor=click.visitor, network=click.network, recipient_id=UUID(int=number))
    assert look_again([click]) == []


def test_a_proxy_may_open_for_everybody(brand: Brand) -> None:
    rows = [make_open(brand, recipient_id=UUID(int=number)) for number in range(12)]
    assert look_again(rows) == []


def test_another_program_that_opens_for_ten_is_weighed(brand: Brand) -> None:
    rows = [
        make_open(brand, agent=CHROME, network="203.0.113.0", recipient_id=UUID(int=number)) for number in range(10)
    ]
    assert {frozenset(names(one)) for one in look_again(rows)} == {frozenset({"many_opened", "picture_as_a_page"})}


def make_touch(brand: Brand, first: timedelta, cleaned: timedelta | None) -> Touch:
    cleaned_at = None if cleaned is None else NOON + cleaned
    return Touch.objects.create(
        recipient_id=UUID(int=1), mailing="2026-11", act="open", link=0, brand_id=brand.pk, channel="email",
        topic="news", segment="", first_at=NOON + first, cleaned_at=cleaned_at,
    )  # fmt: skip


OPENED, UNOPENED, NOTHING = {"opened_before"}, {"click_without_open"}, set[str]()


@pytest.mark.parametrize(
    ("first", "cleaned", "expected"),
    [
        (-48 * HOUR, -48 * HOUR, OPENED),
        (-48 * HOUR, None, NOTHING),
        (-48 * HOUR, MINUTE, NOTHING),
        (MINUTE, MINUTE, UNOPENED),
    ],
)
def test_an_open_that_was_counted_before_tells_of_the_click(
    brand: Brand, first: timedelta, cleaned: timedelta | None, expected: set[str]
) -> None:
    click = make_click(brand)
    make_open(brand, -HOUR, recipient_id=UUID(int=9))
    make_touch(brand, first, cleaned)
    assert {name for one in look_again([click]) for name in names(one)} == expected


@pytest.mark.parametrize(
    ("after", "verdict", "expected"),
    [
        (-MINUTE, "human", OPENED),
        (-MINUTE, "prefetched", NOTHING),
        (-MINUTE, "machine", NOTHING),
        (-SECOND, "human", NOTHING),
        (MINUTE, "human", UNOPENED),
    ],
)
def test_an_open_that_is_not_yet_counted_tells_as_much(
    brand: Brand, after: timedelta, verdict: str, expected: set[str]
) -> None:
    click = make_click(brand)
    make_open(brand, after, verdict=verdict)
    make_open(brand, -HOUR, recipient_id=UUID(int=9))
    assert {name for one in look_again([click]) for name in names(one)} == expected


@pytest.mark.parametrize("others", [{}, {"mailing": "other"}])
def test_a_mailing_without_a_picture_lacks_no_open(brand: Brand, others: dict[str, Any]) -> None:
    click = make_click(brand)
    if others:
        make_open(brand, -HOUR, recipient_id=UUID(int=9), **others)
    assert look_again([click]) == []


def test_a_text_message_lacks_no_open(brand: Brand) -> None:
    click = make_click(brand, channel="sms")
    make_open(brand, -HOUR, recipient_id=UUID(int=9))
    assert look_again([click]) == []


HAND = [{"name": "trusted_input", "points": -3, "hard": False, "reason": "A hand moved."}]


@pytest.mark.parametrize(
    ("fields", "is_known"),
    [
        ({}, True),
        ({"agent": CHROME.replace("156", "154")}, True),
        ({"agent": "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0"}, False),
        ({"visitor": b"2" * 16}, False),
        ({"verdict": "unsure"}, False),
        ({"signals": []}, False),
        ({"after": -59 * MINUTE}, False),
        ({"after": -31 * 24 * HOUR}, False),
        ({"recipient_id": UUID(int=2)}, False),
    ],
)
def test_a_hand_on_a_page_before_speaks_for_the_click(brand: Brand, fields: dict[str, Any], is_known: bool) -> None:
    click = make_click(brand)
    visit = {"kind": "arrive", "purpose": "unsubscribe", "verdict": "human", "signals": HAND, "after": -24 * HOUR}
    make_click(brand, None, **{**visit, **fields})
    assert [names(one) for one in look_again([click])] == ([{"known_person"}] if is_known else [])


def test_a_robot_that_opens_and_clicks_everything_is_one_at_its_open_too(brand: Brand) -> None:
    picture = make_open(brand, agent=CHROME, visitor=bytes(16), network="192.0.2.0")
    clicks = [make_click(brand, number, (0.3 + number / 2) * SECOND) for number in range(2)]
    found = looked(picture, *clicks)
    assert found[picture.id].record == "open_machine"
    assert "opened_in_a_burst" in names(found[picture.id])


def test_an_open_is_no_link_of_a_burst(brand: Brand) -> None:
    click = make_click(brand)
    make_open(brand, 0.2 * SECOND, agent=CHROME, visitor=bytes(16), network="192.0.2.0", verdict="unsure")
    assert "links_in_a_burst" not in {name for one in look_again([click]) for name in names(one)}


def test_other_kinds_are_passed_over(brand: Brand) -> None:
    visits = [make_hidden_visit(brand), make_interaction(brand=brand, agent=CHROME)]
    assert look_again(visits) == []
    assert look_again([]) == []


def test_a_visitor_without_an_address_is_nobodys_double(brand: Brand) -> None:
    click = make_click(brand, network=None, visitor=b"")
    make_hidden_visit(brand, network=None, visitor=b"")
    assert look_again([click]) == []


def test_what_was_learned_by_the_recording_stays_and_what_was_not_does_not_come(brand: Brand) -> None:
    known = make_click(brand, facts={"request": BROWSER, "context": {"is_learned_agent": True}}, is_hard=True)
    make_hidden_visit(brand, MINUTE)
    [one] = look_again([known])
    assert names(one) == {"learned_agent", "hidden_link"}
    assert one.record == "click_machine_learned"


def test_a_second_look_is_written_and_then_finds_nothing_more(brand: Brand) -> None:
    row = make_click(brand)
    make_hidden_visit(brand, MINUTE)
    [one] = look_again([row])
    assert one.is_counted_otherwise
    write([one])
    new = Interaction.objects.get(id=row.id)
    assert (new.verdict, new.is_hard, new.rules) == ("machine", True, RULES_VERSION)
    assert new.record == one.record == "click_machine_behaviour"
    assert new.facts["request"] == BROWSER
    assert facts_of(new).context.own.has_visited_hidden_link
    assert judge_facts("click", facts_of(new)) == one.verdict
    assert look_again([new]) == []


def test_points_alone_change_no_figure(brand: Brand) -> None:
    click = make_click(brand)
    make_open(brand, -MINUTE, verdict="human")
    [one] = look_again([click])
    assert not one.is_counted_otherwise


def test_nothing_is_written_for_nothing(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        write([])


def feed(*rows: Interaction) -> list[Interaction]:
    return list(Interaction.objects.filter(id__in=[row.id for row in rows]).order_by("xid", "id"))


def test_later_evidence_names_the_earlier_rows_that_it_changes(brand: Brand) -> None:
    first, other = make_click(brand), make_click(brand, recipient_id=UUID(int=2))
    hidden = make_hidden_visit(brand, 30 * MINUTE)
    later = feed(hidden)
    assert earlier_affected(later) == [first]
    assert [one.row for one in look_again(earlier_affected(later))] == [first]
    assert other not in earlier_affected(later)


def test_a_burst_that_completes_names_its_first_click(brand: Brand) -> None:
    first, second = make_click(brand, 1), make_click(brand, 2, 0.5 * SECOND)
    assert earlier_affected(feed(second)) == [first]
    assert earlier_affected(feed(first, second)) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"after": 61 * MINUTE},
        {"visitor": b"2" * 16},
        {"mailing": "other"},
        {"recipient_id": UUID(int=2)},
        {"kind": "open"},
    ],
)
def test_evidence_about_others_names_nobody(brand: Brand, fields: dict[str, Any]) -> None:
    make_click(brand)
    later = make_hidden_visit(brand, **{"after": 30 * MINUTE, **fields})
    assert earlier_affected(feed(later)) == []


def test_what_is_proved_already_is_not_looked_at_again(brand: Brand) -> None:
    make_click(brand, is_hard=True, verdict="machine")
    assert earlier_affected(feed(make_hidden_visit(brand, MINUTE))) == []


def test_what_stands_later_in_the_feed_waits_for_its_own_turn(brand: Brand) -> None:
    hidden, late = make_hidden_visit(brand, MINUTE), make_click(brand)
    assert earlier_affected(feed(hidden)) == []
    assert [one.row.id for one in look_again(feed(late))] == [late.id]
