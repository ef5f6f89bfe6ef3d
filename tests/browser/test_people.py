"""People: one click, the one on the link in the mail; and a second one only while evidence is against the visit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect

from preferences.links import Purpose
from tests.browser.conftest import Explain, Watched
from tests.browser.hands import move, strike, touch, turn
from tests.browser.serving import Farewell, new_address, wait_until
from tests.browser.webmail import Webmail

JUST_SENT = 5


def click_in_webmail(context: BrowserContext, mail: str) -> Page:
    """Move the pointer over the mail and click its link, as a hand does; return the page that opens."""
    webmail = context.new_page()
    webmail.goto(mail)
    webmail.mouse.move(30, 40)
    webmail.mouse.move(210, 180, steps=8)
    with context.expect_page() as opened:
        webmail.get_by_role("link", name="leave").click()
    return opened.value


def press(page: Page, name: str) -> None:
    """Press a button, moving the pointer straight to it in one step, for as long as a finger does."""
    page.get_by_role("button", name=name, exact=True).click(delay=70)


def expect_done(page: Page) -> None:
    expect(page.get_by_role("status")).to_contain_text("You are unsubscribed")


def expect_asked(page: Page) -> None:
    expect(page.locator("main")).to_have_attribute("data-state", "ask")
    expect(page.get_by_role("button", name="Unsubscribe", exact=True)).to_be_visible()


@pytest.fixture
def without_javascript(
    peoples_chromium: Browser, network: dict[str, str], watched: Watched
) -> Iterator[BrowserContext]:
    context = peoples_chromium.new_context(java_script_enabled=False, extra_http_headers=network)
    with context, watched(context):
        yield context


# One click, done


def test_a_click_in_a_webmail_is_all_it_takes(
    person: BrowserContext, webmail: Webmail, server: Farewell, explain: Explain
) -> None:
    alice = new_address()
    page = click_in_webmail(person, webmail.mail(server.link(alice)))
    expect_done(page)
    story = explain(alice, "arrive")
    assert story.state() == "out"
    assert story.sources == ["arrival"]
    assert story.answers("arrive")[-1] == "done"


def test_enter_on_the_link_is_all_it_takes(
    person: BrowserContext, webmail: Webmail, server: Farewell, explain: Explain
) -> None:
    alice = new_address()
    mail = person.new_page()
    mail.goto(webmail.mail(server.link(alice)))
    strike(mail, "Tab")
    with person.expect_page() as opened:
        strike(mail, "Enter")
    expect_done(opened.value)
    assert explain(alice, "arrive").sources == ["arrival"]


# Within the first minute after sending, when most scanners come


def test_in_the_first_minute_a_moving_hand_needs_no_press(
    person: BrowserContext, webmail: Webmail, server: Farewell, explain: Explain
) -> None:
    alice = new_address()
    page = click_in_webmail(person, webmail.mail(server.link(alice, age=JUST_SENT)))
    expect_asked(page)
    assert explain(alice, "arrive").state() == "default"
    move(page, 300, 620)
    expect_done(page)
    story = explain(alice, "arrive")
    assert story.state() == "out"
    assert story.sources == ["arrival"]


def test_in_the_first_minute_a_still_hand_presses_once(
    person: BrowserContext, webmail: Webmail, server: Farewell, explain: Explain
) -> None:
    alice = new_address()
    page = click_in_webmail(person, webmail.mail(server.link(alice, age=JUST_SENT)))
    expect_asked(page)
    press(page, "Unsubscribe")
    expect_done(page)
    story = explain(alice, "confirm")
    assert story.state() == "out"
    assert story.sources == ["confirm_button"]


def test_in_the_first_minute_a_key_needs_no_press(
    person: BrowserContext, webmail: Webmail, server: Farewell, explain: Explain
) -> None:
    alice = new_address()
    mail = person.new_page()
    mail.goto(webmail.mail(server.link(alice, age=JUST_SENT)))
    strike(mail, "Tab")
    with person.expect_page() as opened:
        strike(mail, "Enter")
    page = opened.value
    expect_asked(page)
    strike(page, "Tab")
    expect_done(page)
    assert explain(alice, "arrive").sources == ["arrival"]


def test_in_the_first_minute_a_finger_taps_once(
    peoples_chromium: Browser,
    network: dict[str, str],
    watched: Watched,
    webmail: Webmail,
    server: Farewell,
    explain: Explain,
) -> None:
    alice = new_address()
    phone = peoples_chromium.new_context(
        viewport={"width": 390, "height": 780}, has_touch=True, is_mobile=True, extra_http_headers=network
    )
    with phone, watched(phone):
        mail = phone.new_page()
        mail.goto(webmail.mail(server.link(alice, age=JUST_SENT)))
        with phone.expect_page() as opened:
            mail.get_by_role("link", name="leave").tap()
        page = opened.value
        expect_asked(page)
        page.get_by_role("button", name="Unsubscribe", exact=True).tap()
        expect_done(page)
    assert explain(alice, "confirm").sources == ["confirm_button"]


# Without JavaScript


def test_without_javascript_one_press_is_final(
    without_javascript: BrowserContext, webmail: Webmail, server: Farewell, explain: Explain
) -> None:
    alice = new_address()
    page = click_in_webmail(without_javascript, webmail.mail(server.link(alice)))
    expect(page.get_by_role("heading", name="Unsubscribe from News")).to_be_visible()
    press(page, "Unsubscribe")
    expect_done(page)
    story = explain(alice, "confirm")
    assert story.sources == ["confirm_button"]
    assert not story.is_provisional()


def test_without_javascript_two_tabs_and_enter_leave(
    without_javascript: BrowserContext, server: Farewell, explain: Explain
) -> None:
    alice = new_address()
    page = without_javascript.new_page()
    page.goto(server.link(alice))
    strike(page, "Tab")
    strike(page, "Tab")
    strike(page, "Enter")
    expect_done(page)
    assert explain(alice, "confirm").sources == ["confirm_button"]


def test_keep_keeps(without_javascript: BrowserContext, server: Farewell, explain: Explain) -> None:
    alice = new_address()
    page = without_javascript.new_page()
    page.goto(server.link(alice))
    press(page, "Keep my subscription")
    expect(page.get_by_role("heading", name="Nothing changed")).to_be_visible()
    story = explain(alice, "keep")
    assert story.state() == "default"
    assert story.changes == []


# Tabs, the back button, reloading


def test_a_tab_in_the_background_waits_until_it_is_looked_at(
    person: BrowserContext, webmail: Webmail, server: Farewell, explain: Explain
) -> None:
    alice = new_address()
    mail = person.new_page()
    mail.goto(webmail.mail(server.link(alice)))
    with person.expect_page() as opened:
        mail.get_by_role("link", name="leave").click(modifiers=["Control"])
    page = opened.value
    page.wait_for_load_state("load")
    assert page.evaluate("document.visibilityState") == "hidden"
    story = explain(alice, "visit")
    assert story.of_kind("arrive") == []
    assert story.state() == "default"
    page.bring_to_front()
    expect_done(page)
    assert explain(alice, "arrive").sources == ["arrival"]


@pytest.mark.parametrize(
    "come_again",
    [
        lambda page, link: page.go_back(),
        lambda page, link: (page.go_back(), page.reload()),
        lambda page, link: page.goto(link),
    ],
    ids=["back", "reload", "link"],
)
def test_whoever_came_back_is_not_taken_off_again_without_a_press(
    person: BrowserContext,
    webmail: Webmail,
    server: Farewell,
    explain: Explain,
    come_again: Callable[[Page, str], object],
) -> None:
    alice = new_address()
    link = server.link(alice)
    page = click_in_webmail(person, webmail.mail(link))
    expect_done(page)
    press(page, "Undo")
    expect(page.get_by_role("heading", name="You are subscribed again")).to_be_visible()
    come_again(page, link)
    expect_asked(page)
    move(page, 300, 620)
    page.wait_for_load_state("networkidle")
    story = explain(alice, "undo")
    assert story.state() == "default"
    assert story.sources == ["arrival", "undo"]
    press(page, "Unsubscribe")
    expect_done(page)
    assert explain(alice, "confirm").state() == "out"


def test_the_back_button_changes_nothing(
    person: BrowserContext, webmail: Webmail, server: Farewell, explain: Explain
) -> None:
    alice = new_address()
    page = click_in_webmail(person, webmail.mail(server.link(alice)))
    expect_done(page)
    page.get_by_role("link", name="All preferences").click()
    expect(page.get_by_role("heading", name="Your preferences")).to_be_visible()
    page.go_back()
    page.wait_for_load_state("networkidle")
    story = explain(alice, "prefs_visit")
    assert story.state() == "out"
    assert story.sources == ["arrival"]


# Undo


@pytest.mark.parametrize("topic", ["news", "surveys"])
@pytest.mark.parametrize("before", ["default", "in"])
def test_undo_puts_back_exactly_what_was(
    without_javascript: BrowserContext, server: Farewell, explain: Explain, topic: str, before: str
) -> None:
    alice = new_address()
    page = without_javascript.new_page()
    if before == "in":
        opt_in(page, server, alice, topic)
    page.goto(f"{server.url}/u/{server.token(alice, topic=topic)}")
    press(page, "Unsubscribe")
    expect_done(page)
    assert explain(alice, "confirm").state(topic) == "out"
    press(page, "Undo")
    expect(page.get_by_role("status")).to_contain_text("You are subscribed again")
    assert explain(alice, "undo").state(topic) == before


def opt_in(page: Page, server: Farewell, address: str, topic: str) -> None:
    """Take the topic off, if it is on, and on again at the preference page, so that its state is a choice. By an
    earlier mail's link: whoever opens two of one mail within a second is no person."""
    page.goto(f"{server.url}/p/{server.token(address, Purpose.PREFERENCES, mailing='2026-10')}")
    box = page.get_by_role("checkbox", name=topic.title())
    for wanted in [False, True] if box.is_checked() else [True]:
        box.set_checked(wanted)
        press(page, "Save")
        expect(page.get_by_role("status")).to_contain_text("Saved.")


