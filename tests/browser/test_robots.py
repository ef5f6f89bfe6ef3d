"""Robots: whatever opens, prefetches, frames or submits the links, nobody is taken off a list."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Mapping

import pytest
from django.urls import reverse
from playwright.sync_api import Browser, BrowserContext, expect

from engagement.tracking import short_links
from preferences.links import Channel, Claims, Purpose, seal
from tests.browser.chromium import QUIET
from tests.browser.conftest import Explain, Watched
from tests.browser.hands import move
from tests.browser.programs import CURL, PYTHON, WGET, forms_in, request
from tests.browser.serving import HOUR, Farewell, new_address, template, wait_until
from tests.browser.story import Story
from tests.browser.test_people_failures import DROPPED_ANSWER
from tests.browser.webmail import Webmail
from unsubscribe.doors import PURPOSES
from unsubscribe.urls import urlpatterns

JUST_SENT, TWENTY_MINUTES = 5, 1200
AGES = pytest.mark.parametrize("age", [JUST_SENT, TWENTY_MINUTES, HOUR], ids=["5 s", "20 min", "1 h"])


PURPOSE_OF = PURPOSES | {"d": Purpose.ACCESS, "i": Purpose.OPEN}
NO_PAGES = ("/conversion", "/arrive", "/confirm", "/undo", "/offer", "/why", "/data", "/erase", "/json")


def every_door(server: Farewell, address: str) -> list[str]:
    """A URL for each entry of the URLconf, so that a door added later is knocked at too."""
    doors = []
    for pattern in urlpatterns:
        letter = str(pattern.pattern)[0]
        if letter == "b":  # a brand's files are no door
            continue
        token = _argument(server, address, letter)
        takes_token = "<" in str(pattern.pattern)
        doors.append(server.url + reverse(f"unsubscribe:{pattern.name}", args=[token] if takes_token else []))
    return doors


def _argument(server: Farewell, address: str, letter: str) -> str:
    """What the URL of a door has in it: a token, a short link's code, or a brand's slug."""
    if letter == "c":
        sent_at = int(time.time()) - HOUR
        target = f"{server.url}/a/"
        return seal(template().key, Claims(Purpose.CLICK, Channel.EMAIL, sent_at, "news", "2026-11", address, target))
    if letter == "s":
        insert = """INSERT INTO engagement_shortlink (code, brand_id, purpose, token)
                    SELECT %s, id, 'unsubscribe', %s FROM preferences_brand WHERE slug = 'demo' RETURNING code"""
        return str(server.query(insert, short_links.new_code(), server.token(address))[0][0])
    return server.token(address, PURPOSE_OF[letter]) if letter in PURPOSE_OF else "demo"


@pytest.mark.parametrize("program", [CURL, WGET, PYTHON, {}], ids=["curl", "wget", "Python", "no agent"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_a_safe_method_at_any_door_changes_nothing(
    server: Farewell, explain: Explain, network: dict[str, str], program: Mapping[str, str], method: str
) -> None:
    alice = new_address()
    replies = [request(door, method, headers={**program, **network}) for door in every_door(server, alice)]
    assert {reply.status for reply in replies} == ({204} if method == "OPTIONS" else {200, 302, 405})
    assert len(replies) >= 12
    story = explain(alice) if method == "OPTIONS" else explain(alice, "visit", "header_visit", "prefs_visit")
    assert story.changes == []
    assert not story.is_suppressed
    # A picture is fetched for people by programs of every kind, some of them nameless.
    assert {row["verdict"] for row in story.interactions if row["kind"] != "open"} <= {"machine"}


def test_a_browser_without_javascript_changes_nothing_by_looking(
    robots_chromium: Browser, server: Farewell, explain: Explain, network: dict[str, str]
) -> None:
    alice = new_address()
    with robots_chromium.new_context(java_script_enabled=False, extra_http_headers=network) as context:
        page = context.new_page()
        for door in every_door(server, alice):
            if not door.endswith(NO_PAGES):
                page.goto(door)
    story = explain(alice, "visit", "header_visit", "prefs_visit", "hidden_visit")
    assert story.changes == []
    assert not story.is_suppressed


# Loading ahead of the person


def test_a_link_prefetch_changes_nothing(
    person: BrowserContext, webmail: Webmail, server: Farewell, explain: Explain
) -> None:
    alice = new_address()
    mail = webmail.page("", head=f'<link rel=prefetch href="{server.link(alice)}">')
    person.new_page().goto(mail)
    story = explain(alice, "visit")
    assert story.signals("visit") >= {"prefetch"}
    assert story.changes == []


@pytest.mark.parametrize("action", ["prefetch", "prerender"])
def test_speculation_rules_of_a_webmail_change_nothing(
    person: BrowserContext, webmail: Webmail, server: Farewell, explain: Explain, action: str
) -> None:
    alice = new_address()
    mail = webmail.page(speculation_rules(action, server.link(alice)))
    person.new_page().goto(mail)
    story = explain(alice, "visit")
    assert story.signals("visit") >= {"prefetch"}
    assert story.of_kind("arrive") == []
    assert story.changes == []


def test_a_prerendered_page_waits_until_it_is_shown(person: BrowserContext, server: Farewell, explain: Explain) -> None:
    alice = new_address()
    link = server.link(alice)
    page = person.new_page()
    # Only a page of the same origin may prerender, and ours forbid what they did not ship: that is set aside here.
    person.new_cdp_session(page).send("Page.setBypassCSP", {"enabled": True})
    page.goto(f"{server.url}/u/broken")
    page.evaluate("html => document.body.append(document.createRange().createContextualFragment(html))", rules(link))
    story = explain(alice, "visit")
    assert story.signals("visit") >= {"prefetch"}
    assert story.of_kind("arrive") == []
    assert story.changes == []

    page.get_by_role("link", name="go").click()
    move(page, 200, 300)
    expect(page.get_by_role("status")).to_contain_text("You are unsubscribed")
    assert explain(alice, "arrive").sources == ["arrival"]


def rules(link: str) -> str:
    return f'{speculation_rules("prerender", link)}<a href="{link}">go</a>'


def speculation_rules(action: str, link: str) -> str:
    rule = f'{{"source": "list", "urls": ["{link}"], "eagerness": "immediate"}}'
    return f'<script type=speculationrules>{{"{action}": [{rule}]}}</script>'


# Browsers under automation


@AGES
def test_a_driven_browser_is_asked(robot: BrowserContext, server: Farewell, explain: Explain, age: int) -> None:
    alice = new_address()
    page = robot.new_page()
    page.goto(server.link(alice, age=age), wait_until="networkidle")
    expect(page.locator("main")).to_have_attribute("data-state", "ask")
    page.mouse.move(300, 400, steps=9)
    page.wait_for_load_state("networkidle")
    story = explain(alice, "arrive")
    assert story.signals("arrive") >= {"webdriver"}
    assert set(story.answers("arrive")) == {"ask"}
    assert story.changes == []


@AGES
def test_a_browser_started_to_dump_the_page_is_asked(
    chromium_path: str, server: Farewell, explain: Explain, age: int
) -> None:
    """Measured: it runs the script, passes the page's clock ahead, and says nothing of a webdriver."""
    alice = new_address()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        dumped = subprocess.run(
            [
                *(chromium_path, "--headless", f"--user-data-dir={profile}", *QUIET),
                *("--virtual-time-budget=20000", "--dump-dom", server.link(alice, age=age)),
            ],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
    assert 'data-state="ask"' in dumped.stdout
    story = explain(alice, "arrive")
    assert "webdriver" not in story.signals("arrive")
    assert set(story.answers("arrive")) == {"ask"}
    assert story.changes == []


def test_a_framed_page_stays_empty(
    robots_chromium: Browser,
    webmail: Webmail,
    server: Farewell,
    explain: Explain,
    network: dict[str, str],
    watched: Watched,
) -> None:
    alice = new_address()
    frame = webmail.page(f'<iframe src="{server.link(alice)}" width=800 height=600></iframe>')
    with robots_chromium.new_context(extra_http_headers=network) as context, watched(context) as watch:
        page = context.new_page()
        page.goto(frame, wait_until="networkidle")
        wait_until(lambda: page.evaluate("1") and watch.violations, "the frame is refused")
        assert "frame-ancestors" in watch.violations.pop()
        assert page.frames[1].get_by_role("button").count() == 0
    story = explain(alice, "visit")
    assert story.signals("visit") >= {"framed"}
    assert story.of_kind("arrive") == []
    assert story.changes == []


# Programs that submit forms and press buttons

PAGES = {
    Purpose.UNSUBSCRIBE: "visit",
    Purpose.ONE_CLICK: "header_visit",
    Purpose.PREFERENCES: "prefs_visit",
    Purpose.HIDDEN: "hidden_visit",
    Purpose.OPT_IN: "join_visit",
}


@pytest.mark.parametrize("purpose", PAGES)
@pytest.mark.parametrize("pressing", [None, 0], ids=["pressing nothing", "pressing the first button"])
def test_a_program_that_submits_every_form_changes_nothing(
    server: Farewell, explain: Explain, network: dict[str, str], purpose: Purpose, pressing: int | None
) -> None:
    alice = new_address()
    link = server.link(alice, purpose)
    landing = request(link, headers={**PYTHON, **network})
    assert (purpose is Purpose.HIDDEN) == (not forms_in(landing.text))
    replies = [form.send(link, {**PYTHON, **network}, pressing=pressing) for form in forms_in(landing.text)]
    assert {reply.status for reply in replies} <= {200}
    story = explain(alice, PAGES[purpose])
    assert story.changes == []
    assert not story.is_suppressed


@pytest.mark.parametrize("purpose", [Purpose.UNSUBSCRIBE, Purpose.PREFERENCES])
def test_a_program_that_sends_hidden_fields_alone_changes_nothing(
    server: Farewell, explain: Explain, network: dict[str, str], purpose: Purpose
) -> None:
    alice = new_address()
    link = server.link(alice, purpose)
    for form in forms_in(request(link, headers={**PYTHON, **network}).text):
        form.send(link, {**PYTHON, **network}, leaving_ticks=False)
    assert explain(alice, PAGES[purpose]).changes == []


def test_a_program_that_submits_every_form_it_is_given_on_the_way_changes_nothing(
    server: Farewell, explain: Explain, network: dict[str, str]
) -> None:
    """Two pages deep, with the first button of each form: even the undo page brings nobody in."""
    alice = new_address()
    link = server.link(alice)
    for form in forms_in(request(link, headers=network).text):
        for pressing in (None, 0):
            answer = form.send(link, network, pressing=pressing)
            for next_form in forms_in(answer.text):
                next_form.send(link, network, pressing=pressing)
    story = explain(alice, "visit")
    assert story.state() == "default"


@pytest.mark.parametrize("method", ["submit", "requestSubmit"])
@pytest.mark.parametrize("purpose", [Purpose.UNSUBSCRIBE, Purpose.PREFERENCES])
def test_a_script_that_submits_every_form_changes_nothing(
    robot: BrowserContext, server: Farewell, explain: Explain, method: str, purpose: Purpose
) -> None:
    alice = new_address()
    page = robot.new_page()
    link = server.link(alice, purpose)
    page.goto(link)
    count = page.evaluate("document.forms.length")
    assert count == (1 if purpose is Purpose.UNSUBSCRIBE else 2)
    for index in range(count):
        page.goto(link)
        with page.expect_navigation():
            page.evaluate(f"document.forms[{index}].{method}()")
    story = explain(alice)
    assert story.changes == []
    assert not story.is_suppressed


def test_a_driven_press_is_honoured_and_put_back(robot: BrowserContext, server: Farewell, explain: Explain) -> None:
    """A press is a press, whoever makes it; that the browser says it is driven takes this one back."""
    alice = new_address()
    page = robot.new_page()
    page.goto(server.link(alice), wait_until="networkidle")
    with page.expect_navigation():
        page.evaluate("document.querySelector('[data-choice] [value=leave]').click()")
    expect(page.get_by_role("status")).to_contain_text("You are unsubscribed")
    story = reinstated(explain, alice, "confirm")
    assert story.sources == ["confirm_button", "reinstatement"]
    assert story.changes[0]["provisional_until"]


# What gets through at first


def reinstated(explain: Explain, address: str, kind: str) -> Story:
    """The story of an address whose opt-out a review has put back, which it does within moments."""

    def look() -> Story | None:
        story = explain(address, kind)
        return None if story.state() == "out" else story

    return wait_until(look, f"{address} is reinstated")


def test_a_stealthy_browser_is_put_back_when_it_opens_the_hidden_link(
    person: BrowserContext, server: Farewell, explain: Explain
) -> None:
    """It looks like a person in every byte until then, and the server puts right by itself what it believed."""
    alice = new_address()
    page = person.new_page()
    page.goto(server.link(alice))
    expect(page.get_by_role("status")).to_contain_text("You are unsubscribed")
    assert explain(alice, "arrive").state() == "out"
    page.goto(server.link(alice, Purpose.HIDDEN))
    story = reinstated(explain, alice, "hidden_visit")
    assert story.sources == ["arrival", "reinstatement"]
    assert story.changes[1]["evidence"]["signals"][0]["name"] == "hidden_link"


def test_a_capture_engine_that_acts_at_once_shows_no_hand(
    person: BrowserContext, server: Farewell, explain: Explain
) -> None:
    """Measured: Lookyloo's moves the pointer over a spot or two, turns the wheel and presses PageDown."""
    alice = new_address()
    page = person.new_page()
    page.goto(server.link(alice, age=JUST_SENT))
    expect(page.locator("main")).to_have_attribute("data-state", "ask")
    page.mouse.move(100, 100)
    page.mouse.move(200, 300)
    page.mouse.wheel(0, 300)
    protocol, now = person.new_cdp_session(page), time.time()
    for kind, moment in (("keyDown", now), ("keyUp", now + 0.001)):  # however slow this machine is
        key = {"key": "PageDown", "code": "PageDown", "timestamp": moment}
        protocol.send("Input.dispatchKeyEvent", {"type": kind, **key})
    page.evaluate("new Promise(requestAnimationFrame)")
    page.wait_for_load_state("networkidle")
    story = explain(alice, "arrive")
    assert set(story.answers("arrive")) == {"ask"}
    assert "trusted_input" not in story.signals("arrive")
    assert story.changes == []


@pytest.mark.parametrize("script", ["button.click()", "form.requestSubmit(button)"])
def test_a_press_by_script_is_put_back(person: BrowserContext, server: Farewell, explain: Explain, script: str) -> None:
    alice = new_address()
    page = person.new_page()
    page.goto(server.link(alice, age=JUST_SENT))
    expect(page.locator("main")).to_have_attribute("data-state", "ask")
    find = "const form = document.querySelector('[data-choice]'), button = form.querySelectorAll('button')[1]"
    with page.expect_navigation():
        page.evaluate(f"{find}; {script}")
    story = reinstated(explain, alice, "confirm")
    assert story.sources == ["confirm_button", "reinstatement"]
    assert story.signals("confirm") >= {"scripted_press"}


def test_a_page_whose_clock_is_pushed_ahead_is_put_back(
    peoples_chromium: Browser, network: dict[str, str], server: Farewell, explain: Explain
) -> None:
    """Measured: a capture engine lets 40 s pass in no time, so that it need not wait for what a page does later."""
    alice = new_address()
    with peoples_chromium.new_context(extra_http_headers=network) as context:
        page = context.new_page()
        page.clock.install()  # for all pages of the window
        page.bring_to_front()
        page.goto(server.link(alice))
        expect(page.get_by_role("status")).to_contain_text("You are unsubscribed")
        page.clock.fast_forward(40_000)
        story = reinstated(explain, alice, "arrive")
    assert story.sources == ["arrival", "reinstatement"]
    assert story.signals("arrive") >= {"clock_ahead"}


def test_a_pushed_clock_is_seen_though_the_first_answer_was_dropped(
    peoples_chromium: Browser, network: dict[str, str], server: Farewell, explain: Explain
) -> None:
    """The server has opted out by the first call, which the program did not let the page hear of."""
    alice = new_address()
    with peoples_chromium.new_context(extra_http_headers=network) as context:
        page = context.new_page()
        page.clock.install()
        page.bring_to_front()
        page.add_init_script(DROPPED_ANSWER)
        page.goto(server.link(alice))
        assert explain(alice, "arrive").state() == "out"
        page.evaluate("new Promise(requestAnimationFrame)")
        page.clock.fast_forward(40_000)
        story = reinstated(explain, alice, "arrive")
    assert story.sources == ["arrival", "reinstatement"]
    assert story.signals("arrive") >= {"clock_ahead"}
