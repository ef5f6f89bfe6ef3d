"""How people click and press, and what a page then shows."""

from __future__ import annotations

from playwright.sync_api import BrowserContext, Page, expect

JUST_SENT = 5  # seconds since sending, when most scanners come


def click_in_webmail(context: BrowserContext, mail: str) -> Page:
    """Move the pointer over the mail and click its link, as a hand does; return the page that opens."""
    webmail = context.new_page()
    webmail.goto(mail)
    webmail.mouse.move(30, 40)
    webmail.mouse.move(210, 180, steps=8)
    with context.expect_page() as opened:
        webmail.get_by_role("link", name="leave").click()
    return opened.value


def press(page: Page, name: str) -> None:
    """Press a button, moving the pointer straight to it in one step, for as long as a finger does."""
    page.get_by_role("button", name=name, exact=True).click(delay=70)


def expect_done(page: Page) -> None:
    expect(page.get_by_role("status")).to_contain_text("You are unsubscribed")


def expect_asked(page: Page) -> None:
    expect(page.locator("main")).to_have_attribute("data-state", "ask")
    expect(page.get_by_role("button", name="Unsubscribe", exact=True)).to_be_visible()
