"""WCAG 2.2 AA on every public page in each of its states. docs/accessibility.md says what is tried, and what is not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, ViewportSize

from languages.overflow import overflowing
from languages.states import WALKS, Walk
from languages.world import JUST_SENT, Visitor, mails, serving, visiting
from preferences.links import Purpose
from tests.browser.axe import faults
from tests.browser.hands import strike
from tests.browser.serving import Farewell

SCREEN: ViewportSize = {"width": 1280, "height": 900}
# What a window of that size shows at 200 %, and what one of 1280 x 1024 shows at 400 % (WCAG 1.4.4, 1.4.10).
ZOOMED: ViewportSize = {"width": 640, "height": 450}
REFLOWED: ViewportSize = {"width": 320, "height": 256}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# WCAG 1.4.12: what readers may set, and must lose nothing by.
SPACING = """* { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important }
p { margin-bottom: 2em !important }"""
_SMALL_TARGETS = """
() => [...document.querySelectorAll('a, button, input:not([type=hidden]), select, textarea, summary')]
  .filter(element => element.checkVisibility({visibilityProperty: true}) && !element.closest('.unseen'))
  .filter(element => !(element.localName === 'a' && element.closest('p:not(.after p)')))
  .map(element => [element.closest('label') ?? element, element])
  .filter(([target]) => Math.min(target.offsetWidth, target.offsetHeight) < 24)
  .map(([, element]) => element.outerHTML.slice(0, 120))
"""


@pytest.fixture(scope="module")
def own_server() -> Iterator[Farewell]:
    with serving() as server:
        yield server


@pytest.fixture
def visitor(peoples_chromium: Browser, own_server: Farewell) -> Iterator[Visitor]:
    with visiting(peoples_chromium, own_server, "en", viewport=SCREEN, is_mobile=False) as visitor:
        visitor.page.emulate_media(reduced_motion="reduce")
        yield visitor


@pytest.mark.parametrize("walk", WALKS, ids=[walk.__name__.replace("_", " ") for walk in WALKS])
def test_every_state_is_accessible(visitor: Visitor, walk: Walk) -> None:
    page = visitor.page
    for state in walk(visitor):
        assert faults(page, RULES) == [], state
        page.emulate_media(color_scheme="light")
        assert page.title()
        assert page.evaluate(_SMALL_TARGETS) == [], state  # 2.5.8
        check_forced_colours(page, state)
        for size in (ZOOMED, REFLOWED):
            page.set_viewport_size(size)
            assert lost(page) == [], f"{state}, {size}"
        check_spacing(page, state)
        page.set_viewport_size(SCREEN)


def lost(page: Page) -> list[str]:
    """What does not fit. A closed list may show the start of what is chosen in it: opened it shows all."""
    return [fault for fault in overflowing(page) if not fault.startswith("select")]


def check_forced_colours(page: Page, state: str) -> None:
    """In the reader's own colours every control keeps an edge, or is underlined as a link is."""
    page.emulate_media(forced_colors="active")
    bare = page.evaluate(
        "[...document.querySelectorAll('button, select, textarea, input[type=email], input[type=date], a')]"
        ".filter(e => e.checkVisibility({visibilityProperty: true}))"
        ".filter(e => { const s = getComputedStyle(e); return parseFloat(s.borderTopWidth) < 1"
        " && !s.textDecorationLine.includes('underline') }).map(e => e.outerHTML.slice(0, 120))"
    )
    assert bare == [], state
    page.emulate_media(forced_colors="none")


def check_spacing(page: Page, state: str) -> None:
    page.evaluate(
        "css => { const sheet = new CSSStyleSheet(); sheet.replaceSync(css); document.adoptedStyleSheets = [sheet] }",
        SPACING,
    )
    assert lost(page) == [], f"{state}, spaced out"
    page.evaluate("document.adoptedStyleSheets = []")


# The keyboard


def stops(page: Page) -> Iterator[str]:
    """Press Tab until it leaves the page, and name what has the focus; all of it has to show that it has."""
    seen = 0
    while seen < 100:
        strike(page, "Tab")
        focused = page.locator(":focus-visible")
        if focused.count() == 0 or focused.evaluate("e => e === document.body"):
            return
        seen += 1
        assert focused.evaluate("e => parseFloat(getComputedStyle(e).outlineWidth)") >= 2
        yield str(
            focused.evaluate(
                "e => e.getAttribute('name') || e.getAttribute('href')?.replace(/.*[/]/, '') || e.localName"
            )
        )
    raise AssertionError("the keyboard does not leave the page")


@pytest.mark.parametrize("colours", ["none", "active"])
def test_the_keyboard_goes_through_leaving_and_back(visitor: Visitor, colours: str) -> None:
    page = visitor.page
    page.emulate_media(forced_colors=colours)  # type: ignore[arg-type]
    visitor.go(age=JUST_SENT)
    visitor.expect('[data-state="ask"]')
    for name in ("keep", "leave"):
        page.keyboard.press("Tab")  # at once: a key that is held shows a hand, and the page might then leave by itself
        assert page.locator(":focus-visible").get_attribute("value") == name
    with page.expect_navigation():
        strike(page, "Enter")
    way = stops(page)
    assert next(way) == "button"
    assert page.locator(":focus").evaluate("e => !!e.closest('[data-undo]')")
    with page.expect_navigation():
        strike(page, "Space")
    assert "again" in page.locator('[role="status"]').inner_text()


def test_the_keyboard_reaches_every_control_of_the_preference_page_and_leaves_it(visitor: Visitor) -> None:
    page = visitor.page
    visitor.go(Purpose.PREFERENCES)
    for summary in page.locator("form summary").all():
        summary.press("Enter")
    assert page.locator("form details:not([open])").count() == 0
    page.locator("h1").evaluate("e => { e.tabIndex = -1; e.focus() }")
    reached = list(stops(page))
    names = page.evaluate(
        "[...document.querySelectorAll('main [name]:not([type=hidden]):not([disabled])')]"
        ".filter(e => e.checkVisibility()).map(e => e.name)"
    )
    assert [name for name in reached if name in set(names)] == names


def test_the_keyboard_saves_a_choice_and_takes_it_back(visitor: Visitor) -> None:
    page = visitor.page
    visitor.go(Purpose.PREFERENCES)
    box = page.locator('[name="on"]:not([disabled])').first
    was = box.is_checked()
    box.focus()
    strike(page, "Space")
    assert box.is_checked() != was
    visitor.press("shown", ".preferences")
    assert page.locator('[role="status"]').evaluate("e => e.contains(document.activeElement)")
    visitor.press("save")
    assert page.locator('[name="on"]:not([disabled])').first.is_checked() == was


# Mails


def test_every_mail_is_accessible(peoples_chromium: Browser, own_server: Farewell) -> None:
    with peoples_chromium.new_context(viewport=SCREEN) as context:
        page = context.new_page()
        for mail in mails(own_server, ["en"])["en"]:
            page.set_content(mail.html)
            assert faults(page, RULES[:-1]) == [], mail.name
