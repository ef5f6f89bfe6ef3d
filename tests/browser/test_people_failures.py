"""People on a network that loses calls and answers, and before a server that cannot write."""

from __future__ import annotations

from playwright.sync_api import BrowserContext, Request, expect

from tests.browser.clicks import expect_done, press
from tests.browser.conftest import Explain
from tests.browser.hands import move
from tests.browser.serving import Farewell, new_address, wait_until

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
