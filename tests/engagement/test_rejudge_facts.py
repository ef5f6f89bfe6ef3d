"""What a rejudgement reads of stored interactions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from engagement.detection import Context, Facts, PageFacts, Presence, RequestFacts, Trail, assess
from engagement.judging.stored_facts import facts_of
from engagement.models import Interaction
from engagement.recording.recorder import Event, recorder
from engagement.rejudging.runs import judge
from engagement.visitors import Sighting
from preferences.directory import Link, directory
from preferences.links import Purpose
from tests.engagement.makers import NOON
from tests.engagement.rejudging import BROWSER, CHROME, CURL, PAGE, stored, without_learned
from tests.makers import make_key, make_token, make_topic


@pytest.fixture(autouse=True)
def nothing_learned() -> Iterator[None]:
    yield from without_learned()


def as_facts(**fields: Any) -> Facts:
    request = RequestFacts(**BROWSER, agent=CHROME)  # type: ignore[arg-type]
    day = int(NOON.timestamp()) // 86_400
    return Facts(**{"request": request, "send_age": 20_000, "day": day, **fields})


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, {}),
        ({"dwell": 2, "press": True}, {"dwell": 2.0, "is_press": True}),
        ({"dwell": "2", "press": 1}, {}),
        (
            {"page": PAGE},
            {"page": PageFacts(visible=True, focused=True, presence=Presence(spots=5, span=400))},
        ),
        (
            {"page": {"presence": {"spots": 5}}},  # the first page did not measure the span
            {"page": PageFacts(presence=Presence(spots=5, span=80))},
        ),
        ({"page": None}, {"page": PageFacts(presence=Presence(span=80))}),
        (
            {"context": {"own": {"link_gaps": [1, 2.5]}, "recipient_count": 4, "mail_gateway": "Mimecast"}},
            {"context": Context(own=Trail(link_gaps=(1.0, 2.5)), recipient_count=4, mail_gateway="Mimecast")},
        ),
        ({"context": {"own": 5, "recipient_count": "4", "was_human": 1, "unheard": True}}, {}),
        ({"context": {"own": {"link_gaps": [1, "x", None]}}}, {"context": Context(own=Trail(link_gaps=(1.0,)))}),
    ],
)
def test_facts_are_read_back_leniently(facts: dict[str, Any], expected: dict[str, Any]) -> None:
    assert facts_of(stored(facts={"request": BROWSER, **facts})) == as_facts(**expected)


@pytest.mark.parametrize("facts", [None, [], "x", {"request": None}, {"request": {"method": 5, "network": []}}])
def test_garbled_facts_are_no_facts(facts: Any) -> None:
    assert facts_of(stored(facts=facts)).request == RequestFacts(agent=CHROME)


def test_the_agent_is_looked_up_in_the_present_catalogue() -> None:
    assert facts_of(stored(agent=CURL)).request.agent_class == "robot"


def test_a_network_of_the_first_rules_is_a_mail_filters() -> None:
    assert facts_of(stored(facts={"request": {"network": "X"}})).request.network_class == "mail_filter"
    known = {"network": "X", "network_class": "data_centre"}
    assert facts_of(stored(facts={"request": known})).request.network_class == "data_centre"


@pytest.mark.parametrize(
    ("reason", "name", "context"),
    [
        ("The same visitor followed the link that no person can see.", "hidden_link", "hidden_link"),
        ("Opened 3 links of the same mail within 3 s.", "links_in_a_burst", "links_in_a_burst"),
        (
            "The same network address opened the links of 12 recipients within a minute.",
            "many_recipients",
            "many_recipients",
        ),
    ],
)
def test_what_the_first_rules_saw_around_a_visit_still_counts(reason: str, name: str, context: str) -> None:
    signal = {"name": name, "points": 0, "hard": True, "reason": reason}
    assert judge(stored(signals=[signal], rules=1)).verdict.has(context)


def every_fact() -> Facts:
    page = PageFacts.from_json({**PAGE, "webdriver": True, "styled": True, "elapsed": 900})
    context = Context(own=Trail(link_gaps=(0.5,), was_machine=True), other=Trail(has_visited_hidden_link=True))
    return as_facts(page=page, context=context, dwell=1.5, is_press=True)


@pytest.mark.django_db
def test_what_a_door_judged_is_judged_the_same_again(link: Link) -> None:
    facts = every_fact()
    sighting = Sighting((None,) * 13, "192.0.2.7")
    recorder.record(Event(link, "confirm", "done", sighting, 1, assess(facts), facts, NOON.timestamp()))
    recorder.flush()
    row = Interaction.objects.get()
    again = facts_of(row)
    assert (again.page, again.context, again.dwell, again.is_press) == (
        facts.page,
        facts.context,
        facts.dwell,
        facts.is_press,
    )


@pytest.fixture
def link(db: None) -> Link:
    key = make_key(make_topic().brand)
    return directory.open(make_token(key), Purpose.UNSUBSCRIBE)
