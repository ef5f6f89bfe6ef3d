"""Chromium for many visitors at a time: few processes, and windows that are used again.

A window (a browser context) takes long to make, and Farewell sets no cookie by which one use could be known in the
next; so each is lent to one visitor after the other, with another network address each time.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from enum import StrEnum
from typing import Any

from playwright.async_api import Browser, BrowserContext, async_playwright

from tests.browser.chromium import QUIET, agent_of, as_people_start_it

_PHONE_AGENT = (
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0 Mobile Safari/537.36"
)

_PATIENCE = 15_000  # milliseconds after which something is broken


class Window(StrEnum):
    """How a browser shows itself."""

    DESKTOP = "a person's, or one of a robot that hides well"
    ONCE = "as the former, thrown away after one visitor, who changes it"
    TABS = "a person's, with tabs of which one is in front"
    PHONE = "a person's phone"
    NO_SCRIPT = "a person's, with JavaScript switched off"
    DRIVEN = "driven: navigator.webdriver is true and the agent says HeadlessChrome"
    DISGUISED = "driven, with the agent of a person's browser"


class Browsers:
    """Lends windows. Use as `async with Browsers.started(path) as browsers`."""

    def __init__(self, path: str, people: Browser, robots: Browser) -> None:
        self._agent = agent_of(path)
        self._people = people
        self._robots = robots
        self._free: dict[Window, list[BrowserContext]] = defaultdict(list)
        self._tabs = asyncio.Lock()

    @classmethod
    @asynccontextmanager
    async def started(cls, path: str) -> AsyncIterator[Browsers]:
        async with AsyncExitStack() as stack:
            playwright = await stack.enter_async_context(async_playwright())
            endpoint = stack.enter_context(as_people_start_it(path))
            people = await playwright.chromium.connect_over_cdp(endpoint, no_defaults=True)
            stack.push_async_callback(people.close)
            robots = await playwright.chromium.launch(executable_path=path, args=["--headless=new", *QUIET])
            stack.push_async_callback(robots.close)
            yield cls(path, people, robots)

    @asynccontextmanager
    async def window(self, kind: Window, network: dict[str, str]) -> AsyncIterator[BrowserContext]:
        """Lend a window of `kind` that is seen at the address in `network`; its pages are closed afterwards."""
        async with AsyncExitStack() as stack:
            if kind is Window.TABS:
                await stack.enter_async_context(self._tabs)
            context = self._free[kind].pop() if self._free[kind] else await self._new(kind)
            context.set_default_timeout(_PATIENCE)
            await context.set_extra_http_headers(network)
            try:
                yield context
            finally:
                await self._take_back(kind, context)

    async def _take_back(self, kind: Window, context: BrowserContext) -> None:
        if kind is Window.ONCE:
            await context.close()
            return
        for page in context.pages[1:]:
            await page.close()
        self._free[kind].append(context)

    async def _new(self, kind: Window) -> BrowserContext:
        if kind is Window.TABS:
            return self._people.contexts[0]
        browser = self._robots if kind in {Window.DRIVEN, Window.DISGUISED} else self._people
        context = await browser.new_context(**self._options(kind))
        await context.new_page()  # stays: without a tab the window would close, and opening one takes longest
        return context

    def _options(self, kind: Window) -> dict[str, Any]:
        if kind is Window.NO_SCRIPT:
            return {"java_script_enabled": False}
        if kind is Window.DISGUISED:
            return {"user_agent": self._agent}
        if kind is Window.PHONE:
            version = self._agent.partition("Chrome/")[2].partition(".")[0]
            agent = _PHONE_AGENT.format(version)
            size = {"width": 390, "height": 780}
            return {"viewport": size, "has_touch": True, "is_mobile": True, "user_agent": agent}
        return {}
