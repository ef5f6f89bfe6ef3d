"""Robots that drive a browser: stock, disguised, and hidden as well as the field knows how.

`navigator.webdriver` is true in a window that is driven or disguised; a window of `stealth` differs from a person's in
nothing. None of them knows our page: they act at once and alike on every page, and look at no answer; but they stay
until whatever a page sends has been answered.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import CDPSession, Page

from scorecard.browsers import Window
from scorecard.http_robots import ORGANISATION, ROBOTS, open_all
from scorecard.traffic import Traffic
from scorecard.visits import Visit

STEALTH = Window.DESKTOP
_AHEAD = 40_000  # milliseconds by which capture engines move the page's clock
_FETCHED = {"Ready", "Success", "Failure"}  # the protocol's words; a prerender of another site becomes a prefetch
_LEAVE = "[data-choice] [value=leave]"
# How many of an organisation's fifty a gateway opens in a browser here; all would take the run too long.
FEW, MORE = 4, 12


@asynccontextmanager
async def blank(visit: Visit, kind: Window) -> AsyncIterator[tuple[Page, Traffic]]:
    """An empty page, left when nothing moves on the network any more."""
    async with visit.browsers.window(kind, visit.network) as window:
        with Traffic.of(window) as traffic:
            page = await window.new_page()
            yield page, traffic
            await traffic.rest(page)


@asynccontextmanager
async def loaded(visit: Visit, kind: Window, link: str = "") -> AsyncIterator[tuple[Page, Traffic]]:
    """Load the link by its address, as programs do, and stay until nothing moves on the network."""
    async with blank(visit, kind) as (page, traffic):
        await page.goto(link or visit.mail.leave, wait_until="load")
        yield page, traffic


async def act_at_once(page: Page) -> None:
    """What a capture engine does on a page: the pointer on two spots, a turn of the wheel, PageDown, with no pause."""
    session = await page.context.new_cdp_session(page)
    await asyncio.gather(
        *(_mouse(session, "mouseMoved", x, y) for x, y in ((80, 90), (320, 260))),
        _mouse(session, "mouseWheel", 320, 260, deltaX=0, deltaY=400),
        *(_key(session, kind, "PageDown", 34) for kind in ("rawKeyDown", "keyUp")),
    )


async def _mouse(session: CDPSession, kind: str, x: int, y: int, **more: object) -> None:
    await session.send("Input.dispatchMouseEvent", {"type": kind, "x": x, "y": y, **more})


async def _key(session: CDPSession, kind: str, name: str, code: int) -> None:
    key = {"type": kind, "key": name, "code": name, "windowsVirtualKeyCode": code}
    await session.send("Input.dispatchKeyEvent", key)


# Loading the page


@ROBOTS.enter("stock automation", shows="webdriver, HeadlessChrome")
async def stock(visit: Visit) -> None:
    async with loaded(visit, Window.DRIVEN):
        pass


@ROBOTS.enter("disguised automation", shows="webdriver")
async def disguised(visit: Visit) -> None:
    async with loaded(visit, Window.DISGUISED):
        pass


@ROBOTS.enter("stealth, loads only")
async def stealth(visit: Visit) -> None:
    async with loaded(visit, STEALTH):
        pass


@ROBOTS.enter("stealth, in a frame", shows="a frame", is_quick=False)
async def framed(visit: Visit) -> None:
    frame = visit.webmail.page(f'<iframe src="{visit.mail.leave}" width=800 height=600></iframe>')
    async with loaded(visit, STEALTH, frame):
        pass


@ROBOTS.enter("webmail that prefetches", shows="Sec-Purpose")
async def prefetch(visit: Visit) -> None:
    await _speculate(visit, "prefetch")


@ROBOTS.enter("webmail that prerenders", shows="Sec-Purpose", is_quick=False)
async def prerender(visit: Visit) -> None:
    await _speculate(visit, "prerender")


async def _speculate(visit: Visit, action: str) -> None:
    rule = f'{{"source": "list", "urls": ["{visit.mail.leave}"], "eagerness": "immediate"}}'
    mail = visit.webmail.page(f'<script type=speculationrules>{{"{action}": [{rule}]}}</script>')
    async with blank(visit, STEALTH) as (page, _):
        session = await page.context.new_cdp_session(page)
        is_fetched = asyncio.Event()

        def hear(news: dict[str, str]) -> None:
            if news["status"] in _FETCHED:
                is_fetched.set()

        session.on("Preload.prefetchStatusUpdated", hear)
        await session.send("Preload.enable")
        await page.goto(mail, wait_until="load")
        async with asyncio.timeout(20):
            await is_fetched.wait()


# Acting on it like a capture engine


@ROBOTS.enter("stealth, pointer, wheel and key at once", shows="a key that no finger held")
async def capture(visit: Visit) -> None:
    async with loaded(visit, STEALTH) as (page, _):
        await act_at_once(page)


@ROBOTS.enter("stealth, clock ahead", shows="a clock that jumps")
async def clock_ahead(visit: Visit) -> None:
    """The page's clock stands still while the page loads and gets its answers, however long a busy machine takes: what
    waits for the clock shall not come before it is moved, nor may moving it break off a request. Then it is moved ahead
    of ours, what waits for it runs, and input follows at once."""
    async with blank(visit, Window.ONCE) as (page, traffic):
        await page.clock.install()
        await page.clock.pause_at(time.time() + 60)  # it stands only at a moment to come
        began = time.monotonic()
        await page.goto(visit.mail.leave, wait_until="load")
        await traffic.rest(page)
        await page.clock.fast_forward(_AHEAD + round(1000 * (time.monotonic() - began)))
        await page.clock.resume()
        await act_at_once(page)


@ROBOTS.enter("stealth, virtual time", shows="a clock ahead of ours", is_quick=False)
async def virtual_time(visit: Visit) -> None:
    """Headless Chromium's virtual time: the page's clock runs as fast as the machine can."""
    async with visit.browsers.window(Window.ONCE, visit.network) as window:
        page = await window.new_page()
        session = await window.new_cdp_session(page)
        spent = asyncio.Event()
        session.once("Emulation.virtualTimeBudgetExpired", lambda _: spent.set())
        await page.goto("about:blank")
        policy = {"policy": "pauseIfNetworkFetchesPending", "budget": _AHEAD}
        await session.send("Emulation.setVirtualTimePolicy", policy)
        await page.goto(visit.mail.leave, wait_until="commit")
        async with asyncio.timeout(20):
            await spent.wait()


# Opening the other links too


@ROBOTS.enter("stealth, all links, hidden one first", shows="the hidden link")
async def hidden_first(visit: Visit) -> None:
    await open_all(visit, visit.mail)
    await _open_in_browser(visit, visit.mail.hidden, visit.mail.preferences, visit.mail.leave)


@ROBOTS.enter("stealth, all links, hidden one last", shows="the hidden link")
async def hidden_last(visit: Visit) -> None:
    await _open_in_browser(visit, visit.mail.leave, visit.mail.preferences, visit.mail.hidden)


@ROBOTS.enter("stealth, all links but the hidden one", shows="three links within seconds", is_quick=False)
async def without_hidden(visit: Visit) -> None:
    await _open_in_browser(visit, visit.mail.leave, visit.mail.preferences, visit.mail.header)


async def _open_in_browser(visit: Visit, *links: str) -> None:
    async with blank(visit, STEALTH) as (page, _):
        for link in links:
            await page.goto(link, wait_until="load")


# Pressing


@ROBOTS.enter("script that submits the form", shows="webdriver")
async def submit_by_script(visit: Visit) -> None:
    async with loaded(visit, Window.DRIVEN) as (page, traffic):
        await _leaving(page, traffic, "document.querySelector('[data-choice]').submit()")


@ROBOTS.enter("script that requests a submit", shows="webdriver", is_quick=False)
async def request_submit(visit: Visit) -> None:
    async with loaded(visit, Window.DISGUISED) as (page, traffic):
        await _leaving(page, traffic, f"(b => b.form.requestSubmit(b))(document.querySelector('{_LEAVE}'))")


@ROBOTS.enter("script that clicks the button", shows="webdriver")
async def click_by_script(visit: Visit) -> None:
    async with loaded(visit, Window.DRIVEN) as (page, traffic):
        await _leaving(page, traffic, f"document.querySelector('{_LEAVE}').click()")


# Not quick, like the next but one: whether it is put back depends on how fast this machine lets it press.
@ROBOTS.enter("stealth, script clicks the button", shows="a click that no hand made", is_quick=False)
async def stealth_click_by_script(visit: Visit) -> None:
    async with loaded(visit, STEALTH) as (page, traffic):
        await _leaving(page, traffic, f"document.querySelector('{_LEAVE}').click()")


@ROBOTS.enter("driven press of the button", shows="webdriver")
async def press(visit: Visit) -> None:
    async with loaded(visit, Window.DISGUISED) as (page, traffic):
        await _press_at_once(page, traffic)


@ROBOTS.enter("stealth, press of the button", shows="a button that no finger held", is_quick=False)
async def stealth_press(visit: Visit) -> None:
    async with loaded(visit, STEALTH) as (page, traffic):
        await _press_at_once(page, traffic)


async def _leaving(page: Page, traffic: Traffic, script: str) -> None:
    """Run a script that leaves the page; it does not ask whether the button can be seen."""
    await traffic.rest(page)
    async with page.expect_navigation(wait_until="load"):
        await page.evaluate(script)


async def _press_at_once(page: Page, traffic: Traffic) -> None:
    """A click by the browser's protocol: the pointer jumps there, and the button goes down and up at once."""
    await traffic.rest(page)
    button = page.locator(_LEAVE)
    if await button.is_visible():
        async with page.expect_navigation(wait_until="load"):
            await button.click(no_wait_after=True)


