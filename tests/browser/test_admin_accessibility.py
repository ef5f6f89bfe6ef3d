"""Our own pages of the admin: WCAG 2.2 AA by axe-core, light and dark, wide and on a phone, and by keyboard alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.admin_pages import PAGES, PASSWORD, path_of, seed
from tests.browser.axe import admin_faults
from tests.browser.serving import Farewell


@pytest.fixture(scope="module")
def server() -> Iterator[Farewell]:
    """One of its own, whose lists are no longer than the seed makes them."""
    farewell = Farewell()
    try:
        farewell.start()
        yield farewell
    finally:
        farewell.close()


@pytest.fixture(scope="module")
def ids(server: Farewell) -> dict[str, str]:
    return seed(server)


@pytest.fixture(scope="module")
def admin_page(server: Farewell, ids: dict[str, str], robots_chromium: Browser) -> Iterator[Page]:
    """A browser's page in which alice is logged in."""
    with robots_chromium.new_context(reduced_motion="reduce") as context:
        page = context.new_page()
        page.goto(f"{server.url}/admin/")
        page.get_by_label("Username").fill("alice")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("link", name="Who leaves, and who stays")).to_be_visible()
        yield page


@pytest.fixture(scope="module", params=PAGES)
def loaded(request: pytest.FixtureRequest, admin_page: Page, server: Farewell, ids: dict[str, str]) -> Page:
    """Each page once, for all who look at it."""
    answer = admin_page.goto(server.url + path_of(request.param, ids))
    assert answer
    assert answer.status == 200
    return admin_page


@pytest.fixture
def opened(loaded: Page) -> Page:
    loaded.set_viewport_size({"width": 1280, "height": 900})
    loaded.emulate_media(color_scheme="light")
    return loaded


def test_every_page_is_accessible_in_both_schemes_and_on_a_small_screen(opened: Page) -> None:
    found = admin_faults(opened)
    assert not found, "\n".join(found)
    assert opened.evaluate("document.documentElement.scrollWidth") <= 320
    assert opened.title()


# Marks what can be reached, and notes what shows that it has the focus. A group of radio buttons is one stop.
WATCH = """() => {
  const looks = e => {
    const style = getComputedStyle(e);
    return [style.outlineStyle + style.outlineWidth, style.boxShadow, style.borderColor, style.textDecoration,
            style.backgroundColor].join('|');
  };
  const own = 'a[href], button, input, select, textarea, summary, [tabindex="0"]';
  const named = new Map();
  for (const e of document.querySelectorAll('#content :is(' + own + ')')) {
    if (!e.checkVisibility({visibilityProperty: true}) || e.disabled || e.type === 'hidden' || e.tabIndex < 0) continue;
    const name = e.type === 'radio' ? 'radio ' + e.name : e;
    if (!named.has(name)) named.set(name, {words: e.outerHTML.slice(0, 200), before: looks(e), reached: false});
  }
  window.walk = named;
  window.rounds = 0;
  let begin = null;
  const first = named.get(document.activeElement);  // where a page begins with a field that has the focus
  if (first) {
    const during = first.before;
    document.activeElement.blur();
    Object.assign(first, {reached: true, shown: looks([...named.keys()].find(e => named.get(e) === first)) !== during});
  }
  addEventListener('focusin', ({target: e}) => {
    const stop = named.get(e.type === 'radio' ? 'radio ' + e.name : e);
    if (!stop) return;
    begin ??= stop;
    if (stop === begin && [...named.values()].filter(other => other.reached).length > 1) window.rounds += 1;
    if (!stop.reached) Object.assign(stop, {reached: true, shown: looks(e) !== stop.before});
  });
}"""
LEFT_OUT = "() => [...window.walk.values()].filter(stop => !stop.reached).map(stop => stop.words)"
UNSEEN = "() => [...window.walk.values()].filter(stop => stop.reached && !stop.shown).map(stop => stop.words)"
# Once all are reached, what is left of the round, through the menu of the whole site, shows no more of this page.
IS_OVER = """() => window.rounds > 0 || !document.activeElement || document.activeElement === document.body
  || [...window.walk.values()].every(stop => stop.reached)"""
MOST_STOPS = 900
AT_ONCE = 10  # because asking costs more than going one round too far


def test_the_keyboard_reaches_every_control_and_shows_where_it_is(opened: Page) -> None:
    opened.evaluate(WATCH)
    for press in range(1, MOST_STOPS):
        opened.keyboard.down("Tab")  # held: a key that is let go and pressed again costs twice as much
        if press % AT_ONCE == 0 and opened.evaluate(IS_OVER):
            break
    opened.keyboard.up("Tab")
    assert opened.evaluate(LEFT_OUT) == []
    assert opened.evaluate(UNSEEN) == []
