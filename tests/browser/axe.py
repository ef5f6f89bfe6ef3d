"""What axe-core finds wrong with a page: in both colour schemes, and on a small screen."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
# All that can differ between the schemes; the other rules look at what both have alike.
_OF_COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
_TARGETS = {"target-size": {"enabled": True}}  # of WCAG 2.2, which axe-core leaves off by itself
_IN_FULL = {"runOnly": WCAG, "rules": _TARGETS}
# Contrast takes most of the time, and has nothing to do with the width.
_BUT_CONTRAST = {"runOnly": WCAG, "rules": _TARGETS | {"color-contrast": {"enabled": False}}}
# Links fade from one scheme's colour to the other's.
_SETTLED = "() => Promise.all(document.getAnimations().map(animation => animation.finished)).then(() => true)"
_IS_THERE = "() => 'axe' in window"
_RUN = "options => axe.run(document, options).then(found => found.violations)"
# What Django's own markup gets wrong, by rule: the selectors.
_EXCUSED = {
    # The question marks that its script puts beside the boxes of a choice of many have a label but no role.
    "aria-prohibited-attr": [".selector .help-tooltip"],
}
_MATCHES = "(element, selectors) => selectors.some(selector => element.matches(selector))"


def faults(page: Page, rules: list[str] | None = None) -> list[str]:
    """Return the violations of axe-core's rules, or of those tagged as one of `rules`. Leaves the page dark."""
    page.emulate_media(color_scheme="light")
    light = violations(page, "light", {"runOnly": rules} if rules else {})
    page.emulate_media(color_scheme="dark")
    return light + violations(page, "dark", _OF_COLOURS)


def admin_faults(page: Page) -> list[str]:
    """Return what a page of the admin, as wide and light as it is now, violates of WCAG 2.2 AA, then dark, then light
    on a screen of 320 px, as which it is left."""
    found = violations(page, "light", _IN_FULL)
    page.emulate_media(color_scheme="dark")
    page.evaluate(_SETTLED)
    found += violations(page, "dark", _OF_COLOURS)
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 320, "height": 900})
    page.evaluate(_SETTLED)
    return found + violations(page, "320 px", _BUT_CONTRAST)


def violations(page: Page, state: str, options: dict[str, Any]) -> list[str]:
    """What is wrong with the page as it is now, but for what is excused; axe-core is put into each page once."""
    if not page.evaluate(_IS_THERE):
        page.evaluate(AXE_SCRIPT)
    # To tell of all that passes takes as long as to look.
    found = page.evaluate(_RUN, options | {"resultTypes": ["violations"]})
    return [
        f"{state}, {violation['id']}: {node['html'][:300]}\n{node['failureSummary']}"
        for violation in found
        for node in violation["nodes"]
        if not _is_excused(page, violation["id"], node["target"])
    ]


def _is_excused(page: Page, rule: str, target: list[str]) -> bool:
    return rule in _EXCUSED and bool(page.locator(target[-1]).first.evaluate(_MATCHES, _EXCUSED[rule]))