# Among what a person does


@ROBOTS.enter("stealth, clicks in a mail page")
async def click_in_mail(visit: Visit) -> None:
    """Renders the mail on another site and clicks its link there, as one that knows how to."""
    async with blank(visit, STEALTH) as (mail, traffic):
        await mail.goto(visit.webmail.mail(visit.mail.leave))
        async with mail.context.expect_page() as opened:
            await mail.get_by_role("link", name="leave").click()
        await traffic.rest(await opened.value)


@ROBOTS.enter("gateway: 50 by HTTP, 4 by browser", shows="fifty recipients, the hidden link", recipients=ORGANISATION)
async def browse_for_some(visit: Visit) -> None:
    """Opens all links of every mail by HTTP, and of some the first one in a browser that hides well too."""
    await _browse(visit, FEW)
    for mail in visit.mails:
        await open_all(visit, mail)


@ROBOTS.enter("gateway: 12 by browser", shows="twelve recipients", recipients=MORE, is_quick=False)
async def browse_for_all(visit: Visit) -> None:
    """Opens the first link of every mail in a browser that hides well, and nothing else."""
    await _browse(visit, MORE)


async def _browse(visit: Visit, recipients: int) -> None:
    """Open the links one after the other in one window, as fast as they load."""
    await _open_in_browser(visit, *(mail.leave for mail in visit.mails[:recipients]))