@pytest.mark.parametrize("size", [(320, 568), (390, 844), (768, 1024), (1280, 720)])
def test_no_button_comes_to_stand_where_the_last_one_was_pressed(
    peoples_chromium: Browser, network: dict[str, str], server: Farewell, size: tuple[int, int]
) -> None:
    width, height = size
    with peoples_chromium.new_context(
        viewport={"width": width, "height": height}, extra_http_headers=network
    ) as context:
        page = context.new_page()
        page.goto(server.link(new_address(), age=JUST_SENT))
        expect_asked(page)
        asking = boxes(page)
        move(page, width / 2, height - 5)
        expect_done(page)
        assert "Undo" in boxes(page)
        assert overlaps(boxes(page), asking) == []

        page.goto(server.link(new_address(), age=JUST_SENT))
        expect_asked(page)
        asking = boxes(page)
        page.get_by_role("button", name="Unsubscribe", exact=True).press("Enter")
        page.wait_for_url("**/confirm")
        done = boxes(page)
        assert "Undo" in done
        assert overlaps(done, asking) == []
        press(page, "Undo")
        expect(page.get_by_role("heading", name="You are subscribed again")).to_be_visible()
        assert overlaps(boxes(page), done) == []


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


# The preference page


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


# When something fails


# The server has answered the first call, and the network loses that.
DROPPED_ANSWER = """
const send = fetch
globalThis.fetch = async (...request) => {
  globalThis.fetch = send
  await send(...request)
  throw new TypeError("the answer was lost")
}
"""
# No timer but those after a lost call goes off, and these do at once; `waits` has how long they should have taken.
QUICK_REPEATS = """
const start = setTimeout
globalThis.waits = []
globalThis.setTimeout = (act, wait) => wait === 5000 || start(act, 0, waits.push(wait))
"""


