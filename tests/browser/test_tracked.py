"""A tracked link and the counting picture in a webmail, as a person's browser opens them."""

from __future__ import annotations

import time

from playwright.sync_api import Browser, BrowserContext, Page, expect

from preferences.link_urls import url_of
from preferences.links import Channel, Claims, Purpose, seal
from tests.browser.conftest import Explain
from tests.browser.serving import HOUR, Farewell, new_address, template
from tests.browser.webmail import Webmail


def click_link(server: Farewell, address: str, target: str) -> str:
    claims = Claims(Purpose.CLICK, Channel.EMAIL, int(time.time()) - HOUR, "news", "2026-11", address, target)
    return url_of(server.url, Purpose.CLICK, seal(template().key, claims))


def opened_mail(context: BrowserContext, webmail: Webmail, body: str, head: str = "") -> Page:
    page = context.new_page()
    page.goto(webmail.page(body, head))
    return page


def test_a_click_in_a_webmail_lands_at_the_target(
    server: Farewell, webmail: Webmail, peoples_chromium: Browser, network: dict[str, str], explain: Explain
) -> None:
    alice, shop = new_address(), webmail.page("<h1>Offers</h1>")
    link = click_link(server, alice, shop)
    with peoples_chromium.new_context(extra_http_headers=network) as context:
        requests: list[str] = []
        context.on("request", lambda request: requests.append(request.url))
        mail = opened_mail(context, webmail, f'<a target=_blank href="{link}">Offers</a>')
        requests.clear()
        with context.expect_page() as landed:
            mail.get_by_role("link").click()
        expect(landed.value.get_by_role("heading")).to_have_text("Offers")
        assert landed.value.url == shop
        assert [url for url in requests if "favicon" not in url] == [link, shop]
        assert landed.value.evaluate("document.referrer") == ""
        assert context.cookies() == []
    [row] = explain(alice, "click").interactions
    assert (row["kind"], row["answer"]) == ("click", "redirect")


def test_the_picture_loads_in_a_webmail_with_a_policy_of_its_own(
    server: Farewell, webmail: Webmail, peoples_chromium: Browser, network: dict[str, str], explain: Explain
) -> None:
    alice = new_address()
    picture = server.link(alice, Purpose.OPEN)
    policy = '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src *">'
    with peoples_chromium.new_context(extra_http_headers=network) as context:
        mail = opened_mail(context, webmail, f'<img src="{picture}" width=1 height=1 alt="">', policy)
        image = mail.locator("img")
        assert image.evaluate("async image => { await image.decode(); return image.naturalWidth }") == 1
    [row] = explain(alice, "open").interactions
    assert (row["kind"], row["answer"]) == ("open", "pixel")


def test_a_picture_of_a_broken_link_is_no_broken_picture(
    server: Farewell, webmail: Webmail, peoples_chromium: Browser, network: dict[str, str]
) -> None:
    with peoples_chromium.new_context(extra_http_headers=network) as context:
        mail = opened_mail(context, webmail, f'<img src="{server.url}/i/broken.gif" alt="broken">')
        assert mail.locator("img").evaluate("async image => { await image.decode(); return image.naturalWidth }") == 1
