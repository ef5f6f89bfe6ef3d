"""The scorecard's quick run against the real server: our row may get better, and never worse."""

from __future__ import annotations

import asyncio
from threading import Thread

import pytest

from scorecard import recorded
from scorecard.aims import OURS
from scorecard.cast import choose
from scorecard.play import Played, play
from scorecard.run import Extent
from tests.browser.chromium import NoChromiumError, find_chromium


@pytest.fixture(scope="module")
def played() -> Played:
    """Played in a thread of its own: whoever drives Playwright here may have left a loop running in this one."""
    try:
        chromium = find_chromium()
    except NoChromiumError as error:
        pytest.exit(f"The scorecard needs Chromium: {error}", returncode=1)
    outcomes: list[Played | BaseException] = []

    def run() -> None:
        try:
            outcomes.append(asyncio.run(play(chromium, choose(is_quick=True), extent=Extent.OURS)))
        except BaseException as error:
            outcomes.append(error)

    thread = Thread(target=run)
    thread.start()
    thread.join()
    [outcome] = outcomes
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome


def test_our_row_is_not_worse_than_the_recorded_one(played: Played) -> None:
    worse = recorded.worse(played.results, recorded.read()["quick"])
    ours = [result for result in played.results if result.model == OURS]
    seen = {str(result.case): "\n    ".join(map(str, played.seen(result))) for result in ours}
    told = [f"{kind}: {case}\n    {seen[case]}" for kind, cases in worse.items() for case in cases]
    assert not told, "worse than docs/scorecard.json says:\n" + "\n".join(told)


def test_nobody_is_lost(played: Played) -> None:
    assert [str(result.case) for result in played.results if result.is_lost and result.model == OURS] == []


def test_every_case_was_played(played: Played) -> None:
    """So that a visitor who did not come cannot count as one who was harmless."""
    cases = [result.case for result in played.results if result.model == OURS]
    assert len(cases) == len(set(cases))
    assert {case.visitor for case in cases} == {visitor.name for visitor in choose(is_quick=True)}
    assert all(result.mailing in played.records for result in played.results if result.model == OURS)
