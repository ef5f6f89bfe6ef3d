"""What a window has on its way over the network, so that a visitor can stay until all of it has been answered.

The load state "networkidle" would not do: a page reaches it once, on a busy machine before its visitor has acted or
even before its own scripts have run, and keeps it whatever is sent later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.async_api import BrowserContext, Page, Request

_QUIET = 0.5  # seconds with nothing under way after which drivers of browsers call the network idle
_PATIENCE = 15  # seconds after which something is broken


class Traffic:
    """The requests of one window that have no answer yet. Use as `with Traffic.of(window) as traffic`."""

    def __init__(self) -> None:
        self._under_way: set[Request] = set()
        self._steps = 0  # beginnings and ends

    @classmethod
    @contextmanager
    def of(cls, window: BrowserContext) -> Iterator[Traffic]:
        traffic = cls()
        window.on("request", traffic._begin)
        window.on("requestfinished", traffic._end)
        window.on("requestfailed", traffic._end)
        try:
            yield traffic
        finally:
            window.remove_listener("request", traffic._begin)
            window.remove_listener("requestfinished", traffic._end)
            window.remove_listener("requestfailed", traffic._end)

    def _begin(self, request: Request) -> None:
        if request.is_navigation_request():  # nobody is told how the requests of a page that is left ended
            self._under_way.clear()
        self._under_way.add(request)
        self._steps += 1

    def _end(self, request: Request) -> None:
        self._under_way.discard(request)
        self._steps += 1

    async def rest(self, page: Page) -> None:
        """Return when the page has loaded, and all was answered for a while and led to nothing more.

        Raises TimeoutError when that does not come.
        """
        async with asyncio.timeout(_PATIENCE):
            await page.wait_for_load_state("load")
            seen = -1
            while self._under_way or seen != self._steps:
                seen = self._steps
                await asyncio.sleep(_QUIET)
                await _let_run(page)


async def _let_run(page: Page) -> None:
    """Have the page do what it was about to, however late it is: it takes one thing after the other."""
    for frame in page.frames:
        await frame.evaluate("0")
