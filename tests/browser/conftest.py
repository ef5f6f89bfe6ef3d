"""A running Farewell, a webmail on another site, and Chromium as programs and as people use it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Playwright, Request, expect, sync_playwright

from tests.browser.chromium import QUIET, NoChromiumError, as_people_start_it, find_chromium
from tests.browser.serving import ROOT, Farewell, wait_until
from tests.browser.story import Story
from tests.browser.webmail import Webmail, serving_webmail

expect.set_options(timeout=30_000)  # a busy machine is no fault of a page
_networks = count(1)


@pytest.fixture(scope="session")
def server() -> Iterator[Farewell]:
    """Behind one proxy, which here is each client itself: so that every test comes from a network of its own and
    is not taken for a scanner at work on many recipients."""
    farewell = Farewell({"FAREWELL_TRUSTED_PROXY_COUNT": "1"})
    try:
        farewell.start()
        yield farewell
        assert farewell.terminate() == 0
        log = farewell.log.read_text()
        assert "Traceback" not in log
        assert "example.org" not in log  # promise P7
    finally:
        farewell.close()


@pytest.fixture
def network() -> dict[str, str]:
    """The header by which a client is seen in a network that no other test uses (RFC 2544)."""
    number = next(_networks)
    return {"X-Forwarded-For": f"198.{18 + number // 256}.{number % 256}.1"}


@pytest.fixture(scope="session")
def explainer(server: Farewell) -> Iterator[subprocess.Popen[str]]:
    """`manage.py explain`, started once for all its calls."""
    script = """
import sys
from django.core.management import call_command
from django.db import connection
for line in sys.stdin:
    call_command("explain", line.strip(), "--brand", "demo", "--json")
    print("\\0", flush=True)
    connection.close()
"""
    process = subprocess.Popen(
        [sys.executable, "manage.py", "shell", "--verbosity", "0", "-c", script],
        cwd=ROOT,
        env=server.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield process
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(120) == 0


type Explain = Callable[..., Story]


@pytest.fixture
def explain(explainer: subprocess.Popen[str]) -> Explain:
    """Tell the story of an address, once interactions of all the `kinds` have been recorded."""

    def explain(address: str, *kinds: str) -> Story:
        def look() -> Story | None:
            story = Story.read(_ask(explainer, address))
            return story if {row["kind"] for row in story.interactions} >= set(kinds) else None

        return wait_until(look, f"{address} has {kinds}")

    return explain


def _ask(process: subprocess.Popen[str], address: str) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(address + "\n")
    process.stdin.flush()
    text = ""
    while "\0" not in text:
        line = process.stdout.readline()
        assert line, "manage.py explain failed"
        text += line
    return text.replace("\0", "")


@pytest.fixture(scope="session")
def webmail() -> Iterator[Webmail]:
    with serving_webmail() as webmail:
        yield webmail


@pytest.fixture(scope="session")
def chromium_path() -> str:
    try:
        return find_chromium()
    except NoChromiumError as error:
        pytest.exit(f"The browser tests need Chromium: {error}", returncode=1)


# The scope is the package, because Django refuses its database to whoever shares a thread with Playwright's loop.
@pytest.fixture(scope="package")
def driver() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="package")
def robots_chromium(driver: Playwright, chromium_path: str) -> Iterator[Browser]:
    """Chromium as automation starts it and as it then shows itself: `navigator.webdriver` is true, and the agent
    says HeadlessChrome."""
    with driver.chromium.launch(executable_path=chromium_path, args=["--headless=new", *QUIET]) as browser:
        yield browser


@pytest.fixture(scope="package")
def peoples_chromium(driver: Playwright, chromium_path: str) -> Iterator[Browser]:
    with as_people_start_it(chromium_path) as endpoint:
        browser = driver.chromium.connect_over_cdp(endpoint, no_defaults=True)
        yield browser
        browser.close()


class Watch:
    """What no page of ours may do, noted while a browser is used."""

    def __init__(self, context: BrowserContext, allowed: set[str]) -> None:
        self.violations: list[str] = []
        self.strangers: list[str] = []
        self.allowed = allowed
        self.context = context
        context.on("console", self._hear)
        context.on("request", self._see)

    def _hear(self, message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            self.violations.append(message.text)

    def _see(self, request: Request) -> None:
        if request.url.startswith("http") and urlsplit(request.url).netloc not in self.allowed:
            self.strangers.append(request.url)

    def check(self) -> None:
        self.context.remove_listener("console", self._hear)
        self.context.remove_listener("request", self._see)
        assert self.violations == []
        assert self.strangers == []
        assert self.context.cookies() == []


@pytest.fixture
def watched(server: Farewell, webmail: Webmail) -> Callable[[BrowserContext], AbstractContextManager[Watch]]:
    """A test's use of a browser, which fails on a violation of the CSP, a third party's request or a cookie."""

    @contextmanager
    def watching(context: BrowserContext) -> Iterator[Watch]:
        watch = Watch(context, {urlsplit(server.url).netloc, urlsplit(webmail.url).netloc})
        yield watch
        watch.check()

    return watching


type Watched = Callable[[BrowserContext], AbstractContextManager[Watch]]


@pytest.fixture
def robot(robots_chromium: Browser, network: dict[str, str], watched: Watched) -> Iterator[BrowserContext]:
    with robots_chromium.new_context(extra_http_headers=network) as context, watched(context):
        yield context


@pytest.fixture
def person(peoples_chromium: Browser, network: dict[str, str], watched: Watched) -> Iterator[BrowserContext]:
    """The windows of a person's browser."""
    context = peoples_chromium.contexts[0]
    context.set_extra_http_headers(network)
    with watched(context):
        yield context
    for page in context.pages[1:]:
        page.close()


@pytest.fixture
def without_javascript(
    peoples_chromium: Browser, network: dict[str, str], watched: Watched
) -> Iterator[BrowserContext]:
    context = peoples_chromium.new_context(java_script_enabled=False, extra_http_headers=network)
    with context, watched(context):
        yield context
