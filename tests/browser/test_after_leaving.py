"""What stands below "you have left": the undo, fewer mails, a pause, and the question why."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect

from tests.browser.axe import faults
from tests.browser.conftest import Watch
from tests.browser.hands import move, strike
from tests.browser.serving import Farewell, new_address
from tests.browser.test_text_browsers import find, on_a_terminal

JUST_SENT = 5


@pytest.fixture(scope="module")
def digests() -> Iterator[Farewell]:
    """A server of its own, whose topic comes in digests, too."""
    farewell = Farewell({"FAREWELL_TRUSTED_PROXY_COUNT": "1"})
    try:
        farewell.query(
            "UPDATE preferences_topic SET frequencies = '{every,weekly,monthly}' WHERE slug = 'news' RETURNING 1"
        )
        farewell.start()
        yield farewell
        assert farewell.terminate() == 0
        log = farewell.log.read_text()
        assert "Traceback" not in log
        assert "example.org" not in log
    finally:
        farewell.close()


@pytest.fixture(params=[True, False], ids=["with JavaScript", "without JavaScript"])
def either_way(
    request: pytest.FixtureRequest, peoples_chromium: Browser, network: dict[str, str], digests: Farewell
) -> Iterator[BrowserContext]:
    yield from _watched(peoples_chromium, network, digests, has_script=request.param)


@pytest.fixture
def window(peoples_chromium: Browser, network: dict[str, str], digests: Farewell) -> Iterator[BrowserContext]:
    yield from _watched(peoples_chromium, network, digests, has_script=True)


def _watched(
    browser: Browser, network: dict[str, str], server: Farewell, *, has_script: bool
) -> Iterator[BrowserContext]:
    with browser.new_context(java_script_enabled=has_script, extra_http_headers=network) as context:
        watch = Watch(context, {urlsplit(server.url).netloc})
        yield context
        watch.check()


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click(delay=70)


def arrive(page: Page, server: Farewell, address: str) -> None:
    page.goto(server.link(address))
    expect(page.get_by_role("status")).to_contain_text("You are unsubscribed")


def leave(page: Page, server: Farewell, address: str) -> None:
    """By the button, as the mail was sent a moment ago, or no script runs."""
    page.goto(server.link(address, age=JUST_SENT))
    page.get_by_role("button", name="Unsubscribe", exact=True).press("Enter")
    expect(page.get_by_role("heading", name="You are unsubscribed")).to_be_visible()


def changes(server: Farewell, address: str) -> list[tuple[str, str, str, bool]]:
    """The ledger as (state, source, frequency, is paused), oldest first."""
    return [
        tuple(row)
        for row in server.query(
            "SELECT state, source, frequency, change.paused_until > current_date IS TRUE"
            " FROM preferences_preferencechange AS change JOIN preferences_recipient AS r ON r.id = recipient_id"
            " WHERE r.address = %s ORDER BY change.id",
            address,
        )
    ]


# The journeys


def test_arriving_and_then_a_pause(window: BrowserContext, digests: Farewell) -> None:
    alice = new_address()
    page = window.new_page()
    arrive(page, digests, alice)
    press(page, "1 month")
    expect(page.get_by_role("heading", name="News is paused until")).to_be_visible()
    assert changes(digests, alice) == [("out", "arrival", "", False), ("default", "offer", "", True)]
    page.get_by_role("link", name="Leave after all").click()
    press(page, "Unsubscribe")
    expect(page.get_by_role("heading", name="You are unsubscribed")).to_be_visible()


def test_pressing_and_then_a_digest(either_way: BrowserContext, digests: Farewell) -> None:
    alice = new_address()
    page = either_way.new_page()
    leave(page, digests, alice)
    press(page, "Weekly digest")
    expect(page.get_by_role("status")).to_contain_text("You get News once a week")
    assert changes(digests, alice) == [("out", "confirm_button", "", False), ("default", "offer", "weekly", False)]


def test_a_double_press_takes_an_offer_once(either_way: BrowserContext, digests: Farewell) -> None:
    alice = new_address()
    page = either_way.new_page()
    leave(page, digests, alice)
    page.get_by_role("button", name="2 weeks").dblclick()
    expect(page.get_by_role("status")).to_contain_text("News is paused until")
    assert len(changes(digests, alice)) == 2


def test_saying_why(either_way: BrowserContext, digests: Farewell) -> None:
    alice = new_address()
    page = either_way.new_page()
    leave(page, digests, alice)
    page.get_by_role("radio", name="Too many messages").check()
    page.get_by_label("In your own words").fill("Every day!\nGoodbye.")
    press(page, "Send")
    expect(page.get_by_role("status")).to_contain_text("Thank you for your answer")
    said = digests.query(
        "SELECT reason, comment FROM preferences_leavinganswer AS answer"
        " JOIN preferences_recipient AS r ON r.id = recipient_id WHERE r.address = %s",
        alice,
    )
    assert said == [("too_many", "Every day!\nGoodbye.")]
    press(page, "Undo")
    expect(page.get_by_role("heading", name="You are subscribed again")).to_be_visible()


def test_saying_nothing_is_fine(either_way: BrowserContext, digests: Farewell) -> None:
    page = either_way.new_page()
    leave(page, digests, new_address())
    press(page, "Send")
    expect(page.get_by_role("alert")).to_contain_text("That is fine, too.")


def test_without_a_script_nothing_is_offered_before_one_has_left(
    peoples_chromium: Browser, network: dict[str, str], digests: Farewell
) -> None:
    with peoples_chromium.new_context(java_script_enabled=False, extra_http_headers=network) as context:
        page = context.new_page()
        page.goto(digests.link(new_address()))
        assert list(boxes(page)) == ["Keep my subscription", "Unsubscribe"]


# Hands and eyes


@pytest.mark.parametrize("size", [(320, 568), (390, 844), (768, 1024), (1280, 720)])
def test_nothing_comes_to_stand_where_the_last_button_was(
    peoples_chromium: Browser, network: dict[str, str], digests: Farewell, size: tuple[int, int]
) -> None:
    width, height = size
    viewport = ViewportSize(width=width, height=height)
    with peoples_chromium.new_context(viewport=viewport, extra_http_headers=network) as context:
        page = context.new_page()
        page.goto(digests.link(new_address(), age=JUST_SENT))
        expect(page.locator("main")).to_have_attribute("data-state", "ask")
        asking = boxes(page)
        move(page, width / 2, height - 5)
        expect(page.get_by_role("status")).to_contain_text("You are unsubscribed")
        arrived = boxes(page)
        assert overlaps(arrived, asking) == []

        leave(page, digests, new_address())
        assert list(boxes(page)) == list(arrived)
        assert overlaps(boxes(page), asking) == []


def boxes(page: Page) -> dict[str, tuple[float, float, float, float]]:
    """The places of the visible buttons, by their words."""
    places = {}
    for button in page.get_by_role("button").all():
        if box := button.bounding_box():
            places[button.inner_text()] = (box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"])
    return places


def overlaps(
    these: dict[str, tuple[float, float, float, float]], those: dict[str, tuple[float, float, float, float]]
) -> list[tuple[str, str]]:
    return [
        (one, other)
        for one, (left, top, right, bottom) in these.items()
        for other, (x0, y0, x1, y1) in those.items()
        if left < x1 and x0 < right and top < y1 and y0 < bottom
    ]


def test_the_keyboard_meets_the_undo_first_and_reaches_all(window: BrowserContext, digests: Farewell) -> None:
    page = window.new_page()
    arrive(page, digests, new_address())
    words = []
    for _ in range(10):
        strike(page, "Tab")
        focused = page.locator(":focus-visible")
        assert focused.evaluate("e => parseFloat(getComputedStyle(e).outlineWidth)") >= 2
        words.append(focused.inner_text() or focused.get_attribute("name"))
    offers = ["Weekly digest", "Monthly digest", "2 weeks", "1 month", "3 months"]
    assert words == ["Undo", *offers, "All preferences", "reason", "comment", "Send"]


def asked_again(page: Page, server: Farewell) -> None:
    leave(page, server, new_address())
    press(page, "Send")
    expect(page.get_by_role("heading", name="Nothing was sent yet")).to_be_visible()


def thanked(page: Page, server: Farewell) -> None:
    leave(page, server, new_address())
    page.get_by_role("radio").first.check()
    press(page, "Send")
    expect(page.get_by_role("heading", name="Thank you")).to_be_visible()


def paused(page: Page, server: Farewell) -> None:
    arrive(page, server, new_address())
    press(page, "3 months")
    expect(page.get_by_role("heading", name="paused until")).to_be_visible()


def asked_for_a_press(page: Page, server: Farewell) -> None:
    arrive(page, server, new_address())
    page.evaluate("document.querySelector('.offers [name=nonce]').value = ''")
    press(page, "Weekly digest")
    expect(page.get_by_role("button", name="Stay unsubscribed")).to_be_visible()


type Reach = Callable[[Page, Farewell], None]
STATES: list[Reach] = [
    lambda page, server: arrive(page, server, new_address()),
    lambda page, server: leave(page, server, new_address()),
    asked_again,
    thanked,
    paused,
    asked_for_a_press,
]
NAMES = ["arrived", "left", "asked again", "thanked", "paused", "asked for a press"]


@pytest.mark.parametrize("reach", STATES, ids=NAMES)
def test_every_state_is_accessible_in_both_schemes_and_on_a_small_screen(
    window: BrowserContext, digests: Farewell, reach: Reach
) -> None:
    page = window.new_page()
    page.emulate_media(reduced_motion="reduce")
    reach(page, digests)
    assert faults(page) == []
    page.set_viewport_size({"width": 320, "height": 568})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    small = page.evaluate(
        "[...document.querySelectorAll('button, .after a, label, textarea')].filter(e => e.checkVisibility())"
        ".map(e => e.getBoundingClientRect()).filter(r => r.height < 24 || r.width < 24).length"
    )
    assert small == 0  # WCAG 2.2, 2.5.8


# Text browsers


def test_leaving_and_pausing_and_coming_back_with_w3m(digests: Farewell) -> None:
    alice = new_address()
    environment = {**os.environ, "TERM": "vt100", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
    command = [find("w3m"), "-no-cookie", "-no-mouse", digests.link(alice)]
    leaving = [("Unsubscribe", "\t\t\r")]
    pausing = [*leaving, ("You are unsubscribed", "\t\t\t\t\r"), ("is paused until", "Q")]
    assert "is paused until" in on_a_terminal(command, environment, typing=pausing)
    assert changes(digests, alice) == [("out", "confirm_button", "", False), ("default", "offer", "", True)]
    back = [*leaving, ("You are unsubscribed", "\t\r"), ("You are subscribed again", "Q")]
    assert "You are subscribed again" in on_a_terminal(command, environment, typing=back)
    assert [source for _, source, *_ in changes(digests, alice)][2:] == ["confirm_button", "undo"]
