"""What axe-core finds wrong with a page, in both colour schemes."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

# All that can differ between the schemes; the other rules look at what both have alike.
_OF_COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
_AGAIN = "options => axe.run(document, options).then(found => found.violations)"


def faults(page: Page, rules: list[str] | None = None) -> list[str]:
    """Return the violations of axe-core's rules, or of those tagged as one of `rules`. Leaves the page dark."""
    page.emulate_media(color_scheme="light")
    light = Axe().run(page, options={"runOnly": rules} if rules else None).response["violations"]
    page.emulate_media(color_scheme="dark")
    dark = page.evaluate(_AGAIN, _OF_COLOURS)
    return [*_lines("light", light), *_lines("dark", dark)]


def _lines(scheme: str, violations: list[dict[str, Any]]) -> list[str]:
    return [
        f"{scheme}, {violation['id']}: {node['html'][:300]}\n{node['failureSummary']}"
        for violation in violations
        for node in violation["nodes"]
    ]
