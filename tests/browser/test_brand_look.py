"""A brand's look as browsers show it: its colours in both schemes, its logo, its foot, and the preview in the admin."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from preferences.colours import DARK, LIGHT, Scheme, colour_in, stylesheet
from preferences.links import Purpose
from preferences.looks import digest_of
from tests.browser.axe import faults
from tests.browser.hands import strike
from tests.browser.programs import request
from tests.browser.serving import Farewell, new_address, wait_until

JUST_SENT = 5
PASSWORD = "a-password-of-the-tests"
SCHEMES = (LIGHT, DARK)
# As near to unreadable as is taken, as far from it as can be, and one of both colours alone.
EXTREMES = [(LIGHT.nearest("#ffff00"), DARK.nearest("#0000ff")), ("#000000", "#ffffff"), ("", "#f5b700")]
_DRESS = """
from io import BytesIO
from PIL import Image
from preferences.models import Brand, BrandText
brand = Brand.objects.get(slug="demo")
file = BytesIO()
Image.new("RGBA", (400, 100), (30, 30, 40, 200)).save(file, "png")
brand.logo, brand.logo_type = file.getvalue(), "image/png"
brand.accent, brand.accent_dark = {accent!r}, {accent_dark!r}
brand.imprint_url = brand.privacy_url = "https://example.org/about"
brand.save()
texts = dict(introduction="Letters, as you like them.", goodbye="It was good to have you.", footer="Demo, Exampleton")
BrandText.objects.update_or_create(brand=brand, language="en", defaults=texts)
"""


@pytest.fixture(scope="module")
def farewell() -> Iterator[Farewell]:
    """A server of its own: other tests look at the demo brand undressed."""
    farewell = Farewell({"FAREWELL_TRUSTED_PROXY_COUNT": "1"})
    try:
        farewell.start()
        command = ("createsuperuser", "--noinput", "--username", "bob", "--email", "bob@example.org")
        farewell.manage(*command, DJANGO_SUPERUSER_PASSWORD=PASSWORD)
        yield farewell
        assert "Traceback" not in farewell.log.read_text()
    finally:
        farewell.close()


@pytest.fixture
def window(peoples_chromium: Browser, network: dict[str, str]) -> Iterator[BrowserContext]:
    with peoples_chromium.new_context(extra_http_headers=network, reduced_motion="reduce") as context:
        yield context


def dress(farewell: Farewell, accent: str, accent_dark: str) -> None:
    """Give the demo brand a look, and wait until its pages have it."""
    farewell.manage("shell", "--verbosity", "0", "-c", _DRESS.format(accent=accent, accent_dark=accent_dark))
    path = f"/b/demo-{digest_of(stylesheet(accent, accent_dark).encode())}.css"
    wait_until(lambda: path in request(farewell.link(new_address())).text, "the landing page has the look")


@pytest.fixture(scope="module", params=EXTREMES, ids=["least", "most", "one alone"])
def colours(request: pytest.FixtureRequest, farewell: Farewell) -> tuple[str, str]:
    dress(farewell, *request.param)
    accents: tuple[str, str] = request.param
    return accents


@pytest.fixture(scope="module")
def dressed(farewell: Farewell) -> Farewell:
    dress(farewell, "#7a1f5c", "")
    return farewell


def shown(page: Page, selector: str, name: str) -> str:
    """A colour as the browser computes it, as #rrggbb."""
    text: str = page.locator(selector).first.evaluate("(e, name) => getComputedStyle(e)[name]", name)
    numbers = text[text.index("(") + 1 : text.index(")")].split(",")
    return "#" + "".join(f"{int(number):02x}" for number in numbers[:3])


def asking(page: Page, farewell: Farewell) -> None:
    page.goto(farewell.link(new_address(), age=JUST_SENT))
    expect(page.locator("main")).to_have_attribute("data-state", "ask")


def left(page: Page, farewell: Farewell) -> None:
    page.goto(farewell.link(new_address()))
    expect(page.get_by_role("status")).to_contain_text("It was good to have you.")


def choosing(page: Page, farewell: Farewell) -> None:
    page.goto(farewell.link(new_address(), Purpose.PREFERENCES))
    expect(page.get_by_text("Letters, as you like them.")).to_be_visible()


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.name)
def test_the_brands_colours_are_what_is_shown(
    window: BrowserContext, farewell: Farewell, colours: tuple[str, str], scheme: Scheme
) -> None:
    page = window.new_page()
    page.emulate_media(color_scheme="dark" if scheme is DARK else "light")
    accent = colour_in(scheme, *colours)
    asking(page, farewell)
    assert shown(page, ".primary", "backgroundColor") == accent
    assert shown(page, ".primary", "color") == scheme.on_accent
    assert shown(page, "main", "backgroundColor") == scheme.card
    assert shown(page, "html", "backgroundColor") == scheme.page
    page.locator(".primary").hover()
    assert shown(page, ".primary", "backgroundColor") == scheme.strong(accent)
    left(page, farewell)
    assert shown(page, "main .after a", "color") == accent


def test_extreme_colours_can_be_read_on_every_page(
    window: BrowserContext, farewell: Farewell, colours: tuple[str, str]
) -> None:
    page = window.new_page()
    for reach in (asking, left, choosing):
        reach(page, farewell)
        assert faults(page) == [], reach.__name__


def test_the_look_keeps_the_pages_policy_and_asks_nobody_else(window: BrowserContext, dressed: Farewell) -> None:
    page, foreign, told = window.new_page(), [], []
    host = urlsplit(dressed.url).netloc
    page.on("request", lambda sent: foreign.append(sent.url) if urlsplit(sent.url).netloc != host else None)
    page.on("console", lambda message: told.append(message.text))
    asking(page, dressed)
    assert foreign == []
    assert told == []
    assert window.cookies() == []


