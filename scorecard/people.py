"""People: each does whatever it takes to leave. First the click in the mail, then a look at the page, and if that shows
the button, a press of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from playwright.async_api import BrowserContext, Page

from scorecard.browsers import Window
from scorecard.hands import BUTTON, Reader
from scorecard.http_robots import open_all
from scorecard.networks import Network
from scorecard.visits import Cast, Label, Visit
from tests.browser.programs import forms_in

# At home; behind a VPN's exit in a data centre; at work behind a web gateway; in a mail gateway's isolated browser.
PEOPLE = Cast(Label.PERSON, (Network.CONSUMER, Network.DATA_CENTRE, Network.GATEWAY, Network.MAIL_SECURITY))
ANYWHERE = (Network.CONSUMER, Network.DATA_CENTRE)
HOME = (Network.CONSUMER,)
PATIENCE = 3  # presses after which a person gives up
# What lynx 2.9 sends.
LYNX = {
    "Accept": "text/html, text/plain, text/sgml, text/css, */*;q=0.01",
    "Accept-Language": "en",
    "User-Agent": "Lynx/2.9.0 libwww-FM/2.14 SSL-MM/1.4.1 GNUTLS/3.7.8",
}

type Press = Callable[[Reader], Awaitable[bool]]


async def finish(visit: Visit, reader: Reader, press: Press) -> None:
    """Look at the page and press while it asks; `press` says whether it found anything to press."""
    await reader.read()
    while not await reader.has_left() and visit.presses < PATIENCE:
        if await press(reader):
            visit.presses += 1
            await reader.await_answer()
        await reader.read()


async def press_by_mouse(reader: Reader) -> bool:
    """Move to the button; whoever finds on the way that the page is done presses nothing."""
    if not (place := await reader.middle_of_button()):
        return False
    await reader.move(*place)
    await reader.read()
    if await reader.has_left():
        return False
    await reader.press()
    return True


async def tap_button(reader: Reader) -> bool:
    if not (place := await reader.middle_of_button()):
        return False
    await reader.touch(*place)
    return True


async def press_by_keys(reader: Reader) -> bool:
    """Tab to the button and press Enter there."""
    while not await reader.page.locator(f"{BUTTON}:focus").count():
        await reader.type("Tab")
        await reader.read()
        if await reader.has_left():
            return False
    await reader.type("Enter")
    return True


async def press_by_screen_reader(reader: Reader) -> bool:
    """A screen reader keeps the key for itself and has the browser do what the button is for: a click that the browser
    calls trusted, with neither pointer nor key before it. The protocol's way to one is a character without a key."""
    await reader.page.locator(BUTTON).focus()
    session = await reader.page.context.new_cdp_session(reader.page)
    await session.send("Input.dispatchKeyEvent", {"type": "char", "text": "\r", "unmodifiedText": "\r"})
    return True


@asynccontextmanager
async def reading_mail(visit: Visit, kind: Window = Window.DESKTOP) -> AsyncIterator[tuple[BrowserContext, Reader]]:
    """A webmail with the mail open."""
    async with visit.browsers.window(kind, visit.network) as window:
        yield window, await _open_mail(visit, window, visit.mail.leave)


async def _open_mail(visit: Visit, window: BrowserContext, link: str) -> Reader:
    page = await window.new_page()
    await page.goto(visit.webmail.mail(link))
    return Reader(page)


async def click(window: BrowserContext, mail: Reader) -> Reader:
    """Click the link in the mail as a hand does; return the page that opens."""
    box = await mail.page.get_by_role("link", name="leave").bounding_box()
    assert box
    await mail.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    async with window.expect_page() as opened:
        await mail.press()
    return Reader(await opened.value, place=mail.place)


@asynccontextmanager
async def from_mail_program(visit: Visit, kind: Window = Window.DESKTOP) -> AsyncIterator[Reader]:
    """A page that a mail program opened: no other page has led here."""
    async with visit.browsers.window(kind, visit.network) as window:
        page: Page = await window.new_page()
        reader = Reader(page)
        await page.goto(visit.mail.leave, wait_until="commit")
        yield reader


# With a mouse


@PEOPLE.enter("webmail, moving hand", has_hand=True)
async def moving_hand(visit: Visit) -> None:
    async with reading_mail(visit) as (window, mail):
        page = await click(window, mail)
        await page.wander()
        await finish(visit, page, press_by_mouse)


@PEOPLE.enter("webmail, still hand")
async def still_hand(visit: Visit) -> None:
    async with reading_mail(visit) as (window, mail):
        await finish(visit, await click(window, mail), press_by_mouse)


@PEOPLE.enter("mail program, moving hand", has_hand=True, networks=ANYWHERE)
async def program_moving_hand(visit: Visit) -> None:
    async with from_mail_program(visit) as page:
        await page.wander()
        await finish(visit, page, press_by_mouse)


