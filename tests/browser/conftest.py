"""A running Farewell, a webmail on another site, and Chromium as programs and as people use it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Playwright, Request, sync_playwright

from tests.browser.serving import ROOT, Farewell, wait_until
from tests.browser.story import Story

# Nothing leaves the machine: neither Chromium's own calls home, nor a name that a page could mention.
QUIET = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
]
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
    """The header by which a client is seen at a network address that no other test uses (RFC 5737)."""
    return {"X-Forwarded-For": f"198.51.{100 + next(_networks) // 250}.{next(_networks) % 250 + 1}"}


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
        assert process.wait(10) == 0


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


class Webmail:
    """Serves pages from another site: `localhost` is to a browser a stranger to `127.0.0.1`."""

    def __init__(self, port: int) -> None:
        self.url = f"http://localhost:{port}"
        self.pages: dict[str, bytes] = {}

    def page(self, body: str, head: str = "") -> str:
        """Serve a page and return its URL."""
        path = f"/{len(self.pages)}"
        html = f"<!doctype html><html lang=en><title>Webmail</title>{head}<body>{body}</body></html>"
        self.pages[path] = html.encode()
        return self.url + path

    def mail(self, link: str) -> str:
        """Serve a mail that has `link` in its text, as webmail programs show it, and return its URL."""
        text = f'<p>Dear reader,</p><p>If you had enough: <a target=_blank rel=noreferrer href="{link}">leave</a>.</p>'
        return self.page(f"<article style='padding: 12rem'>{text}</article>")


@pytest.fixture(scope="session")
def webmail() -> Iterator[Webmail]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = mails.pages.get(self.path)
            self.send_response(200 if content else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        mails = Webmail(listener.server_port)
        thread = Thread(target=listener.serve_forever)
        thread.start()
        yield mails
        listener.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def chromium_path() -> str:
    if path := os.environ.get("FAREWELL_CHROMIUM"):
        return path
    found = subprocess.run([ROOT / "bin" / "chromium"], capture_output=True, text=True, check=False)
    if found.returncode:
        pytest.exit(f"The browser tests need Chromium: {found.stderr}", returncode=1)
    return found.stdout.strip()


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
    """Chromium as a person uses it. It has to hide that it is driven, because no program can drive it otherwise;
    and it is started without Playwright's own settings, under which no tab is ever in the background."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        said = subprocess.run([chromium_path, "--version"], capture_output=True, text=True, check=True).stdout
        version = next(word for word in said.split() if word[:1].isdigit()).partition(".")[0]
        system = "Macintosh; Intel Mac OS X 10_15_7" if sys.platform == "darwin" else "X11; Linux x86_64"
        agent = f"Mozilla/5.0 ({system}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{version}.0.0.0 Safari/537.36"
        disguise = ["--disable-blink-features=AutomationControlled", f"--user-agent={agent}"]
        options = ["--headless=new", "--remote-debugging-port=0", f"--user-data-dir={profile}", *disguise, *QUIET]
        process = subprocess.Popen([chromium_path, *options, "about:blank"], stderr=subprocess.DEVNULL)
        try:
            port_file = Path(profile, "DevToolsActivePort")
            port = wait_until(
                lambda: port_file.exists() and port_file.read_text().partition("\n")[0], "Chromium starts"
            )
            browser = driver.chromium.connect_over_cdp(f"http://127.0.0.1:{port}", no_defaults=True)
            yield browser
            browser.close()
        finally:
            process.terminate()
            process.wait(10)


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
