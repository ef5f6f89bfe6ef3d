"""Record types: one for every kind and verdict, each with a sentence in code and documentation."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from engagement.detection import Signal, Value, Verdict
from engagement.models import Interaction, Kind
from engagement.recording.records import AGENT_SIGNALS, LEARNED_SIGNALS, RECORDS, record_of, record_of_verdict

PAGE = Path(__file__).parents[2] / "docs" / "records.md"
SIGNALS = [[], ["robot_agent"], ["learned_agent"], ["links_in_a_burst"]]


@pytest.mark.parametrize(
    ("kind", "verdict", "signals", "record"),
    [
        ("open", "human", [], "open"),
        ("open", "unsure", [], "open"),
        ("open", "prefetched", [], "open_prefetched"),
        ("open", "machine", ["robot_agent"], "open_machine"),
        ("click", "human", [], "click"),
        ("click", "unsure", ["send_age"], "click"),
        ("click", "machine", ["robot_agent"], "click_machine_agent"),
        ("click", "machine", ["head_request", "links_in_a_burst"], "click_machine_agent"),
        ("click", "machine", ["learned_agent", "links_in_a_burst"], "click_machine_learned"),
        ("click", "machine", ["learned_network", "empty_agent"], "click_machine_agent"),
        ("click", "machine", ["links_in_a_burst"], "click_machine_behaviour"),
        ("hidden_visit", "machine", ["robot_agent"], "hidden_link"),
        ("hidden_visit", "unsure", [], "hidden_link"),
        ("one_click", "machine", ["empty_agent"], "one_click"),
        ("conversion", "unsure", [], "conversion"),
        ("visit", "machine", ["mail_filter_network"], "visit_machine_behaviour"),
    ],
)
def test_what_a_record_is(kind: str, verdict: str, signals: list[str], record: str) -> None:
    assert record_of(kind, verdict, signals) == record


def test_every_kind_and_verdict_has_one_record_and_every_record_comes_about() -> None:
    reached = {record_of(kind, verdict, names) for kind, verdict, names in product(Kind.values, Value, SIGNALS)}
    assert reached == RECORDS.keys()


def test_a_record_fits_its_column() -> None:
    column = Interaction._meta.get_field("record")
    assert max(map(len, RECORDS)) <= (column.max_length or 0)


def test_a_signal_that_speaks_for_a_person_makes_no_record() -> None:
    signals = (Signal("robot_agent", 0, "Told."), Signal("data_centre", 3, "Told."))
    assert record_of_verdict("click", Verdict(Value.MACHINE, 3, signals)) == "click_machine_behaviour"
    hard = (Signal("robot_agent", 0, "Told.", is_hard=True),)
    assert record_of_verdict("click", Verdict(Value.MACHINE, 0, hard)) == "click_machine_agent"


def test_no_signal_is_of_two_records() -> None:
    assert not AGENT_SIGNALS & LEARNED_SIGNALS


def test_the_documented_table_is_the_one_in_force() -> None:
    rows = [line.strip("| ").split(" | ") for line in PAGE.read_text(encoding="utf-8").splitlines() if "| `" in line]
    assert [(name.strip("`"), sentence) for name, sentence in rows] == list(RECORDS.items())
