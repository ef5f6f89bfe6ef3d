"""Links that subscribe: a person is in by one click where a hand shows, a program never for good."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from preferences.link_urls import url_of
from preferences.links import Purpose
from tests.browser import test_page_quality as quality
from tests.browser.chromium import QUIET
from tests.browser.clicks import JUST_SENT, click_in_webmail, press
from tests.browser.conftest import Explain, Watched
from tests.browser.hands import move, strike
from tests.browser.programs import CURL, PYTHON, forms_in, request
from tests.browser.serving import HOUR, Farewell, new_address, wait_until
from tests.browser.story import Story
from tests.browser.test_robots import AGES, speculation_rules
from tests.browser.test_text_browsers import find, on_a_terminal
from tests.browser.webmail import Webmail

TOPIC = "surveys"  # which nobody gets who has not asked for it


def offer(server: Farewell, address: str, age: int = HOUR, purpose: Purpose = Purpose.OPT_IN) -> str:
    """The link in a mail that asks whether to subscribe."""
    return url_of(server.url, purpose, server.token(address, purpose, age, TOPIC))


def click_with_a_hand(context: BrowserContext, mail: str) -> Page:
    """Click the link in the mail; the hand does not stand still afterwards."""
    page = click_in_webmail(context, mail)
    expect_asked(page)
    move(page, 300, 620)
    return page


def expect_joined(page: Page) -> None:
    expect(page.get_by_role("status")).to_contain_text("You are subscribed")


def expect_asked(page: Page) -> None:
    expect(page.locator("main")).to_have_attribute("data-state", "ask")
    expect(page.get_by_role("button", name="Subscribe", exact=True)).to_be_visible()


# People


def test_a_click_in_a_webmail_is_all_it_takes(
    person: BrowserContext, webmail: Webmail, server: Farewell, explain: Explain
) -> None:
    alice = new_address()
    page = click_with_a_hand(person, webmail.mail(offer(server, alice)))
    expect_joined(page)
    expect(page).to_have_title("You are subscribed")
    story = explain(alice, "join_arrive")
    assert story.state(TOPIC) == "in"
    assert story.sources == ["arrival"]
    assert story.is_provisional()


def test_in_the_first_minute_a_moving_hand_needs_no_press(
    person: BrowserContext, webmail: Webmail, server: Farewell, explain: Explain
) -> None:
    """When most confirmations are clicked, and most scanners come."""
    alice = new_address()
    page = click_in_webmail(person, webmail.mail(offer(server, alice, JUST_SENT)))
    expect_asked(page)
    assert explain(alice, "join_arrive").changes == []
    move(page, 300, 620)
    expect_joined(page)
    assert explain(alice, "join_arrive").sources == ["arrival"]


@pytest.mark.parametrize("age", [JUST_SENT, HOUR])
def test_a_still_hand_presses_once(
    person: BrowserContext, webmail: Webmail, server: Farewell, explain: Explain, age: int
) -> None:
    alice = new_address()
    page = click_in_webmail(person, webmail.mail(offer(server, alice, age)))
    expect_asked(page)
    press(page, "Subscribe")
    expect_joined(page)
    story = explain(alice, "join_confirm")
    assert story.sources == ["confirm_button"]
    assert not story.is_provisional()


def test_a_link_opened_from_outside_the_browser_wants_a_hand_however_old_the_mail(
    person: BrowserContext, server: Farewell, explain: Explain
) -> None:
    """Where leaving would need none: nothing speaks against this visit, and nothing for it."""
    alice = new_address()
    page = person.new_page()
    page.goto(offer(server, alice))
    expect_asked(page)
    assert explain(alice, "join_arrive").changes == []
    move(page, 300, 620)
    expect_joined(page)
    assert explain(alice, "join_arrive").sources == ["arrival"]


@pytest.mark.parametrize("keys", [["Tab", "Tab", "Enter"], []], ids=["by keyboard", "by pointer"])
def test_without_javascript_one_press_is_final(
    without_javascript: BrowserContext, server: Farewell, explain: Explain, keys: list[str]
) -> None:
    alice = new_address()
    page = without_javascript.new_page()
    page.goto(offer(server, alice))
    for key in keys:
        strike(page, key)
    if not keys:
        press(page, "Subscribe")
    expect_joined(page)
    story = explain(alice, "join_confirm")
    assert story.sources == ["confirm_button"]
    assert not story.is_provisional()


def test_not_now_changes_nothing(without_javascript: BrowserContext, server: Farewell, explain: Explain) -> None:
    alice = new_address()
    page = without_javascript.new_page()
    page.goto(offer(server, alice))
    press(page, "Not now")
    expect(page.get_by_role("heading", name="Nothing changed")).to_be_visible()
    assert explain(alice, "keep").changes == []


def test_undo_is_one_press_and_no_arrival_undoes_it(
    person: BrowserContext, webmail: Webmail, server: Farewell, explain: Explain
) -> None:
    alice = new_address()
    mail = webmail.mail(offer(server, alice))
    page = click_with_a_hand(person, mail)
    expect_joined(page)
    press(page, "Undo")
    expect(page.get_by_role("heading", name="Undone")).to_be_visible()
    again = click_in_webmail(person, mail)
    expect_asked(again)
    move(again, 300, 620)
    again.wait_for_load_state("networkidle")
    expect(again.get_by_role("alert")).to_contain_text("Press Subscribe")
    assert explain(alice, "undo").sources == ["arrival", "undo"]


def test_the_preferences_are_one_click_away(
    person: BrowserContext, webmail: Webmail, server: Farewell, explain: Explain
) -> None:
    page = click_with_a_hand(person, webmail.mail(offer(server, new_address())))
    expect_joined(page)
    page.get_by_role("link", name="All preferences").click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert page.url.endswith("/preferences")


def test_lynx_subscribes_by_its_second_button(server: Farewell, explain: Explain, tmp_path: Path) -> None:
    alice = new_address()
    script = tmp_path / "keys"
    script.write_text("key <tab>\nkey ^J\nkey q\nkey y\n")
    environment = {**os.environ, "TERM": "vt100", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
    on_a_terminal([find("lynx"), f"-cmd_script={script}", offer(server, alice)], environment)
    story = explain(alice, "join_confirm")
    assert story.state(TOPIC) == "in"
    assert not story.is_provisional()


# Every page in each of its states


def asking(page: Page, server: Farewell) -> None:
    page.goto(offer(server, new_address(), JUST_SENT))
    expect_asked(page)


def failed(page: Page, server: Farewell) -> None:
    page.route("**/arrive", lambda route: route.abort())
    page.goto(offer(server, new_address()))
    expect(page.get_by_role("alert")).to_contain_text("could not be saved")


def arrived(page: Page, server: Farewell) -> None:
    asking(page, server)
    move(page, 300, 620)
    expect_joined(page)


def confirmed(page: Page, server: Farewell) -> None:
    asking(page, server)
    press(page, "Subscribe")
    expect(page.get_by_role("heading", name="You are subscribed")).to_be_visible()


def confirmed_again(page: Page, server: Farewell) -> None:
    page.route("**/arrive", lambda route: route.abort())
    link = offer(server, new_address())
    for words in ("You are subscribed", "You were already subscribed"):
        page.goto(link)
        press(page, "Subscribe")
        expect(page.get_by_role("heading", name=words)).to_be_visible()


def declined(page: Page, server: Farewell) -> None:
    asking(page, server)
    press(page, "Not now")
    expect(page.get_by_role("heading", name="Nothing changed")).to_be_visible()


def undone(page: Page, server: Farewell) -> None:
    confirmed(page, server)
    press(page, "Undo")
    expect(page.get_by_role("heading", name="Undone")).to_be_visible()


def asked_again(page: Page, server: Farewell) -> None:
    asking(page, server)
    page.evaluate("document.querySelector('[data-choice]').submit()")
    page.wait_for_url("**/confirm")
    expect(page.get_by_role("button", name="Subscribe", exact=True)).to_be_visible()


STATES = [asking, failed, arrived, confirmed, confirmed_again, declined, undone, asked_again]


@pytest.fixture
def window(peoples_chromium: Browser, network: dict[str, str], watched: Watched) -> Iterator[BrowserContext]:
    with peoples_chromium.new_context(extra_http_headers=network) as context, watched(context):
        yield context
        for page in context.pages:
            page.unroute_all(behavior="ignoreErrors")


@pytest.mark.parametrize("reach", STATES, ids=[reach.__name__.replace("_", " ") for reach in STATES])
def test_every_page_is_accessible_in_both_schemes_and_on_a_small_screen(
    window: BrowserContext, server: Farewell, reach: quality.Reach
) -> None:
    quality.test_every_page_is_accessible_in_both_schemes_and_on_a_small_screen(window, server, reach)


def test_the_keyboard_meets_the_harmless_button_first(window: BrowserContext, server: Farewell) -> None:
    page = window.new_page()
    failed(page, server)
    assert quality.walk(page, 2) == ["Not now", "Subscribe"]
    strike(page, "Enter")
    expect_joined(page)
    assert quality.walk(page, 2) == ["Undo", "All preferences"]
    strike(page, "Shift+Tab")
    strike(page, "Enter")
    expect(page.get_by_role("heading", name="Undone")).to_be_visible()


# Programs


@AGES
def test_a_driven_browser_is_asked(robot: BrowserContext, server: Farewell, explain: Explain, age: int) -> None:
    alice = new_address()
    page = robot.new_page()
    page.goto(offer(server, alice, age), wait_until="networkidle")
    page.mouse.move(300, 400, steps=9)
    page.wait_for_load_state("networkidle")
    story = explain(alice, "join_arrive")
    assert set(story.answers("join_arrive")) == {"ask"}
    assert story.changes == []


@AGES
def test_a_browser_started_to_dump_the_page_is_asked(
    chromium_path: str, server: Farewell, explain: Explain, age: int
) -> None:
    alice = new_address()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = ["--headless", f"--user-data-dir={profile}", *QUIET, "--virtual-time-budget=20000", "--dump-dom"]
        dumped = subprocess.run(
            [chromium_path, *options, offer(server, alice, age)],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
    assert 'data-state="ask"' in dumped.stdout
    assert explain(alice, "join_arrive").changes == []


@pytest.mark.parametrize("action", ["prefetch", "prerender"])
def test_a_page_loaded_ahead_subscribes_nobody(
    person: BrowserContext, webmail: Webmail, server: Farewell, explain: Explain, action: str
) -> None:
    alice = new_address()
    person.new_page().goto(webmail.page(speculation_rules(action, offer(server, alice))))
    story = explain(alice, "join_visit")
    assert story.of_kind("join_arrive") == []
    assert story.changes == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_a_program_that_comes_with_a_safe_method_subscribes_nobody(
    server: Farewell, explain: Explain, network: dict[str, str], method: str
) -> None:
    alice = new_address()
    assert request(offer(server, alice), method, headers={**CURL, **network}).status in {200, 204}
    assert explain(alice).changes == []


def test_a_program_that_submits_every_form_it_is_given_on_the_way_subscribes_nobody(
    server: Farewell, explain: Explain, network: dict[str, str]
) -> None:
    alice = new_address()
    link = offer(server, alice)
    for form in forms_in(request(link, headers={**PYTHON, **network}).text):
        for pressing in (None, 0):
            answer = form.send(link, {**PYTHON, **network}, pressing=pressing)
            for next_form in forms_in(answer.text):
                next_form.send(link, {**PYTHON, **network}, pressing=pressing)
    assert explain(alice, "join_visit").changes == []


def taken_back(explain: Explain, address: str, kind: str) -> Story:
    def look() -> Story | None:
        story = explain(address, kind)
        return None if story.state(TOPIC) == "in" else story

    return wait_until(look, f"{address} is off again")


@pytest.mark.parametrize("script", ["button.click()", "form.requestSubmit(button)"])
@pytest.mark.parametrize("is_disguised", [False, True])
def test_a_press_by_script_is_taken_back(
    robot: BrowserContext,
    person: BrowserContext,
    server: Farewell,
    explain: Explain,
    script: str,
    is_disguised: bool,
) -> None:
    alice = new_address()
    page = (person if is_disguised else robot).new_page()
    page.goto(offer(server, alice, JUST_SENT))
    expect_asked(page)
    find_button = "const form = document.querySelector('[data-choice]'), button = form.querySelectorAll('button')[1]"
    with page.expect_navigation():
        page.evaluate(f"{find_button}; {script}")
    expect_joined(page)
    story = taken_back(explain, alice, "join_confirm")
    assert story.sources == ["confirm_button", "reinstatement"]


def test_a_stealthy_browser_is_taken_off_again_when_it_opens_the_hidden_link(
    person: BrowserContext, webmail: Webmail, server: Farewell, explain: Explain
) -> None:
    alice = new_address()
    page = click_with_a_hand(person, webmail.mail(offer(server, alice)))
    expect_joined(page)
    assert explain(alice, "join_arrive").state(TOPIC) == "in"
    page.goto(offer(server, alice, purpose=Purpose.HIDDEN))
    story = taken_back(explain, alice, "hidden_visit")
    assert story.sources == ["arrival", "reinstatement"]
    assert story.changes[1]["evidence"]["signals"][0]["name"] == "hidden_link"
