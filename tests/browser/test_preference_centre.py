"""The preference page in Chromium, with its script and without any: it has none, so both have to be alike."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from preferences.links import Channel, Claims, LinkKey, Purpose, seal
from tests.browser.axe import violations
from tests.browser.conftest import Explain, Watched
from tests.browser.hands import strike
from tests.browser.programs import request
from tests.browser.serving import Farewell, new_address, wait_until

MAX_COMPRESSED_BYTES = 30_000
UNTRACKED = "Do not record whether I open mails or click links"
_numbers = count()
_MAKE_BRAND = """
from preferences.models import Brand, BrandText, Companions, Recipient, Topic, TopicGroup
from preferences.links import Channel
brand = Brand.objects.create(slug="gazette", name="Demo Gazette")
print(brand.add_key("tests")[1].to_text())
BrandText.objects.create(brand=brand, language="en", introduction="Take what you like and leave the rest.")
headings = ["Magazine", "Shop", "Cities", "Work and careers", "Account"]
groups = [TopicGroup.objects.create(brand=brand, name=name, position=place) for place, name in enumerate(headings)]
for number in range(50):
    Topic.objects.create(
        brand=brand, group=groups[number // 10], slug=f"topic-{number}", name=f"Letter {number} of the house",
        position=number, description=f"What our {number} editors have found in {number * 7} places, gathered for you.",
        rhythm=f"About {number + 2} times a month.", frequencies=["every", "daily", "weekly", "monthly"],
    )
for number in range(40):
    people = [Recipient.at(brand.id, Channel.EMAIL, f"alice-{number}@example.org"),
              Recipient.at(brand.id, Channel.SMS, f"+141555502{number:02}")]
    for one in people:
        one.save()
    Companions.objects.create(email=people[0], phone=people[1], brand=brand)
"""


@pytest.fixture(params=[True, False], ids=["with JavaScript", "without"])
def window(
    request: pytest.FixtureRequest, peoples_chromium: Browser, network: dict[str, str], watched: Watched
) -> Iterator[BrowserContext]:
    options = {"java_script_enabled": request.param, "extra_http_headers": network}
    with peoples_chromium.new_context(**options) as context, watched(context):
        yield context


@pytest.fixture
def alice() -> str:
    return new_address()


@pytest.fixture
def page(window: BrowserContext, server: Farewell, alice: str) -> Page:
    return opened(window, server, alice)


def opened(window: BrowserContext, server: Farewell, alice: str) -> Page:
    page = window.new_page()
    page.goto(server.link(alice, Purpose.PREFERENCES))
    expect(page.get_by_role("heading", name="Your preferences")).to_be_visible()
    return page


def topic(page: Page, name: str) -> Locator:
    return page.get_by_role("checkbox", name=name)


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def says(page: Page, text: str) -> None:
    expect(page.get_by_role("status")).to_contain_text(text)


def pause(page: Page, name: str, length: str) -> None:
    """Pause the topic of this name, or everything, by its select."""
    if name == "everything":
        page.locator("#pause").get_by_role("combobox", name="Pause").select_option(label=length)
        return
    page.get_by_text(f"Pause: {name}").click()
    own = page.get_by_role("listitem").filter(has=topic(page, name))
    own.get_by_role("combobox", name="Pause").select_option(label=length)


def test_one_topic_is_left_and_comes_back_by_the_undo(page: Page, alice: str, explain: Explain) -> None:
    topic(page, "News").uncheck()
    press(page, "Save")
    says(page, "You get no more: News.")
    expect(topic(page, "News")).not_to_be_checked()
    assert explain(alice, "prefs_save").state() == "out"
    press(page, "Undo")
    says(page, "You get from now on: News.")
    expect(topic(page, "News")).to_be_checked()
    assert explain(alice, "undo").sources == ["preference_page", "undo"]


def test_what_was_saved_has_the_focus(page: Page) -> None:
    topic(page, "News").uncheck()
    press(page, "Save")
    expect(page.locator(".said:focus")).to_contain_text("You get no more: News.")


def test_everything_is_left_and_comes_back_all_at_once(page: Page, alice: str, explain: Explain) -> None:
    press(page, "Unsubscribe from everything")
    says(page, "You get nothing at present.")
    assert explain(alice, "prefs_save").is_suppressed
    press(page, "Get everything again")
    says(page, "You get from now on: News and Offers.")
    expect(topic(page, "News")).to_be_checked()
    expect(topic(page, "Surveys")).not_to_be_checked()


def test_everything_is_left_and_one_topic_comes_back(page: Page) -> None:
    press(page, "Unsubscribe from everything")
    topic(page, "Surveys").check()
    press(page, "Save")
    says(page, "You get from now on: Surveys.")
    expect(topic(page, "News")).not_to_be_checked()


def test_everything_is_paused_and_goes_on_by_one_press(page: Page, server: Farewell, alice: str) -> None:
    pause(page, "everything", "1 month")
    press(page, "Save")
    says(page, "Everything is paused until")
    page.goto(server.link(alice, Purpose.PREFERENCES))
    says(page, "After that it comes again by itself.")
    press(page, "Go on now")
    says(page, "The pause of everything has ended.")


def test_one_topic_is_paused_and_goes_on(page: Page) -> None:
    pause(page, "Offers", "2 weeks")
    press(page, "Save")
    says(page, "Paused until")
    expect(topic(page, "Offers")).to_be_checked()
    pause(page, "Offers", "Go on now")
    press(page, "Save")
    says(page, "No longer paused: Offers.")


def test_tracking_is_refused_and_allowed_again(page: Page, server: Farewell, alice: str, explain: Explain) -> None:
    topic(page, UNTRACKED).check()
    press(page, "Save")
    says(page, "From now on it is not recorded whether you open mails or click links.")
    assert explain(alice, "prefs_save").told["untracked"] == ["demo"]
    page.goto(server.link(alice, Purpose.PREFERENCES))
    expect(topic(page, UNTRACKED)).to_be_checked()
    topic(page, UNTRACKED).uncheck()
    press(page, "Save")
    says(page, "It is recorded again whether you open mails or click links.")
    press(page, "Undo")
    expect(topic(page, UNTRACKED)).to_be_checked()
    assert explain(alice, "undo").told["untracked"] == ["demo"]


def test_a_day_of_ones_own_is_asked_for_once_it_is_chosen(page: Page) -> None:
    day = page.locator("#pause").get_by_label("Until", exact=True)
    expect(day).to_be_hidden()
    pause(page, "everything", "Another day")
    expect(day).to_be_visible()
    day.fill((datetime.now(UTC) + timedelta(days=40)).date().isoformat())
    press(page, "Save")
    says(page, "Everything is paused until")


def test_a_day_that_has_passed_is_said_at_its_field_and_all_else_is_kept(
    page: Page, alice: str, explain: Explain
) -> None:
    topic(page, "News").uncheck()
    pause(page, "Offers", "Another day")
    page.get_by_role("listitem").filter(has=topic(page, "Offers")).get_by_label("Until", exact=True).fill("2020-02-02")
    press(page, "Save")
    expect(page.get_by_role("alert")).to_contain_text("Nothing was saved yet.")
    wrong = page.locator("[aria-invalid=true]")
    expect(wrong).to_be_focused()
    expect(wrong).to_have_accessible_description(re.compile("Choose a day from"))
    expect(topic(page, "News")).not_to_be_checked()
    assert explain(alice, "prefs_save").changes == []
    wrong.fill((datetime.now(UTC) + timedelta(days=40)).date().isoformat())
    press(page, "Save")
    says(page, "You get no more: News.")
    says(page, "Paused until")


def test_two_tabs_and_the_newest_wish_wins_for_what_each_touched(
    window: BrowserContext, server: Farewell, alice: str
) -> None:
    one, two = opened(window, server, alice), opened(window, server, alice)
    topic(one, "News").uncheck()
    press(one, "Save")
    says(one, "You get no more: News.")
    topic(two, "Offers").uncheck()
    press(two, "Save")
    says(two, "You get no more: Offers.")
    expect(topic(two, "News")).not_to_be_checked()
    topic(one, "News").check()
    press(one, "Save")
    says(one, "You get from now on: News.")
    expect(topic(one, "Offers")).not_to_be_checked()


def test_a_double_submit_says_what_was_saved(page: Page, alice: str, explain: Explain) -> None:
    topic(page, "News").uncheck()
    page.get_by_role("button", name="Save").dblclick(no_wait_after=True)
    says(page, "You get no more: News.")
    page.reload()  # sends the form once more
    says(page, "You get no more: News.")
    assert len(explain(alice, "prefs_save").changes) == 1


def test_going_back_and_saving_again_keeps_what_was_saved(page: Page) -> None:
    topic(page, "News").uncheck()
    press(page, "Save")
    says(page, "You get no more: News.")
    page.go_back()
    topic(page, "Offers").uncheck()
    press(page, "Save")
    says(page, "Offers.")
    expect(topic(page, "News")).not_to_be_checked()
    expect(topic(page, "Offers")).not_to_be_checked()


def test_the_whole_page_is_worked_by_keyboard(page: Page) -> None:
    strike(page, "Tab")  # News
    strike(page, "Space")
    strike(page, "Tab")
    expect(page.locator("summary:focus")).to_contain_text("Pause: News")
    strike(page, "Enter")
    strike(page, "Tab")
    strike(page, "ArrowDown")  # 2 weeks
    expect(page.locator("select:focus")).to_have_value("14d")
    while page.locator("button:focus").count() == 0:
        strike(page, "Tab")
    expect(page.locator("button:focus")).to_have_text("Save")
    strike(page, "Enter")
    says(page, "You get no more: News.")
    strike(page, "Tab")
    expect(page.locator("button:focus")).to_have_text("Undo")


# A long page


@dataclass(frozen=True)
class Gazette:
    """A brand with fifty topics in five groups, on two channels."""

    server: Farewell
    key: LinkKey

    def link(self) -> str:
        """A link to a person whom no other test uses."""
        address = f"alice-{next(_numbers)}@example.org"
        claims = Claims(Purpose.PREFERENCES, Channel.EMAIL, 1_790_000_000, "topic-1", "2026-11", address)
        return f"{self.server.url}/p/{seal(self.key, claims)}"


@pytest.fixture(scope="module")
def gazette(server: Farewell) -> Gazette:
    printed = server.manage("shell", "--verbosity", "0", "-c", _MAKE_BRAND)
    return Gazette(server, LinkKey.from_text(printed.split()[0]))


def test_the_page_with_fifty_topics_is_small(gazette: Gazette) -> None:
    html = request(gazette.link()).text
    assert html.count('type="checkbox"') == 101  # the last refuses tracking
    paths = re.findall(r'(?:href|src)="(/[^"]+\.(?:css|js|svg))"', html)
    assert paths
    files = [html, *(request(gazette.server.url + path).text for path in paths)]
    assert sum(len(gzip.compress(file.encode(), 6)) for file in files) < MAX_COMPRESSED_BYTES


def test_all_fifty_topics_are_saved_by_one_press(window: BrowserContext, gazette: Gazette) -> None:
    page = window.new_page()
    page.goto(gazette.link())
    for box in page.get_by_role("checkbox").all():
        box.uncheck()
    for summary in page.locator("summary").filter(has_text="How often").all():
        summary.click()
    for select in page.get_by_role("combobox", name="How often").all():
        select.select_option("weekly")
    for select in page.get_by_role("combobox", name="Pause").all():
        select.select_option("day")
    for day in page.get_by_label("Until", exact=True).all():
        day.fill((datetime.now(UTC) + timedelta(days=40)).date().isoformat())
    press(page, "Save")
    says(page, "Letter 49 of the house (SMS)")
    assert page.get_by_role("checkbox", checked=True).count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_long_page_is_accessible_and_fits_small_screens(
    peoples_chromium: Browser, network: dict[str, str], gazette: Gazette, scheme: str
) -> None:
    with peoples_chromium.new_context(extra_http_headers=network, color_scheme=scheme) as context:  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(gazette.link())
        page.locator("summary").first.click()
        page.get_by_role("checkbox").first.uncheck()
        page.get_by_role("combobox", name="Pause").first.select_option("day")
        for state in ("shown", "wrong", "saved"):
            assert violations(page, state, {}) == []
            page.set_viewport_size({"width": 320, "height": 568})
            wait_until(lambda: page.evaluate("document.documentElement.scrollWidth") <= 320, f"{state}: it fits")
            page.set_viewport_size({"width": 640, "height": 480})
            if state == "wrong":
                page.get_by_label("Until", exact=True).first.fill(
                    (datetime.now(UTC) + timedelta(days=9)).date().isoformat()
                )
            if state != "saved":
                press(page, "Save")
        says(page, "Saved.")


def test_the_focus_is_never_below_the_button_that_stays_in_view(
    peoples_chromium: Browser, network: dict[str, str], gazette: Gazette
) -> None:
    with peoples_chromium.new_context(
        extra_http_headers=network, viewport={"width": 640, "height": 600}, reduced_motion="reduce"
    ) as context:
        page = context.new_page()
        page.goto(gazette.link())
        for _ in range(12):
            page.keyboard.press("Tab")
            below = page.evaluate(
                "document.activeElement.getBoundingClientRect().bottom"
                " - document.querySelector('.save').getBoundingClientRect().top"
            )
            assert below <= 0
