"""Hands: moving a pointer and pressing keys as slowly as people do."""

from __future__ import annotations

from playwright.sync_api import Page

_STEP = 20  # milliseconds between two places of a pointer; mice report every 8 to 16
_HELD = 70  # milliseconds for which a finger holds a key


def move(page: Page, x: float, y: float, *, start: tuple[float, float] = (40, 60), steps: int = 8) -> None:
    """Move the pointer from `start` to (x, y)."""
    for step in range(steps + 1):
        part = step / steps
        page.mouse.move(start[0] + (x - start[0]) * part, start[1] + (y - start[1]) * part)
        page.wait_for_timeout(_STEP)


def strike(page: Page, key: str) -> None:
    page.keyboard.press(key, delay=_HELD)


def turn(page: Page) -> None:
    """Turn the wheel on and on, as a finger does."""
    for _ in range(6):
        page.mouse.wheel(0, 30)
        page.wait_for_timeout(_STEP)


def touch(page: Page, x: float, y: float) -> None:
    """Put a finger down and lift it."""
    session = page.context.new_cdp_session(page)
    session.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    page.wait_for_timeout(_HELD)
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    session.detach()