@pytest.mark.parametrize("width", [320, 768, 1280])
def test_the_logo_is_small_and_nothing_moves_when_it_comes(
    window: BrowserContext, dressed: Farewell, width: int
) -> None:
    page = window.new_page()
    page.set_viewport_size({"width": width, "height": 800})
    page.route("**/b/*.png", lambda route: None)  # never answered
    page.goto(dressed.link(new_address(), age=JUST_SENT), wait_until="commit")
    heading = page.get_by_role("heading", name="Unsubscribe from News")
    expect(heading).to_be_visible()
    before = heading.bounding_box()
    page.unroute("**/b/*.png")
    asking(page, dressed)
    logo = page.get_by_role("img", name="Demo Letters")
    wait_until(lambda: logo.evaluate("e => e.complete && e.naturalWidth"), "the logo is there")
    assert page.get_by_role("heading", name="Unsubscribe from News").bounding_box() == before
    assert logo.evaluate("e => e.getBoundingClientRect().height <= 3 * parseFloat(getComputedStyle(e).fontSize)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_foot_has_the_brands_words_and_links(window: BrowserContext, dressed: Farewell) -> None:
    page = window.new_page()
    asking(page, dressed)
    foot = page.get_by_role("contentinfo")
    expect(foot).to_contain_text("Demo, Exampleton")
    for name in ("Imprint", "Privacy notice"):
        link = foot.get_by_role("link", name=name)
        expect(link).to_have_attribute("href", "https://example.org/about")
        box = link.bounding_box()
        assert box
        assert box["height"] >= 24


# The preview


@pytest.fixture
def preview(window: BrowserContext, dressed: Farewell) -> Page:
    page = window.new_page()
    page.goto(f"{dressed.url}/admin/preferences/brand/")
    page.get_by_label("Username").fill("bob")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("link", name="Preview Demo Letters").click()
    expect(page.get_by_role("heading", name="Preview of Demo Letters")).to_be_visible()
    return page


@pytest.mark.parametrize("own", ["light", "dark"])
def test_each_frame_has_its_scheme_whatever_the_browser_prefers(preview: Page, own: str) -> None:
    preview.emulate_media(color_scheme="dark" if own == "dark" else "light")
    for scheme in SCHEMES:
        for name in ("The link in a mail", "After leaving", "All preferences"):
            iframe = preview.locator(f'iframe[title="{name}: {scheme.name.title()}"]')
            iframe.scroll_into_view_if_needed()
            body = preview.frame_locator(f'iframe[title="{name}: {scheme.name.title()}"]')
            expect(body.get_by_role("img", name="Demo Letters")).to_be_visible()
            html = body.locator("html")
            expect(html).to_have_css("background-color", rgb(scheme.page))
            expect(body.locator(".brand img")).to_have_css("padding-top", "6.375px" if scheme is DARK else "0px")
    landing = preview.frame_locator('iframe[title="The link in a mail: Dark"]')
    expect(landing.get_by_role("button", name="Unsubscribe")).to_have_css(
        "background-color", rgb(colour_in(DARK, "#7a1f5c", ""))
    )


def rgb(colour: str) -> str:
    return "rgb({}, {}, {})".format(*bytes.fromhex(colour[1:]))


def test_the_phone_is_as_wide_as_a_phone(preview: Page) -> None:
    box = preview.locator('iframe[title="The link in a mail: On a phone"]').bounding_box()
    assert box
    assert 320 <= box["width"] <= 390


def test_nothing_can_be_sent_from_the_preview(preview: Page, dressed: Farewell) -> None:
    sent: list[str] = []
    preview.on("request", lambda made: sent.append(made.url) if made.method != "GET" else None)
    for title, button in (
        ("The link in a mail", "Unsubscribe"),
        ("After leaving", "Undo"),
        ("All preferences", "Save"),
    ):
        frame = preview.frame_locator(f'iframe[title="{title}: Light"]')
        frame.get_by_role("button", name=button, exact=True).click()
        strike(preview, "Enter")
        expect(frame.get_by_role("button", name=button, exact=True)).to_be_visible()
    assert sent == []
    assert dressed.query("SELECT count(*) FROM preferences_preferencechange WHERE source <> 'arrival'") == [(0,)]


def test_a_link_in_the_preview_stays_in_it(preview: Page) -> None:
    frame = preview.frame_locator('iframe[title="After leaving: Dark"]')
    frame.get_by_role("link", name="All preferences").click()
    expect(frame.get_by_role("heading", name="Your preferences")).to_be_visible()
    expect(frame.locator("html")).to_have_css("background-color", rgb(DARK.page))


# Topics


def test_a_topics_place_and_its_texts_in_other_languages_are_in_sight(preview: Page, dressed: Farewell) -> None:
    preview.set_viewport_size({"width": 1280, "height": 900})
    preview.goto(f"{dressed.url}/admin/preferences/topic/")
    list_box, place = preview.locator(".results").bounding_box(), preview.get_by_role("spinbutton").first.bounding_box()
    assert list_box
    assert place
    assert place["x"] + place["width"] <= list_box["x"] + list_box["width"]
    preview.get_by_role("link", name="News").click()
    expect(preview.locator(".inline-group")).to_contain_text("Example rhythm")
    table, group = (
        preview.locator(".inline-group table").bounding_box(),
        preview.locator(".inline-group").bounding_box(),
    )
    assert table
    assert group
    assert table["width"] <= group["width"]