def test_a_call_lost_on_the_way_is_made_again(person: BrowserContext, server: Farewell, explain: Explain) -> None:
    """A phone between two networks: the one click is enough all the same, and no error shows meanwhile."""
    alice = new_address()
    page = person.new_page()
    page.route("**/arrive", lambda route: route.abort(), times=1)
    with page.expect_event("requestfailed"):
        page.goto(server.link(alice))
    expect(page.locator("main")).to_have_attribute("data-state", "waiting")
    expect(page.get_by_role("alert")).to_be_empty()
    expect_done(page)
    assert explain(alice, "arrive").sources == ["arrival"]


def test_a_call_whose_answer_was_lost_is_told_what_came_of_it(
    person: BrowserContext, server: Farewell, explain: Explain
) -> None:
    """It opts out once, and its repeat says so."""
    alice = new_address()
    page = person.new_page()
    page.add_init_script(DROPPED_ANSWER)
    page.goto(server.link(alice))
    expect_done(page)
    story = explain(alice, "arrive")
    assert story.sources == ["arrival"]
    assert story.answers("arrive")[:2] == ["done", "done"]
    press(page, "Undo")
    expect(page.get_by_role("heading", name="You are subscribed again")).to_be_visible()


def test_a_server_that_cannot_write_is_asked_again(person: BrowserContext, server: Farewell) -> None:
    page = person.new_page()
    page.route("**/arrive", lambda route: route.fulfill(status=503, body="<h1>later</h1>"), times=1)
    page.goto(server.link(new_address()))
    expect_done(page)


