"""Our own pages of the admin: WCAG 2.2 AA by axe-core, light and dark, wide and on a phone, and by keyboard alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.admin_pages import PAGES, PASSWORD, path_of, seed
from tests.browser.serving import Farewell

WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
# What Django's own markup gets wrong, by rule: the selectors.
EXCUSED = {
    # The question marks that its script puts beside the boxes of a choice of many have a label but no role.
    "aria-prohibited-attr": [".selector .help-tooltip"],
}
IN_FULL = {
    "runOnly": WCAG,
    "rules": {"target-size": {"enabled": True}},  # of WCAG 2.2, which axe-core leaves off by itself
    "resultTypes": ["violations"],
}
COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast"]}, "resultTypes": ["violations"]}
# Contrast takes most of the time, and has nothing to do with the width.
BUT_COLOURS = IN_FULL | {"rules": {"target-size": {"enabled": True}, "color-contrast": {"enabled": False}}}
# Links fade from one scheme's colour to the other's.
SETTLED = "() => Promise.all(document.getAnimations().map(animation => animation.finished)).then(() => true)"


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


@pytest.fixture(params=PAGES)
def opened(request: pytest.FixtureRequest, admin_page: Page, server: Farewell, ids: dict[str, str]) -> Page:
    admin_page.set_viewport_size({"width": 1280, "height": 900})
    admin_page.emulate_media(color_scheme="light")
    answer = admin_page.goto(server.url + path_of(request.param, ids))
    assert answer
    assert answer.status == 200
    return admin_page


def problems(page: Page, options: Mapping[str, object]) -> list[str]:
    """What axe-core finds, but what is excused."""
    violations = Axe().run(page, options=dict(options)).response["violations"]
    return [
        f"{violation['id']}: {node['html'][:300]}\n{node['failureSummary']}"
        for violation in violations
        for node in violation["nodes"]
        if not is_excused(page, violation["id"], node["target"])
    ]


def is_excused(page: Page, rule: str, target: list[str]) -> bool:
    matches = "(element, selectors) => selectors.some(selector => element.matches(selector))"
    return rule in EXCUSED and bool(page.locator(target[-1]).first.evaluate(matches, EXCUSED[rule]))


def test_every_page_is_accessible_in_both_schemes_and_on_a_small_screen(opened: Page) -> None:
    found = {"light": problems(opened, IN_FULL)}
    opened.emulate_media(color_scheme="dark")
    opened.evaluate(SETTLED)
    found["dark"] = problems(opened, COLOURS)
    opened.emulate_media(color_scheme="light")
    opened.set_viewport_size({"width": 320, "height": 900})
    opened.evaluate(SETTLED)
    found["320 px"] = problems(opened, BUT_COLOURS)
    assert not any(found.values()), "\n".join([*found["light"], "dark", *found["dark"], "320 px", *found["320 px"]])
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
IS_OVER = "() => window.rounds > 0 || !document.activeElement || document.activeElement === document.body"
MOST_STOPS = 900
AT_ONCE = 10  # because asking costs more than going one round too far


def test_the_keyboard_reaches_every_control_and_shows_where_it_is(opened: Page) -> None:
    opened.evaluate(WATCH)
    for press in range(1, MOST_STOPS):
        opened.keyboard.press("Tab")
        if press % AT_ONCE == 0 and opened.evaluate(IS_OVER):
            break
    assert opened.evaluate(LEFT_OUT) == []
    assert opened.evaluate(UNSEEN) == []
