"""The dashboards over a year of mailings: accessible, whole on a small screen, without JavaScript and by keyboard."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.admin_pages import PASSWORD
from tests.browser.axe import admin_faults
from tests.browser.serving import Farewell

ROOT = "/admin/engagement/mailing/"
_SEED = f"""
from django.contrib.auth.models import User
from django.core.management import call_command
from engagement.counting.counter import count_all
from engagement.models import Interaction
from preferences.models import PreferenceChange
call_command("demo_data", "--interactions", "3000")
User.objects.create_superuser("alice", "alice@example.org", "{PASSWORD}")
Interaction.objects.update(xid=3)  # nothing of them waits for what another process has begun
PreferenceChange.objects.update(xid=3)
count_all()
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Farewell]:
    farewell = Farewell()
    try:
        farewell.start()
        farewell.manage("shell", "--verbosity", "0", "-c", _SEED)
        assert farewell.query("SELECT sum(events) > 0 FROM engagement_tally") == [(True,)]
        yield farewell
    finally:
        farewell.close()


@pytest.fixture(scope="module")
def mailing(server: Farewell) -> str:
    """The page of the mailing at which the most has happened."""
    most = "SELECT mailing FROM engagement_interaction WHERE mailing <> '' GROUP BY 1 ORDER BY count(*) DESC LIMIT 1"
    [(number,)] = server.query(f"SELECT id FROM engagement_mailing WHERE slug = ({most})")
    return f"{number}/figures/"


@pytest.fixture(scope="module")
def page(server: Farewell, robots_chromium: Browser) -> Iterator[Page]:
    """A browser's page without JavaScript, in which alice is logged in."""
    with robots_chromium.new_context(java_script_enabled=False, reduced_motion="reduce") as context:
        page = context.new_page()
        log_in(page, server)
        yield page


@pytest.fixture(scope="module")
def scripted(server: Farewell, robots_chromium: Browser) -> Iterator[Page]:
    with robots_chromium.new_context(reduced_motion="reduce") as context:
        page = context.new_page()
        log_in(page, server)
        yield page


def log_in(page: Page, server: Farewell) -> None:
    page.goto(f"{server.url}/admin/")
    page.get_by_label("Username").fill("alice")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("link", name="Opens, clicks and unsubscribes")).to_be_visible()


@pytest.fixture(
    scope="module",
    params=[
        *("overview/?period=90", "overview/?period=365&sort=open_rate", "comparison/?period=365", "mailing", ""),
        *("automations/?period=365", "automations/?period=90&automation=welcome", "segments/?period=365"),
        *("segments/?period=90&segment=loyal", "scanners/?period=365", "behind-scanner/?period=365", "prevented/"),
    ],
)
def full_page(request: pytest.FixtureRequest, scripted: Page, server: Farewell, mailing: str) -> Page:
    """Each page once, for all who look at it."""
    scripted.goto(server.url + ROOT + (mailing if request.param == "mailing" else request.param))
    return scripted


def test_a_full_page_is_accessible(full_page: Page) -> None:
    full_page.set_viewport_size({"width": 1280, "height": 900})
    full_page.emulate_media(color_scheme="light")
    found = admin_faults(full_page)
    assert not found, "\n".join(found)


def test_a_full_page_never_scrolls_sideways(full_page: Page) -> None:
    for width in (320, 768, 1280):
        full_page.set_viewport_size({"width": width, "height": 900})
        assert full_page.evaluate("document.documentElement.scrollWidth") <= width


def test_nothing_that_is_drawn_is_cut(scripted: Page, server: Farewell, mailing: str) -> None:
    """Every bar lies within its chart, and every chart has some."""
    cut = """() => [...document.querySelectorAll('svg.fw-bars, svg.fw-bar')].filter(svg => {
        const room = svg.getBoundingClientRect();
        return [...svg.querySelectorAll('rect')].some(rect => {
            const own = rect.getBoundingClientRect();
            return own.left < room.left - 1 || own.right > room.right + 1 || own.top < room.top - 1;
        });
    }).length"""
    for where in ("overview/?period=365", mailing, "comparison/?period=365"):
        scripted.set_viewport_size({"width": 320, "height": 900})
        scripted.goto(server.url + ROOT + where)
        assert scripted.locator("svg.fw-bars rect[class^=fw-fill], svg.fw-bar rect").count() > 3
        assert scripted.evaluate(cut) == 0


def test_the_way_from_the_start_to_a_mailing_needs_no_javascript(page: Page, server: Farewell) -> None:
    page.goto(f"{server.url}/admin/")
    page.get_by_role("link", name="Opens, clicks and unsubscribes").click()
    page.get_by_role("button", name="Last 365 days").click()
    expect(page.get_by_role("heading", name="Opens, each month")).to_be_visible()
    page.get_by_role("link", name=re.compile("^Opened by people")).click()
    table = page.get_by_role("table", name="Mailings")
    expect(table.get_by_role("columnheader", name=re.compile("^Opened by people"))).to_have_attribute(
        "aria-sort", "descending"
    )
    counts = [int(text.replace(",", "")) for text in table.locator("tbody td:nth-child(4)").all_text_contents()]
    assert counts == sorted(counts, reverse=True)
    name = table.locator("tbody th a").first.text_content()
    assert name
    table.locator("tbody th a").first.click()
    expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()
    expect(page.get_by_role("heading", name="From delivery to leaving")).to_be_visible()


def test_a_table_can_be_saved(page: Page, server: Farewell) -> None:
    page.goto(f"{server.url}{ROOT}comparison/?period=365")
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile("^Save as CSV ?: The same visits, four ways")).click()
    assert download.value.suggested_filename.startswith("comparison-ways-")
    assert download.value.path().read_text().startswith("Unsubscribe page,Unsubscribed,People,Robots alone,")


def test_the_keyboard_alone_changes_the_period_and_reads_a_table(scripted: Page, server: Farewell) -> None:
    scripted.set_viewport_size({"width": 1280, "height": 900})
    scripted.goto(f"{server.url}{ROOT}overview/")
    scripted.get_by_role("button", name="Last 90 days").focus()
    scripted.keyboard.press("Enter")
    expect(scripted.get_by_role("heading", name="Opens, each week")).to_be_visible()
    room = scripted.get_by_role("region", name="Table: Opens, each week")
    room.focus()
    scripted.keyboard.press("End")
    expect(room.get_by_role("rowheader", name="All")).to_be_in_viewport()
