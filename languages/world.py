"""A server with a brand that uses all it can, and a visitor who comes to its pages in one language."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from playwright.sync_api import Browser, Page

from languages.messages import collect
from languages.pseudo import write_pseudo
from preferences.links import Purpose
from tests.browser.serving import HOUR, Farewell, new_address

JUST_SENT = 5
# Names of a brand are the brand's: on every page they stand as it wrote them.
BRAND_WORDS = (
    "Demo Letters",
    "Letters about the garden",
    "News",
    "What is new, once a month.",
    "about twice a month, on Fridays",
    "Offers",
    "Surveys",
    "Invoices",
    "Our own foot",
    "A word of ours",
    "A farewell of ours",
)
_FURNISH = """
from preferences.models import Brand, BrandText, Topic, TopicGroup
brand = Brand.objects.get(slug="demo")
brand.imprint_url, brand.privacy_url = "https://example.org/imprint", "https://example.org/privacy"
brand.save()
BrandText.objects.create(brand=brand, language="en", introduction="A word of ours", goodbye="A farewell of ours",
                         footer="Our own foot")
group = TopicGroup.objects.create(brand=brand, name="Letters about the garden", position=1)
Topic.objects.filter(slug="news").update(
    group=group, frequencies=["every", "daily", "weekly", "monthly"], channels=["email"],
    rhythm="about twice a month, on Fridays")
Topic.objects.filter(slug="offers").update(frequencies=["every", "weekly"])
Topic.objects.create(brand=brand, slug="invoices", name="Invoices", is_required=True, channels=["email"], position=9)
"""
# Of every mail of Farewell's own, as unsubscribe/letters.py composes it.
_MAILS = """
import json, sys
from datetime import date
from preferences.languages import spoken_date
from preferences.models import Brand
from unsubscribe import letters
brand = Brand.objects.get(slug="demo")
url = "https://leave.example.org/p/AbCdEfGhIjKlMnOpQrStUvWxYzAbCdEfGhIjKlMnOpQrStUvWxYzAbCdEfGhIjKlMnOpQrStUvWxYz"
def contexts(code):
    yield brand, "notice", {"topic_name": "News", "back_url": url}
    yield brand, "everything", {"day": "", "preferences_url": url}
    pause = {"day": spoken_date(date(2027, 9, 30), code), "is_one_press": True}
    yield brand, "everything", {**pause, "preferences_url": url}
    yield brand, "again", {"preferences_url": url}
    yield brand, "links", {"links": [("Demo Letters", url)]}
    yield None, "links", {"links": []}
    yield brand, "confirm", {"offers": [("News", url), ("Offers", url)], "hidden_url": url}
    yield brand, "data", {"url": url}
mails = {}
for code in json.loads(CODES):
    mails[code] = []
    for owner, name, context in contexts(code):
        mail = letters.compose(owner, code, "alice@example.org", name, context)
        mails[code].append([name, mail.subject, mail.body, mail.alternatives[0].content])
print("MAILS" + json.dumps(mails))
"""
_networks = count(1)


@dataclass(frozen=True, slots=True)
class Mail:
    name: str
    subject: str
    text: str
    html: str


@dataclass(slots=True)
class Visitor:
    """Someone with links of a mail of their own, from a network of their own. What is pressed is named by what the
    button sends, which is the same in every language."""

    page: Page
    server: Farewell
    language: str
    address: str
    age: int = HOUR

    def go(self, purpose: Purpose = Purpose.UNSUBSCRIBE, age: int = HOUR, path: str = "") -> None:
        """Open a link of a mail that was sent `age` seconds ago, or what stands below it."""
        self.open(self.server.link(self.address, purpose, age).removeprefix(self.server.url) + path)

    def open(self, path: str) -> None:
        self.page.goto(f"{self.server.url}{path}?lang={self.language}")

    def press(self, value: str, within: str = "form") -> None:
        """Press the button that sends the value, or the form's only one when that is "". By the keyboard: a new page
        takes no clicks for half a second."""
        button = f'{within} button[value="{value}"]' if value else f"{within} button"
        with self.page.expect_navigation():
            self.page.locator(button).first.press("Enter")

    def expect(self, selector: str) -> None:
        self.page.locator(selector).first.wait_for()


@contextmanager
def serving(*, is_pseudo: bool = False) -> Iterator[Farewell]:
    """A server behind one proxy, which is each visitor itself; `is_pseudo`: one that speaks the pseudo-languages."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        settings = {"FAREWELL_TRUSTED_PROXY_COUNT": "1"}
        if is_pseudo:
            write_pseudo(Path(folder), collect())
            settings |= {"DJANGO_SETTINGS_MODULE": "languages.pseudo_settings", "PSEUDO_LOCALE": folder}
        farewell = Farewell(settings)
        try:
            farewell.manage("shell", "--verbosity", "0", "-c", _FURNISH)
            farewell.start()
            yield farewell
        finally:
            farewell.close()


@contextmanager
def visiting(browser: Browser, server: Farewell, language: str, **options: Any) -> Iterator[Visitor]:
    """A window in a network of its own (RFC 2544); as on a phone, its scroll bars take no room."""
    number = next(_networks)
    network = {"X-Forwarded-For": f"198.{18 + number // 256 % 2}.{number % 256}.1"}
    with browser.new_context(extra_http_headers=network, **{"is_mobile": True, **options}) as context:
        page = context.new_page()
        page.set_default_timeout(30_000)
        yield Visitor(page, server, language, new_address())
        page.unroute_all(behavior="ignoreErrors")


def mails(server: Farewell, languages: list[str]) -> dict[str, list[Mail]]:
    """Every mail of Farewell's own in the languages."""
    script = f"CODES = {json.dumps(json.dumps(languages))}\n{_MAILS}"
    printed = server.manage("shell", "--verbosity", "0", "-c", script)
    found = json.loads(printed.partition("MAILS")[2])
    return {code: [Mail(*row) for row in rows] for code, rows in found.items()}
