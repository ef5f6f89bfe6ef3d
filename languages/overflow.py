"""Text that does not fit: what sticks out of its box or of the window, and what a control cuts off."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

_LOOK = Path(__file__).with_suffix(".js").read_text()


def overflowing(page: Page) -> list[str]:
    """What of the page's text is cut off or sticks out, as element, fault and text."""
    return [str(line) for line in page.evaluate(_LOOK)]