def test_a_lost_call_is_made_again_three_times_and_ever_later(person: BrowserContext, server: Farewell) -> None:
    page = person.new_page()
    page.add_init_script(QUICK_REPEATS)
    page.route("**/arrive", lambda route: route.abort())
    lost: list[Request] = []
    page.on("requestfailed", lambda request: lost.append(request))
    page.goto(server.link(new_address()))
    wait_until(lambda: page.evaluate("1") and len(lost) == 4, "the last repeat")
    page.wait_for_load_state("networkidle")
    assert len(lost) == 4
    for wait, least in zip(page.evaluate("waits"), (1_000, 4_000, 15_000), strict=True):
        assert least <= wait < least * 1.5


def test_a_call_that_is_declined_is_not_made_again(person: BrowserContext, server: Farewell) -> None:
    page = person.new_page()
    page.add_init_script(QUICK_REPEATS)
    page.route("**/arrive", lambda route: route.fulfill(status=404, body="<h1>nothing here</h1>"))
    page.goto(server.link(new_address()))
    expect(page.get_by_role("alert")).to_contain_text("could not be saved")
    assert page.evaluate("waits") == []


def test_a_network_that_comes_back_is_used_at_once(person: BrowserContext, server: Farewell, explain: Explain) -> None:
    alice = new_address()
    page = person.new_page()
    page.add_init_script("globalThis.setTimeout = () => {}")  # no repeat comes by itself
    page.route("**/arrive", lambda route: route.abort(), times=1)
    with page.expect_event("requestfailed"):
        page.goto(server.link(alice))
    page.evaluate("new Promise(requestAnimationFrame)")
    page.evaluate("dispatchEvent(new Event('online'))")
    expect_done(page)
    assert explain(alice, "arrive").sources == ["arrival"]


def test_a_hand_whose_call_was_lost_is_told_again(person: BrowserContext, server: Farewell, explain: Explain) -> None:
    """After "done" too, so that the opt-out does not stay an arrival without a hand."""
    alice = new_address()
    page = person.new_page()
    page.goto(server.link(alice))
    expect_done(page)
    page.route("**/arrive", lambda route: route.abort(), times=1)
    with page.expect_event("requestfailed"), page.expect_response("**/arrive"):
        move(page, 300, 620)
    wait_until(lambda: "trusted_input" in explain(alice, "arrive").signals("arrive"), "the hand is told of")


def test_a_lost_call_leaves_a_button_that_works(person: BrowserContext, server: Farewell, explain: Explain) -> None:
    alice = new_address()
    page = person.new_page()
    page.route("**/arrive", lambda route: route.abort())
    page.goto(server.link(alice))
    expect(page.get_by_role("alert")).to_contain_text("could not be saved")
    press(page, "Unsubscribe")
    expect_done(page)
    assert explain(alice, "confirm").sources == ["confirm_button"]


# A hand that shows


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
