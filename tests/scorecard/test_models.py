"""The models of other products, by table, and the counting."""

from __future__ import annotations

import pytest

from scorecard.aims import OURS, misses, verdicts
from scorecard.docs import between
from scorecard.models import MODELS
from scorecard.networks import Addresses, Network
from scorecard.recorded import as_json, worse
from scorecard.report import Score, markdown
from scorecard.visits import Case, Label, Result, Trace

LOOKED = Trace(looked=True)
RAN = Trace(looked=True, ran=True)
PRESSED = Trace(looked=True, pressed=True)
RAN_AND_PRESSED = Trace(looked=True, ran=True, pressed=True)
NOTHING = Trace()


def make_result(label: Label = Label.ROBOT, **values: object) -> Result:
    case = Case("mallory", str(values.pop("age", "20 min")), str(values.pop("network", Network.CONSUMER)))
    defaults: dict[str, object] = {"model": OURS, "at_once": False, "settled": False}
    return Result(case=case, label=label, **{**defaults, **values})  # type: ignore[arg-type]


def make_person(**values: object) -> Result:
    return make_result(Label.PERSON, **{"at_once": True, "settled": True, **values})


@pytest.mark.parametrize(
    ("model", "trace", "age", "is_off"),
    [
        ("GET commits", LOOKED, 5, True),
        ("GET commits", NOTHING, 5, False),
        ("bare pattern", LOOKED, 5, False),
        ("bare pattern", RAN, 5, True),
        ("bare pattern", PRESSED, 5, True),
        ("Healthchecks, 300 s", RAN, 299, False),
        ("Healthchecks, 300 s", RAN, 300, True),
        ("Healthchecks, 300 s", LOOKED, 300, False),
        ("Healthchecks, 300 s", PRESSED, 5, True),
        ("Keila, 180 s", LOOKED, 179, False),
        ("Keila, 180 s", RAN, 179, True),
        ("Keila, 180 s", LOOKED, 180, True),
        ("always a button", RAN, 18_000, False),
        ("always a button", PRESSED, 18_000, True),
    ],
)
def test_who_is_taken_off(model: str, trace: Trace, age: int, is_off: bool) -> None:
    assert MODELS[model](trace, age).is_off == is_off


@pytest.mark.parametrize(
    ("model", "trace", "age", "is_pressed"),
    [
        ("GET commits", RAN_AND_PRESSED, 5, False),
        ("bare pattern", RAN_AND_PRESSED, 5, False),
        ("bare pattern", PRESSED, 5, True),
        ("Healthchecks, 300 s", RAN_AND_PRESSED, 240, True),
        ("Healthchecks, 300 s", RAN_AND_PRESSED, 1200, False),
        ("Keila, 180 s", PRESSED, 45, True),
        ("Keila, 180 s", PRESSED, 240, False),
        ("always a button", RAN_AND_PRESSED, 18_000, True),
    ],
)
def test_who_has_to_press(model: str, trace: Trace, age: int, is_pressed: bool) -> None:
    assert MODELS[model](trace, age).is_pressed == is_pressed


def test_a_score_counts_people_and_robots_apart() -> None:
    score = Score.of(
        [
            make_result(at_once=True),
            make_result(at_once=True, settled=True),
            make_person(),
            make_person(presses=1, has_script=False),
            make_person(settled=False),
        ]
    )
    assert (score.robots, score.at_once, score.standing) == (2, 2, 1)
    assert (score.people, score.served, score.asked, score.lost) == (3, 2, 1, 1)
    assert (score.people_with_scripts, score.served_with_scripts) == (2, 2)


@pytest.mark.parametrize(
    ("result", "what", "is_aim"),
    [
        (make_result(at_once=True, settled=True), "robot stands after settling", False),
        (make_result(at_once=True, settled=True, shows="HEAD"), "robot stands after settling", True),
        (
            make_result(at_once=True, settled=True, network=Network.MAIL_FILTER),
            "robot stands after settling",
            True,
        ),
        (make_result(at_once=True, shows="HEAD"), "robot at once, put back by settling", False),
        (make_person(presses=1), "person asked for a press", False),
        (make_person(presses=1, has_hand=True), "person asked for a press", True),
        (make_person(settled=False), "person lost", True),
    ],
)
def test_what_is_missed(result: Result, what: str, is_aim: bool) -> None:
    [miss] = misses([result])
    assert (miss.what, miss.is_aim) == (what, is_aim)


def test_what_is_as_wished_is_not_missed() -> None:
    assert misses([make_result(), make_person(), make_result(model="bare pattern", settled=True)]) == []


def test_the_aims_tell_the_first_minutes_from_later() -> None:
    people = [make_person(age="4 min", presses=1), make_person(age="5 s"), make_person(), make_person(age="5 h")]
    reached = {aim: (text, is_met) for aim, text, is_met in verdicts(people)}
    assert reached["at least 80 % served by one click in the first minutes"] == ("1 of 2 (50.0 %)", False)
    assert reached["at least 95 % served by one click from 20 minutes on"] == ("2 of 2 (100.0 %)", True)


def test_a_run_that_is_the_same_is_not_worse() -> None:
    results = [make_result(at_once=True, settled=True), make_person(presses=1)]
    assert worse(results, as_json(results)) == {}


def test_a_run_that_is_better_is_not_worse() -> None:
    recorded = as_json([make_result(at_once=True, settled=True), make_person(presses=1)])
    assert worse([make_result(), make_person()], recorded) == {}


def test_what_got_worse_is_named() -> None:
    recorded = as_json([make_result(), make_person()])
    found = worse([make_result(at_once=True), make_person(settled=False, presses=1)], recorded)
    assert found == {
        "robots at once": ["mallory, 20 min, consumer"],
        "people not served by one click": ["mallory, 20 min, consumer"],
        "people lost": ["mallory, 20 min, consumer"],
    }


def test_a_table_has_a_line_for_each_row() -> None:
    lines = markdown({"ours": Score.of([make_result(), make_person()])}).splitlines()
    assert len(lines) == 3
    assert lines[2] == "| ours | 0 of 1 (0 %) | 0 of 1 (0 %) | 1 of 1 (100 %) | 1 of 1 (100 %) | 0 of 1 (0 %) | 0 |"


def test_only_what_stands_between_the_markers_is_replaced() -> None:
    assert between("a\n<!-- x -->\nold\n<!-- /x -->\nb", "x", "new") == "a\n<!-- x -->\nnew\n<!-- /x -->\nb"


def test_a_missing_marker_is_an_error() -> None:
    with pytest.raises(ValueError, match="x"):
        between("a", "x", "new")


@pytest.mark.parametrize("network", list(Network))
def test_no_two_visitors_share_a_network(network: Network) -> None:
    addresses = Addresses()
    networks = {addresses.new(network).rpartition(".")[0] for _ in range(32)}
    assert len(networks) == 32
