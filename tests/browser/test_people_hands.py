"""Hands of every kind that show on the page, by which a press becomes needless."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.clicks import JUST_SENT, expect_asked, press
from tests.browser.conftest import Explain
from tests.browser.hands import move, strike, touch, turn
from tests.browser.serving import Farewell, new_address


@pytest.mark.parametrize("how", ["pointer", "key", "wheel", "finger"])
def test_every_kind_of_hand_makes_the_press_needless(
    person: BrowserContext, server: Farewell, explain: Explain, how: str
) -> None:
    alice = new_address()
    page = person.new_page()
    page.goto(server.link(alice, age=JUST_SENT))
    expect(page.locator("main")).to_have_attribute("data-state", "ask")
    if how == "pointer":
        move(page, 300, 620)
    elif how == "key":
        strike(page, "Shift")
    elif how == "wheel":
        turn(page)
    else:
        touch(page, 20, 20)
    expect(page.get_by_role("status")).to_contain_text("You are unsubscribed")
    assert explain(alice, "arrive").sources == ["arrival"]


def test_a_hand_that_shows_after_the_answer_is_told_once(
    person: BrowserContext, server: Farewell, explain: Explain
) -> None:
    """So that nobody takes the opt-out for a robot's when a scanner at the same address comes later."""
    alice = new_address()
    page = person.new_page()
    page.goto(server.link(alice))
    expect(page.get_by_role("status")).to_contain_text("You are unsubscribed")
    for x in (100, 300, 500):
        with page.expect_response("**/arrive") if x == 100 else nullcontext():
            move(page, x, 620)
    page.wait_for_load_state("networkidle")
    story = explain(alice, "arrive")
    assert story.answers("arrive") == ["done", "done"]
    assert story.signals("arrive") >= {"trusted_input"}
    assert story.sources == ["arrival"]


def test_a_page_view_that_was_used_says_so(person: BrowserContext, server: Farewell) -> None:
    """Its nonce opts out once; what is left is the button."""
    alice = new_address()
    page = person.new_page()
    page.route("**/arrive", lambda route: route.fulfill(json={"answer": "ask", "because": "stale"}))
    page.goto(server.link(alice))
    expect(page.get_by_role("alert")).to_contain_text("Press Unsubscribe to leave")
    press(page, "Unsubscribe")
    expect(page.get_by_role("status")).to_contain_text("You are unsubscribed")


@pytest.mark.parametrize(("width", "zoom"), [(320, 1), (640, 2), (1280, 4)])
def test_a_hand_shows_on_a_small_screen_zoomed_and_without_motion(
    person: BrowserContext, server: Farewell, explain: Explain, width: int, zoom: int
) -> None:
    """Zoomed so, each page is 320 px wide; and a person who asked for less motion moves the pointer all the same."""
    alice = new_address()
    page = person.new_page()
    protocol = person.new_cdp_session(page)
    size = {"width": width // zoom, "height": 640 // zoom, "deviceScaleFactor": zoom, "mobile": False}
    protocol.send("Emulation.setDeviceMetricsOverride", size)
    reduced = [{"name": "prefers-reduced-motion", "value": "reduce"}]
    protocol.send("Emulation.setEmulatedMedia", {"features": reduced})
    page.goto(server.link(alice, age=JUST_SENT))
    expect_asked(page)
    assert page.evaluate("matchMedia('(prefers-reduced-motion: reduce)').matches && innerWidth") == 320
    move(page, 200, 100)
    expect(page.get_by_role("status")).to_contain_text("You are unsubscribed")