@PEOPLE.enter("mail program, still hand", networks=ANYWHERE)
async def program_still_hand(visit: Visit) -> None:
    async with from_mail_program(visit) as page:
        await finish(visit, page, press_by_mouse)


@PEOPLE.enter("through a link-wrapping redirect", has_hand=True, networks=ANYWHERE)
async def wrapped(visit: Visit) -> None:
    async with visit.browsers.window(Window.DESKTOP, visit.network) as window:
        mail = await _open_mail(visit, window, visit.webmail.wrapped(visit.mail.leave))
        page = await click(window, mail)
        await page.wander()
        await finish(visit, page, press_by_mouse)


@PEOPLE.enter("through a page that forwards by script", has_hand=True, networks=ANYWHERE, is_quick=False)
async def forwarded(visit: Visit) -> None:
    """A gateway's page in between, after which the browser no longer says that a person clicked."""
    forward = visit.webmail.page("One moment", f'<script>location.replace("{visit.mail.leave}")</script>')
    async with visit.browsers.window(Window.DESKTOP, visit.network) as window:
        page = await click(window, await _open_mail(visit, window, forward))
        await page.page.wait_for_url(visit.mail.leave, wait_until="commit")
        await page.wander()
        await finish(visit, page, press_by_mouse)


@PEOPLE.enter("tab in the background, shown later", networks=HOME, is_quick=False)
async def background_tab(visit: Visit) -> None:
    async with reading_mail(visit, Window.TABS) as (window, mail):
        async with window.expect_page() as opened:
            await mail.page.get_by_role("link", name="leave").click(modifiers=["Control"])
        page = Reader(await opened.value)
        await page.page.wait_for_load_state("load")
        await page.page.bring_to_front()
        await finish(visit, page, press_by_mouse)


# On a phone


@PEOPLE.enter("phone, tap in a mail app", networks=ANYWHERE)
async def phone_tap(visit: Visit) -> None:
    async with from_mail_program(visit, Window.PHONE) as page:
        await finish(visit, page, tap_button)


@PEOPLE.enter("phone, draws a finger over the page", has_hand=True, networks=ANYWHERE)
async def phone_scroll(visit: Visit) -> None:
    async with from_mail_program(visit, Window.PHONE) as page:
        await page.read()
        await page.touch(200, 640, to=(205, 420))
        await finish(visit, page, tap_button)


# Without a pointer


@PEOPLE.enter("keyboard", networks=ANYWHERE)
async def keyboard(visit: Visit) -> None:
    await _enter_on_link(visit, press_by_keys)


@PEOPLE.enter("screen reader", networks=HOME)
async def screen_reader(visit: Visit) -> None:
    await _enter_on_link(visit, press_by_screen_reader)


async def _enter_on_link(visit: Visit, press: Press) -> None:
    async with reading_mail(visit) as (window, mail):
        await mail.type("Tab")
        async with window.expect_page() as opened:
            await mail.type("Enter")
        await finish(visit, Reader(await opened.value), press)


# Without scripts


@PEOPLE.enter("no JavaScript", networks=HOME, has_script=False)
async def no_script(visit: Visit) -> None:
    async with reading_mail(visit, Window.NO_SCRIPT) as (window, mail):
        page = await click(window, mail)
        await page.page.locator(BUTTON).wait_for()
        await page.move(*(await page.middle_of_button() or page.place))
        await page.press()
        visit.presses += 1
        await page.await_answer()


@PEOPLE.enter("text browser", networks=HOME, has_script=False)
async def text_browser(visit: Visit) -> None:
    """Reads the page and presses the button that says Unsubscribe, as lynx sends it."""
    landing = await visit.fetch(visit.mail.leave, LYNX)
    form = next(form for form in forms_in(landing.text) if ("choice", "leave") in form.buttons)
    await visit.submit(form, visit.mail.leave, LYNX, form.buttons.index(("choice", "leave")))
    visit.presses += 1


# In an office whose scanner comes from the same address


async def _scan_office(visit: Visit) -> None:
    """The office's scanner, another program, opens the links of all, this person's too, with the hidden one."""
    for mail in visit.mails:
        await open_all(visit, mail)


@PEOPLE.enter("shared office, scanned before", has_hand=True, networks=HOME, recipients=6)
async def scanned_before(visit: Visit) -> None:
    await _scan_office(visit)
    await moving_hand(visit)


@PEOPLE.enter("shared office, scanned after", has_hand=True, networks=HOME, recipients=6)
async def scanned_after(visit: Visit) -> None:
    await moving_hand(visit)
    await _scan_office(visit)


@PEOPLE.enter("shared office, still hand, scanned after", networks=HOME, recipients=6)
async def still_scanned_after(visit: Visit) -> None:
    await still_hand(visit)
    await _scan_office(visit)


@PEOPLE.enter("shared office, mail program, still hand, scanned after", networks=HOME, recipients=6)
async def program_scanned_after(visit: Visit) -> None:
    await program_still_hand(visit)
    await _scan_office(visit)
