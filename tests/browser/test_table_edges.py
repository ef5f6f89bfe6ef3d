"""The admin's wide tables show that they go on sideways."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.serving import ROOT

_TABLE = '<div {}><table><tr><td style="min-width: {}px">Opened</td></tr></table></div>'
_OURS = 'class="fw-scroll" tabindex="0"'
_A_LIST = 'class="results" style="overflow-x: auto"'  # of Django, in #changelist
_FADED = """async () => {
    await new Promise(requestAnimationFrame);
    return getComputedStyle(document.querySelector('body div div')).getPropertyValue('--fw-beyond');
}"""
_TO_THE_END = "() => document.querySelector('body div div').scrollTo({ left: 9999, behavior: 'instant' })"


def show(page: Page, width: int, attributes: str = _OURS) -> None:
    page.set_content(f'<div id="changelist">{_TABLE.format(attributes, width)}</div>')
    page.add_style_tag(path=ROOT / "static" / "admin_farewell.css")


@pytest.mark.parametrize("screen", [320, 768])
@pytest.mark.parametrize("attributes", [_OURS, _A_LIST], ids=["ours", "a list"])
def test_a_table_that_goes_on_fades_until_its_end_is_reached(
    robots_chromium: Browser, attributes: str, screen: int
) -> None:
    with robots_chromium.new_context(viewport={"width": screen, "height": 900}) as context:
        page = context.new_page()
        show(page, 1000, attributes)
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
