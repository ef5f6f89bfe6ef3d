"""People: one click, the one on the link in the mail; and a second one only while evidence is against the visit."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from preferences.links import Purpose
from tests.browser.clicks import JUST_SENT, click_in_webmail, expect_asked, expect_done, press
from tests.browser.conftest import Explain, Watched
from tests.browser.hands import move, strike
from tests.browser.serving import Farewell, new_address
from tests.browser.webmail import Webmail

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
