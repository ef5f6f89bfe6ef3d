"""Rows for COPY: judged by kind, alike where the rules see no difference."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engagement.detection import Facts, RequestFacts, judge_facts
from engagement.recording.rows import age_class

SCANNER = RequestFacts(agent="Example", network="Example Filter", network_class="mail_security")


@pytest.mark.parametrize("kind", ["visit", "open", "click"])
@given(age=st.integers(0, 10_000))
def test_visits_of_one_class_of_age_are_judged_alike(kind: str, age: int) -> None:
    for request in (SCANNER, RequestFacts(agent="Example", network_class="data_centre", network="Google")):
        exact, classed = (judge_facts(kind, Facts(request, send_age=seconds)) for seconds in (age, age_class(age)))
        assert exact == classed


def test_a_link_that_does_not_say_when_it_was_sent_has_no_class() -> None:
    assert age_class(None) is None
