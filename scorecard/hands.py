"""Hands and eyes: moving, touching and typing as slowly as people do, and looking at what the page says."""

from __future__ import annotations

import asyncio
import random
import re
from dataclasses import dataclass, field

from playwright.async_api import Page, Request

HELD = 70  # milliseconds for which a finger holds a key or a button
_STEP = 0.018  # seconds between two places of a moving pointer; mice report every 8 to 16 ms
_GLANCE = 0.15  # seconds in which a person takes in that nothing more happens
SETTLED = "main:is([data-state=ask], [data-state=done]), main:not([data-state])"
_LEFT = re.compile("You are unsubscribed|You had already unsubscribed")
BUTTON = "[data-choice] [value=leave]"


@dataclass(slots=True)
class Reader:
    """A person in front of a page."""

    page: Page
    waiting: int = 0
    place: tuple[float, float] = (260.0, 210.0)
    chance: random.Random = field(default_factory=lambda: random.Random(7))

    def __post_init__(self) -> None:
        self.page.on("request", lambda request: self._count(request, 1))
        self.page.on("requestfinished", lambda request: self._count(request, -1))
        self.page.on("requestfailed", lambda request: self._count(request, -1))

    def _count(self, request: Request, change: int) -> None:
        if request.url.endswith("/arrive"):
            self.waiting = max(0, self.waiting + change)

    async def read(self) -> None:
        """Look until the page has said something and nothing more is on its way."""
        await self.page.locator(SETTLED).first.wait_for()
        quiet = 0
        while quiet < 3:
            await asyncio.sleep(_GLANCE / 3)
            quiet = 0 if self.waiting else quiet + 1

    async def has_left(self) -> bool:
        """Whether the page says that the person is off the list."""
        return await self.page.get_by_role("status").filter(has_text=_LEFT).is_visible()

    async def await_answer(self) -> None:
        """Wait for what a press brings. Raises TimeoutError when nothing comes."""
        async with asyncio.timeout(20):
            while not (self.page.url.endswith("/confirm") or await self.has_left()):
                await asyncio.sleep(_GLANCE / 3)
        await self.page.wait_for_load_state("load")

    async def move(self, x: float, y: float, steps: int = 14) -> None:
        """Move the pointer there as a hand does: slowly at both ends, and never quite straight."""
        from_x, from_y = self.place
        for step in range(1, steps + 1):
            part = step / steps
            eased = part * part * (3 - 2 * part)
            bend = self.chance.uniform(-3, 3) if step < steps else 0
            await self.page.mouse.move(from_x + (x - from_x) * eased + bend, from_y + (y - from_y) * eased - bend)
            await asyncio.sleep(_STEP)
        self.place = (x, y)

    async def wander(self) -> None:
        """Move on after a click, towards nothing."""
        x, y = self.place
        await self.move(x + 90, y + 120)

    async def middle_of_button(self) -> tuple[float, float] | None:
        """Where to press, or None when there is no button any more."""
        box = await self.page.locator(BUTTON).bounding_box()
        return (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2) if box else None

    async def press(self) -> None:
        await self.page.mouse.down()
        await asyncio.sleep(HELD / 1000)
        await self.page.mouse.up()

    async def touch(self, x: float, y: float, to: tuple[float, float] | None = None) -> None:
        """Put a finger down, hold it or draw it to another place, and lift it."""
        session = await self.page.context.new_cdp_session(self.page)

        async def send(kind: str, *points: tuple[float, float]) -> None:
            places = [{"x": x, "y": y} for x, y in points]
            await session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

        await send("touchStart", (x, y))
        if to:
            for step in range(1, 9):
                await asyncio.sleep(_STEP)
                await send("touchMove", (x + (to[0] - x) * step / 8, y + (to[1] - y) * step / 8))
        else:
            await asyncio.sleep(HELD / 1000)
        await send("touchEnd")
        await session.detach()

    async def type(self, *keys: str) -> None:
        for key in keys:
            await self.page.keyboard.press(key, delay=HELD)
