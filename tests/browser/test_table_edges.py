"""The admin's wide tables show that they go on sideways."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.serving import ROOT

_TABLE = '<div class="fw-scroll" tabindex="0"><table><tr><td style="min-width: {}px">Opened</td></tr></table></div>'
_FADED = """async () => {
    await new Promise(requestAnimationFrame);
    return getComputedStyle(document.querySelector('.fw-scroll')).getPropertyValue('--fw-beyond');
}"""
_TO_THE_END = "() => document.querySelector('.fw-scroll').scrollTo({ left: 9999, behavior: 'instant' })"


def show(page: Page, width: int) -> None:
    page.set_content(_TABLE.format(width))
    page.add_style_tag(path=ROOT / "static" / "admin_farewell.css")


@pytest.mark.parametrize("screen", [320, 768])
def test_a_table_that_goes_on_fades_until_its_end_is_reached(robots_chromium: Browser, screen: int) -> None:
    with robots_chromium.new_context(viewport={"width": screen, "height": 900}) as context:
        page = context.new_page()
        show(page, width=1000)
        before = page.evaluate(_FADED)
        page.evaluate(_TO_THE_END)
        assert (before, page.evaluate(_FADED)) == ("32px", "0px")


def test_a_table_with_room_enough_and_one_in_use_do_not_fade(robots_chromium: Browser) -> None:
    with robots_chromium.new_context(viewport={"width": 320, "height": 900}) as context:
        page = context.new_page()
        show(page, width=200)
        with_room = page.evaluate(_FADED)
        show(page, width=1000)
        page.keyboard.press("Tab")
        assert (with_room, page.evaluate(_FADED)) == ("0px", "0px")
