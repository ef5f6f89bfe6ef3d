"""The public pages in long words and from right to left: nothing overflows at 320 pixels, and nothing stays English."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, ViewportSize

from config.languages import LANGUAGES
from languages.catalogues import po_path
from languages.overflow import overflowing
from languages.plain import plain, plain_words
from languages.pseudo import PSEUDO, PSEUDO_RTL
from languages.states import WALKS, Walk, choosing, leaving
from languages.world import Visitor, mails, serving, visiting
from preferences.links import Purpose
from tests.browser.serving import Farewell

WIDE: ViewportSize = {"width": 900, "height": 700}
SMALL: ViewportSize = {"width": 320, "height": 640}
# Whose words are the longest, whose letters are the widest, and one from right to left.
LONG = [code for code, _ in LANGUAGES if code in ("de", "fi", "el", "hu", "ar") and po_path(code).exists()]


@pytest.fixture(scope="module")
def pseudo_server() -> Iterator[Farewell]:
    with serving(is_pseudo=True) as server:
        yield server


@pytest.fixture(scope="module")
def server_of_all() -> Iterator[Farewell]:
    """Speaks the languages that have a catalogue."""
    with serving() as server:
        yield server


def names(walks: list[Walk]) -> list[str]:
    return [walk.__name__.replace("_", " ") for walk in walks]


@pytest.mark.parametrize("walk", WALKS, ids=names(WALKS))
def test_every_page_is_translated_and_fits_a_small_screen(
    peoples_chromium: Browser, pseudo_server: Farewell, walk: Walk
) -> None:
    with visiting(peoples_chromium, pseudo_server, PSEUDO, viewport=SMALL) as visitor:
        for state in walk(visitor):
            assert too_long(visitor) == [], state
            assert plain_words(visitor.page) == [], state
            assert visitor.page.locator("html").get_attribute("lang") == PSEUDO, state
            assert visitor.page.context.cookies() == [], state


@pytest.mark.parametrize("walk", [leaving, choosing], ids=names([leaving, choosing]))
@pytest.mark.parametrize("language", [PSEUDO_RTL, *LONG])
def test_the_longest_languages_fit_a_small_screen(
    peoples_chromium: Browser, server_of_all: Farewell, pseudo_server: Farewell, language: str, walk: Walk
) -> None:
    server = pseudo_server if language == PSEUDO_RTL else server_of_all
    with visiting(peoples_chromium, server, language, viewport=SMALL) as visitor:
        for state in walk(visitor):
            assert too_long(visitor) == [], state
            assert visitor.page.context.cookies() == [], state


@pytest.mark.parametrize(("language", "sign"), [(PSEUDO, 1), (PSEUDO_RTL, -1)])
def test_pages_run_in_the_direction_of_the_language(
    peoples_chromium: Browser, pseudo_server: Farewell, language: str, sign: int
) -> None:
    with visiting(peoples_chromium, pseudo_server, language, viewport=WIDE) as visitor:
        way = leaving(visitor)
        assert next(way) == "landing"
        assert visitor.page.locator("html").get_attribute("dir") == ("rtl" if sign < 0 else None)
        assert sign * (left(visitor, '[value="leave"]') - left(visitor, '[value="keep"]')) > 0
        assert sign * (left(visitor, "footer a[href*=privacy]") - left(visitor, "footer a[href*=imprint]")) > 0
        visitor.go(Purpose.PREFERENCES)
        assert sign * (left(visitor, "label b") - left(visitor, "[name=on]")) > 0


def too_long(visitor: Visitor) -> list[str]:
    """What overflows; in a pseudo-language, which is longer than any, but for closed lists: opened they show all."""
    is_pseudo = visitor.language in {PSEUDO, PSEUDO_RTL}
    return [fault for fault in overflowing(visitor.page) if not (is_pseudo and fault.startswith("select"))]


def left(visitor: Visitor, selector: str) -> float:
    box = visitor.page.locator(selector).first.bounding_box()
    assert box
    return box["x"]


def test_every_mail_is_translated(pseudo_server: Farewell) -> None:
    for language, written in mails(pseudo_server, [PSEUDO, PSEUDO_RTL]).items():
        assert len(written) >= 7
        for mail in written:
            assert [line for line in f"{mail.subject}\n{mail.text}".splitlines() if plain(line)] == [], mail.name
            assert f'lang="{language}"' in mail.html
            assert ('dir="rtl"' in mail.html) == (language == PSEUDO_RTL)


def test_every_mail_fits_a_small_screen(peoples_chromium: Browser, pseudo_server: Farewell) -> None:
    with peoples_chromium.new_context(viewport=SMALL) as context:
        page = context.new_page()
        for mail in mails(pseudo_server, [PSEUDO])[PSEUDO]:
            page.set_content(mail.html)
            assert overflowing(page) == [], mail.name
            assert plain_words(page) == [], mail.name


def test_what_does_not_fit_is_found(peoples_chromium: Browser) -> None:
    with peoples_chromium.new_context(viewport=SMALL) as context:
        page = context.new_page()
        page.set_content(
            '<p style="width:50px">Unsubscribe</p><select style="width:60px"><option>Once a month</option></select>'
            '<b style="position:absolute;left:310px">Undo</b><p style="width:99px">It fits</p><hr style="width:400px">'
        )
        found = [line.split(":")[0] for line in overflowing(page)]
    assert found == ["body makes the window scroll", "p is too narrow", "select cuts off", "b leaves the window"]
