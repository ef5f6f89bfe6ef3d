"""People at the preference page, with JavaScript and without."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext, expect

from preferences.links import Purpose
from tests.browser.clicks import press
from tests.browser.conftest import Explain
from tests.browser.serving import Farewell, new_address


@pytest.fixture(params=["with JavaScript", "without JavaScript"])
def either_way(request: pytest.FixtureRequest) -> BrowserContext:
    name = "person" if request.param == "with JavaScript" else "without_javascript"
    context: BrowserContext = request.getfixturevalue(name)
    return context


def test_the_preference_page_turns_topics_off_and_on(
    either_way: BrowserContext, server: Farewell, explain: Explain
) -> None:
    alice = new_address()
    page = either_way.new_page()
    page.goto(server.link(alice, Purpose.PREFERENCES))
    page.get_by_role("checkbox", name="Offers").uncheck()
    press(page, "Save")
    expect(page.get_by_role("status")).to_contain_text("You get no more: Offers.")
    story = explain(alice, "prefs_save")
    assert (story.state("offers"), story.state("news")) == ("out", "default")

    page.get_by_role("checkbox", name="Offers").check()
    press(page, "Save")
    expect(page.get_by_role("status")).to_contain_text("You get from now on: Offers.")
    assert explain(alice).state("offers") == "in"


def test_the_preference_page_turns_everything_off_and_back_on(
    either_way: BrowserContext, server: Farewell, explain: Explain
) -> None:
    alice = new_address()
    page = either_way.new_page()
    page.goto(server.link(alice, Purpose.PREFERENCES))
    press(page, "Unsubscribe from everything")
    expect(page.get_by_role("status")).to_contain_text("You get nothing")
    story = explain(alice, "prefs_save")
    assert story.is_suppressed
    assert {story.state(topic) for topic in ("news", "offers", "surveys")} == {"out"}

    page.get_by_role("checkbox", name="News").check()
    press(page, "Save")
    expect(page.get_by_role("status")).to_contain_text("You get from now on: News.")
    story = explain(alice)
    assert not story.is_suppressed
    assert [story.state(topic) for topic in ("news", "offers", "surveys")] == ["in", "out", "out"]
