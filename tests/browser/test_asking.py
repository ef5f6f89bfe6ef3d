"""Without a link at hand: type an address, get a mail, go on; and see, keep and erase one's own data. With a script and
without, by keyboard and in lynx."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from preferences.links import Purpose
from tests.browser.axe import violations
from tests.browser.serving import HOUR, Farewell, new_address
from tests.browser.test_text_browsers import find, on_a_terminal
from tests.smtp import MailServer, serving_mail, text_of

WEEKS = 15 * 24 * HOUR


@pytest.fixture(scope="module")
def mail_server() -> Iterator[MailServer]:
    with serving_mail() as server:
        yield server


@pytest.fixture(scope="module")
def farewell(mail_server: MailServer) -> Iterator[Farewell]:
    server = Farewell({"EMAIL_URL": f"smtp://127.0.0.1:{mail_server.port}", "FAREWELL_TRUSTED_PROXY_COUNT": "1"})
    try:
        server.start()
        yield server
        assert server.terminate() == 0
        assert "Traceback" not in server.log.read_text()
        assert "example.org" not in server.log.read_text()  # promise P7
    finally:
        server.close()


@pytest.fixture(params=["with a script", "without"])
def context(request: Any, peoples_chromium: Browser, network: dict[str, str]) -> Iterator[BrowserContext]:
    options = {"java_script_enabled": request.param == "with a script", "accept_downloads": True}
    with peoples_chromium.new_context(extra_http_headers=network, **options) as context:
        yield context
        assert context.cookies() == []


type Letters = Callable[[str], str]


@pytest.fixture
def letters(farewell: Farewell, mail_server: MailServer) -> Letters:
    """Let the worker work and return the text of the last mail to an address, "" for none."""

    def read(address: str) -> str:
        farewell.manage("db_worker", "--batch", "--no-startup-delay")
        texts = [text_of(mail) for mail in mail_server.mails if mail["To"] == address]
        return texts[-1] if texts else ""

    return read


def link_in(text: str, door: str) -> str:
    found = re.search(rf"http://\S+/{door}/[\w-]+", text)
    assert found
    return found[0]


def type_address(page: Page, text: str) -> None:
    page.get_by_label("Your e-mail address").fill(text)
    page.get_by_role("button", name="Send me a link").click()


def test_from_a_broken_link_to_ones_preferences(farewell: Farewell, context: BrowserContext, letters: Letters) -> None:
    alice, page = new_address(), context.new_page()
    page.goto(farewell.link(alice)[:-4])
    expect(page.get_by_role("heading", level=1)).to_have_text("This link does not work")
    type_address(page, alice)
    expect(page.get_by_role("heading", level=1)).to_have_text("Look at your mail")
    page.goto(link_in(letters(alice), "p"))
    expect(page.locator("main")).to_contain_text("a•••@e•••.org")


def test_a_typing_error_is_said_beside_what_was_typed(farewell: Farewell, context: BrowserContext) -> None:
    page = context.new_page()
    page.goto(f"{farewell.url}/a/demo")
    type_address(page, "alice@example")
    field = page.get_by_label("Your e-mail address")
    expect(field).to_have_value("alice@example")
    expect(field).to_be_focused()
    expect(field).to_have_accessible_description("This is not an e-mail address. Write it like name@example.org.")
    expect(page).to_have_title(re.compile(r"^Not sent: "))


def test_seeing_keeping_and_erasing_ones_data(
    farewell: Farewell, context: BrowserContext, letters: Letters, tmp_path: Path
) -> None:
    alice, page = new_address(), context.new_page()
    farewell.manage("shell", "--verbosity", "0", "-c", _LEAVE.format(address=alice))
    asked = context.request.post(f"{farewell.link(alice, Purpose.PREFERENCES)}/data", form={"choice": "data"})
    assert alice not in asked.text()
    page.goto(link_in(letters(alice), "d"))
    expect(page.locator("main")).to_contain_text(alice)
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download everything as a file (JSON)").click()
    waiting.value.save_as(tmp_path / "data.json")
    assert alice in (tmp_path / "data.json").read_text()
    page.get_by_role("button", name="Erase everything about me").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Erase everything?")
    page.get_by_role("button", name="Keep everything").click()
    expect(page.get_by_role("status")).to_have_text("Nothing was changed")
    page.get_by_role("button", name="Erase everything about me").click()
    page.get_by_role("button", name="Erase everything about me").click()
    expect(page.get_by_role("status")).to_contain_text("Everything is erased")
    assert farewell.query("SELECT count(*) FROM preferences_recipient WHERE address = %s", alice) == [(0,)]


_LEAVE = """
from preferences.models import *
from preferences.links import Channel
Recipient.at(1, Channel.EMAIL, "{address}").leave_everything(Cause(Source.PREFERENCE_PAGE))
"""


def test_asking_in_lynx(farewell: Farewell, letters: Letters, tmp_path: Path) -> None:
    alice = new_address()
    script = tmp_path / "keys"
    typed = "".join(f"key {letter}\n" for letter in alice)
    script.write_text(f"{typed}key <tab>\nkey ^J\nkey q\nkey y\n")
    environment = {**os.environ, "TERM": "vt100", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
    screen = on_a_terminal([find("lynx"), f"-cmd_script={script}", f"{farewell.url}/a/demo"], environment)
    assert "Look at your mail" in screen
    assert farewell.url in link_in(letters(alice), "p")


# What every page owes its visitors


def _asked(page: Page, farewell: Farewell) -> None:
    page.goto(f"{farewell.url}/a/demo")
    type_address(page, new_address())


def _mistyped(page: Page, farewell: Farewell) -> None:
    page.goto(f"{farewell.url}/a/demo")
    type_address(page, "alice")


def _sure(page: Page, farewell: Farewell) -> None:
    page.goto(farewell.link(new_address(), Purpose.ACCESS))
    page.get_by_role("button", name="Erase everything about me").click()


def _erased(page: Page, farewell: Farewell) -> None:
    _sure(page, farewell)
    page.get_by_role("button", name="Erase everything about me").click()


def _data(page: Page, farewell: Farewell) -> None:
    alice = new_address("a-very-long-name-that-somebody-was-given-by-a-school")
    farewell.manage("shell", "--verbosity", "0", "-c", _LEAVE.format(address=alice))
    page.goto(farewell.link(alice))
    page.goto(farewell.link(alice, Purpose.ACCESS))


STATES: dict[str, Callable[[Page, Farewell], Any]] = {
    "not found": lambda page, farewell: page.goto(f"{farewell.url}/u/nothing"),
    "no such page": lambda page, farewell: page.goto(f"{farewell.url}/nothing"),
    "form": lambda page, farewell: page.goto(f"{farewell.url}/a/demo"),
    "mistyped": _mistyped,
    "asked": _asked,
    "data": _data,
    "sure": _sure,
    "erased": _erased,
    "expired": lambda page, farewell: page.goto(farewell.link(new_address(), Purpose.ACCESS, WEEKS)),
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("state", STATES)
def test_every_page_is_accessible_and_fits_a_small_screen(
    farewell: Farewell, peoples_chromium: Browser, network: dict[str, str], state: str, scheme: Any
) -> None:
    with peoples_chromium.new_context(
        extra_http_headers=network, color_scheme=scheme, viewport={"width": 320, "height": 640}
    ) as context:
        page = context.new_page()
        STATES[state](page, farewell)
        expect(page.get_by_role("heading", level=1)).to_have_count(1)
        assert violations(page, scheme, {}) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
