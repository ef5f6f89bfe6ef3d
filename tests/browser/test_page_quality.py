"""What every public page owes its visitors: WCAG, small screens, both colour schemes, the keyboard, and speed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.urls import reverse
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from preferences.links import Purpose
from tests.browser.axe import faults
from tests.browser.conftest import Explain, Watched
from tests.browser.hands import strike
from tests.browser.programs import FORM, request
from tests.browser.serving import Farewell, new_address, wait_until

JUST_SENT = 5
MAX_TRANSFER_BYTES = 20_000


@pytest.fixture
def window(peoples_chromium: Browser, network: dict[str, str], watched: Watched) -> Iterator[BrowserContext]:
    with peoples_chromium.new_context(extra_http_headers=network) as context, watched(context):
        yield context
        for page in context.pages:
            page.unroute_all(behavior="ignoreErrors")


# Every page in each of its states


def waiting(page: Page, server: Farewell) -> None:
    page.route("**/arrive", lambda route: None)
    page.goto(server.link(new_address()))
    expect(page.locator("main")).to_have_attribute("data-state", "waiting")


def asking(page: Page, server: Farewell) -> None:
    page.goto(server.link(new_address(), age=JUST_SENT))
    expect(page.locator("main")).to_have_attribute("data-state", "ask")


def failed(page: Page, server: Farewell) -> None:
    page.route("**/arrive", lambda route: route.abort())
    page.goto(server.link(new_address()))
    expect(page.get_by_role("alert")).to_contain_text("could not be saved")


def arrived(page: Page, server: Farewell) -> None:
    page.goto(server.link(new_address()))
    expect(page.get_by_role("status")).to_contain_text("You are unsubscribed")


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def confirmed(page: Page, server: Farewell) -> None:
    asking(page, server)
    press(page, "Unsubscribe")
    expect(page.get_by_role("heading", name="You are unsubscribed")).to_be_visible()


def confirmed_again(page: Page, server: Farewell) -> None:
    alice = new_address()
    request(server.link(alice), "POST", body="List-Unsubscribe=One-Click", headers=FORM)
    page.goto(server.link(alice))
    page.evaluate("document.querySelector('[data-choice] [value=leave]').click()")
    expect(page.get_by_role("heading", name="You had already unsubscribed")).to_be_visible()


def kept(page: Page, server: Farewell) -> None:
    asking(page, server)
    press(page, "Keep my subscription")
    expect(page.get_by_role("heading", name="Nothing changed")).to_be_visible()


def undone(page: Page, server: Farewell) -> None:
    arrived(page, server)
    press(page, "Undo")
    expect(page.get_by_role("heading", name="You are subscribed again")).to_be_visible()


def coming_back(page: Page, server: Farewell) -> None:
    asking(page, server)
    page.goto(f"{page.url}/undo")
    expect(page.get_by_role("button", name="Bring it back")).to_be_visible()


def nothing_to_undo(page: Page, server: Farewell) -> None:
    coming_back(page, server)
    press(page, "Bring it back")
    expect(page.get_by_role("status")).to_contain_text("nothing to undo")


def asked_again(page: Page, server: Farewell) -> None:
    asking(page, server)
    page.evaluate("document.querySelector('[data-choice]').submit()")
    page.wait_for_url("**/confirm")
    expect(page.get_by_role("button", name="Unsubscribe", exact=True)).to_be_visible()


def preferences(page: Page, server: Farewell) -> None:
    page.goto(server.link(new_address(), Purpose.PREFERENCES))
    expect(page.get_by_role("heading", name="Your preferences")).to_be_visible()


def preferences_saved(page: Page, server: Farewell) -> None:
    preferences(page, server)
    page.get_by_role("checkbox", name="Offers").uncheck()
    press(page, "Save")
    expect(page.get_by_role("status")).to_contain_text("Saved.")


def everything_off(page: Page, server: Farewell) -> None:
    preferences(page, server)
    press(page, "Unsubscribe from everything")
    expect(page.get_by_role("status")).to_contain_text("You get nothing")


def hidden(page: Page, server: Farewell) -> None:
    page.goto(server.link(new_address(), Purpose.HIDDEN))
    expect(page.get_by_role("heading")).to_be_visible()


def broken_link(page: Page, server: Farewell) -> None:
    answer = page.goto(f"{server.url}/u/broken")
    assert answer
    assert answer.status == 404


def no_page(page: Page, server: Farewell) -> None:
    answer = page.goto(f"{server.url}/nothing/here")
    assert answer
    assert answer.status == 404


def unavailable(page: Page, server: Farewell) -> None:
    asking(page, server)
    server.close_database()
    try:
        with page.expect_response("**/confirm") as answer:
            press(page, "Unsubscribe")
        assert answer.value.status == 503
        expect(page.get_by_role("alert")).to_contain_text("could not save")
    finally:
        server.open_database()


type Reach = Callable[[Page, Farewell], None]
STATES: list[Reach] = [
    waiting,
    asking,
    failed,
    arrived,
    confirmed,
    confirmed_again,
    kept,
    undone,
    coming_back,
    nothing_to_undo,
    asked_again,
    preferences,
    preferences_saved,
    everything_off,
    hidden,
    broken_link,
    no_page,
    unavailable,
]


@pytest.mark.parametrize("reach", STATES, ids=[reach.__name__.replace("_", " ") for reach in STATES])
def test_every_page_is_accessible_in_both_schemes_and_on_a_small_screen(
    window: BrowserContext, server: Farewell, reach: Reach
) -> None:
    page = window.new_page()
    page.emulate_media(reduced_motion="reduce")
    reach(page, server)
    assert faults(page) == []
    assert page.title()
    assert page.locator("html").get_attribute("lang") == "en"
    page.set_viewport_size({"width": 320, "height": 568})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    small = page.evaluate(
        "[...document.querySelectorAll('button, .after a, label')].filter(e => e.checkVisibility())"
        ".map(e => e.getBoundingClientRect()).filter(r => r.height < 24 || r.width < 24).length"
    )
    assert small == 0  # WCAG 2.2, 2.5.8


# The keyboard


def test_the_keyboard_reaches_the_buttons_in_order_and_shows_where_it_is(
    window: BrowserContext, server: Farewell
) -> None:
    page = window.new_page()
    page.route("**/arrive", lambda route: route.abort())  # so that a key alone leaves the page as it is
    page.goto(server.link(new_address()))
    expect(page.get_by_role("alert")).to_contain_text("could not be saved")
    assert walk(page, 2) == ["Keep my subscription", "Unsubscribe"]
    strike(page, "Enter")
    expect(page.get_by_role("heading", name="You are unsubscribed")).to_be_visible()
    assert walk(page, 1) == ["Undo"]
    strike(page, "Enter")
    expect(page.get_by_role("heading", name="You are subscribed again")).to_be_visible()


def test_the_keyboard_works_the_preference_page(window: BrowserContext, server: Farewell, explain: Explain) -> None:
    alice = new_address()
    page = window.new_page()
    page.goto(server.link(alice, Purpose.PREFERENCES))
    strike(page, "Tab")
    strike(page, "Space")
    assert walk(page, 9)[7:] == ["Save", "Unsubscribe from everything"]
    strike(page, "Shift+Tab")
    strike(page, "Enter")
    expect(page.get_by_role("status")).to_contain_text("You get no more: News.")
    assert explain(alice, "prefs_save").state() == "out"


def walk(page: Page, steps: int) -> list[str]:
    """Press Tab, and return the words of what has the focus after each; all of it has to show that it has."""
    words = []
    for _ in range(steps):
        strike(page, "Tab")
        focused = page.locator(":focus-visible")
        assert focused.evaluate("e => parseFloat(getComputedStyle(e).outlineWidth)") >= 2
        words.append(focused.inner_text())
    return words


# Speed and quiet


def test_the_landing_page_is_small(window: BrowserContext, server: Farewell) -> None:
    page = window.new_page()
    sizes: list[float] = []
    protocol = window.new_cdp_session(page)
    protocol.send("Network.enable")
    protocol.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    page.goto(server.link(new_address()), wait_until="networkidle")
    expect(page.get_by_role("status")).to_contain_text("You are unsubscribed")
    assert len(sizes) >= 6  # the page, its style, its three scripts and the call
    assert sum(sizes) < MAX_TRANSFER_BYTES


def test_the_page_is_painted_and_usable_without_its_script(
    window: BrowserContext, server: Farewell, explain: Explain
) -> None:
    alice = new_address()
    page = window.new_page()
    page.route("**/*.js", lambda route: None)  # never answered
    page.goto(server.link(alice), wait_until="commit")
    wait_until(lambda: page.evaluate("performance.getEntriesByName('first-contentful-paint').length"), "it is painted")
    expect(page.get_by_role("heading", name="Unsubscribe from News")).to_be_visible()
    expect(page.locator("main")).to_have_attribute("data-state", "start")
    press(page, "Unsubscribe")
    expect(page.get_by_role("heading", name="You are unsubscribed")).to_be_visible()
    story = explain(alice, "confirm")
    assert story.of_kind("arrive") == []
    assert story.sources == ["confirm_button"]


@pytest.mark.parametrize("path", ["link", "/u/broken", "/nothing/here"])
def test_no_answer_sets_a_cookie_or_may_be_stored(server: Farewell, path: str) -> None:
    answer = request(server.link(new_address()) if path == "link" else server.url + path)
    assert "set-cookie" not in answer.headers
    if path != "/nothing/here":
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert "noindex" in answer.headers["x-robots-tag"]


def test_the_admin_keeps_its_own_policy(peoples_chromium: Browser, server: Farewell) -> None:
    command = ("createsuperuser", "--noinput", "--username", "bob", "--email", "bob@example.org")
    server.manage(*command, DJANGO_SUPERUSER_PASSWORD="a-password-of-the-tests")
    broken: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            broken.append(message.text)

    with peoples_chromium.new_context() as context:
        context.on("console", hear)
        page = context.new_page()
        page.goto(f"{server.url}/admin/")
        page.get_by_label("Username").fill("bob")
        page.get_by_label("Password").fill("a-password-of-the-tests")
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("link", name="Recipients").first).to_be_visible()
        names = ("index", "preferences_recipient_changelist", "engagement_interaction_prevented")
        answers = [page.goto(server.url + reverse(f"admin:{name}")) for name in names]
        assert {answer.status for answer in answers if answer} == {200}
    assert broken == []
