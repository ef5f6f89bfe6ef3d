"""The admin of interactions and mailings, and the page of prevented robot unsubscribes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from engagement.admin.chart import draw, scale_end
from engagement.figures.prevented import Bucket, Verdicts
from engagement.models import Interaction, RecordingGap
from preferences.admin.lists import CappedPaginator
from preferences.models import Source
from tests.engagement.counted import count_everything_now
from tests.engagement.makers import NOON, make_interaction, make_mailing
from tests.makers import make_brand, make_cause, make_recipient, make_topic

pytestmark = pytest.mark.django_db

LIST = "/admin/engagement/interaction/"
PREVENTED = f"{LIST}prevented/"
NOVEMBER = f"{PREVENTED}?since=2026-11-01&until=2026-11-30"


def page(client: Client, url: str) -> str:
    if url.startswith(PREVENTED):
        count_everything_now()
    response = client.get(url)
    assert response.status_code == 200, url
    return str(response.content.decode())


def counted(html: str) -> list[str]:
    return re.findall(r'class="fw-count">([^<]*)<', html)


def assert_strict(html: str) -> None:
    """Nothing that the content security policy forbids: no inline style, script or handler."""
    assert not re.search(r"<[^>]+\s(?:style|on[a-z]+)\s*=", html)
    assert "<style" not in html
    assert "javascript:" not in html
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", html))


def test_an_interaction_reads_as_a_sentence_with_its_reasons(admin_client: Client) -> None:
    make_interaction(occurred_at=timezone.now(), verdict="machine", reasons=["Came within a minute."], answer="page")
    html = page(admin_client, LIST)
    assert "Opened the page 12 s after sending" in html
    assert "Came within a minute." in html


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {1, 2, 3, 4}),
        ("verdict__exact=machine", {2, 4}),
        ("is_hard__exact=1", {2}),
        ("kind=arrive", {3}),
        ("kind=landing", {1, 2, 4}),
        ("mailing=2026-10", {4}),
        ("verdict__exact=machine&mailing=2026-11", {2}),
        (f"recipient={UUID(int=9)}", {3}),
        ("recipient=garbled", set()),
        ("kind=%00&mailing=%00", {1, 2, 3, 4}),
        ("period=all", {1, 2, 3, 4, 5}),
        ("since=2025-12-31&until=2026-01-02", {5}),
    ],
)
def test_interactions_are_filtered(admin_client: Client, query: str, expected: set[int]) -> None:
    now, brand = timezone.now(), make_brand()
    make_interaction(brand=brand, occurred_at=now, visit=1)
    make_interaction(brand=brand, occurred_at=now, visit=2, verdict="machine", is_hard=True)
    make_interaction(brand=brand, occurred_at=now, visit=3, kind="arrive", recipient_id=UUID(int=9))
    make_interaction(brand=brand, occurred_at=now, visit=4, kind="header_visit", verdict="machine", mailing="2026-10")
    make_interaction(brand=brand, occurred_at=NOON.replace(year=2026, month=1, day=1), visit=5)
    response = admin_client.get(f"{LIST}?{query}")
    assert {row.visit for row in response.context["cl"].result_list} == expected


def test_interactions_are_filtered_by_brand(admin_client: Client) -> None:
    first, second = (make_interaction(occurred_at=timezone.now()) for _ in range(2))
    response = admin_client.get(f"{LIST}?brand__id__exact={second.brand_id}")
    assert [row.pk for row in response.context["cl"].result_list] == [second.pk] != [first.pk]


def test_the_list_never_reads_all_partitions(admin_client: Client) -> None:
    make_interaction(occurred_at=timezone.now())
    with CaptureQueriesContext(
        connection,
    ) as queries:
        page(admin_client, LIST)
    reading = [query["sql"] for query in queries if 'FROM "engagement_interaction"' in query["sql"]]
    assert reading
    assert all('"occurred_at" >=' in sql for sql in reading)


def test_the_list_counts_no_further_than_it_leafs(admin_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CappedPaginator, "CAP", 3)
    for _ in range(5):
        make_interaction(occurred_at=timezone.now())
    assert "The list ends at 3 rows; there are more." in page(admin_client, LIST)


def test_an_interaction_is_looked_at_and_never_written(admin_client: Client) -> None:
    row = make_interaction(agent="<script>alert(1)</script>")
    html = page(admin_client, f"{LIST}{row.pk}/change/")
    assert_strict(html)
    assert "&lt;script&gt;alert(1)" in html
    assert admin_client.post(f"{LIST}{row.pk}/change/", {"verdict": "human"}).status_code == 403
    assert admin_client.post(f"{LIST}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert admin_client.post(f"{LIST}add/", {}).status_code == 403
    assert Interaction.objects.get(pk=row.pk).verdict == "unsure"


def test_what_links_name_a_mailing_by_stays(admin_client: Client) -> None:
    mailing = make_mailing()
    said = {"slug": "other", "delivered_count": "500", "kind": "campaign", "channel": "email"}
    said |= {"deliveries-TOTAL_FORMS": "0", "deliveries-INITIAL_FORMS": "0"}
    admin_client.post(f"/admin/engagement/mailing/{mailing.pk}/change/", said)
    mailing.refresh_from_db()
    assert (mailing.slug, mailing.delivered_count) == ("2026-11", 500)
    assert admin_client.post(f"/admin/engagement/mailing/{mailing.pk}/delete/", {"post": "yes"}).status_code == 403
    assert admin_client.get("/admin/engagement/mailing/add/").status_code == 403


def test_the_page_of_prevented_unsubscribes_shows_the_numbers(admin_client: Client) -> None:
    brand = make_brand()
    for visit in range(1, 6):
        person = UUID(int=visit)
        make_interaction(brand=brand, verdict="machine", visit=visit, recipient_id=person)
    for visit in (1, 2):
        make_interaction(brand=brand, kind="arrive", answer="ask", verdict="machine", visit=visit)
    make_interaction(brand=brand, verdict="human", visit=9)
    make_interaction(brand=brand, kind="arrive", answer="ask", visit=9)
    make_interaction(brand=brand, kind="confirm", answer="done", verdict="human", visit=9)
    assert counted(page(admin_client, NOVEMBER)) == ["5", "2", "1", "0", "0"]


def test_people_who_undo_are_counted(admin_client: Client) -> None:
    recipient, topic = make_recipient(brand := make_brand()), make_topic(brand)
    recipient.opt_out(topic.pk, make_cause(Source.ONE_CLICK))
    recipient.undo_opt_out(topic.pk, make_cause(Source.UNDO))
    html = page(admin_client, PREVENTED)
    assert counted(html)[-1] == "1"
    assert "One-click (the mailbox provider" in html


def test_the_table_says_what_the_chart_draws(admin_client: Client) -> None:
    make_interaction(verdict="machine")
    make_interaction(verdict="human")
    html = page(admin_client, f"{PREVENTED}?since=2026-11-01&until=2026-11-05")
    rows = re.findall(r'<th scope="row">(\d+ Nov)</th><td>(\d+)</td><td>(\d+)</td><td>(\d+)</td>', html)
    drawn = re.findall(r"<title>(\d+ Nov): (\d+) human, (\d+) unsure, (\d+) machine</title>", html)
    assert rows == drawn == [(f"{day} Nov", *("101" if day == 3 else "000")) for day in range(1, 6)]


@pytest.mark.parametrize(
    "url",
    [PREVENTED, NOVEMBER, f"{NOVEMBER}&mailing=%3Cscript%3E", f"{PREVENTED}?since=2026-11-02&until=2026-11-03", LIST],
)
def test_pages_keep_to_the_strict_policy(admin_client: Client, url: str) -> None:
    make_interaction(verdict="machine")
    make_interaction(occurred_at=timezone.now())
    response = admin_client.get(url)
    assert_strict(response.content.decode())
    assert "'unsafe" not in response["Content-Security-Policy"]


def test_an_empty_period_says_what_will_appear(admin_client: Client) -> None:
    html = page(admin_client, NOVEMBER)
    assert "No visit in this period" in html
    assert '<svg class="fw-bars"' not in html


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("until=2026-11-02", "Say from which day"),
        ("since=2026-11-03&until=2026-11-02", "after the last one"),
        ("since=2024-11-03&until=2026-11-02", "a year at most"),
        ("since=yesterday", "Enter a valid date"),
        ("period=8", ""),
        ("brand=x", "Select a valid choice"),
    ],
)
def test_a_period_that_makes_no_sense_is_explained(admin_client: Client, query: str, words: str) -> None:
    html = page(admin_client, f"{PREVENTED}?{query}")
    assert words in html
    assert not counted(html)


def test_the_choice_of_brand_and_mailing_holds(admin_client: Client) -> None:
    first, second = make_brand(), make_brand()
    make_interaction(brand=first, verdict="machine", visit=1)
    make_interaction(brand=second, verdict="machine", visit=2, mailing="2026-10")
    assert counted(page(admin_client, NOVEMBER))[0] == "2"
    assert counted(page(admin_client, f"{NOVEMBER}&brand={first.pk}"))[0] == "1"
    assert counted(page(admin_client, f"{NOVEMBER}&mailing=2026-10"))[0] == "1"


def test_each_number_leads_to_rows(admin_client: Client) -> None:
    make_interaction(verdict="machine", visit=4)
    links = re.findall(r'<p><a href="([^"]+)">Show the rows', page(admin_client, NOVEMBER))
    assert len(links) == 5
    for link in links:
        page(admin_client, link.replace("&amp;", "&"))
    response = admin_client.get(links[0].replace("&amp;", "&"))
    assert [row.visit for row in response.context["cl"].result_list] == [4]


def test_the_page_says_when_figures_are_too_low(admin_client: Client) -> None:
    make_interaction()
    RecordingGap.objects.create(started_at=NOON, ended_at=NOON + timedelta(minutes=1), lost_count=1234)
    assert "1,234 interactions" in page(admin_client, NOVEMBER)


@pytest.mark.parametrize(("codename", "status"), [("view_interaction", 200), ("view_mailing", 403)])
def test_the_page_needs_the_permission_to_view_interactions(client: Client, codename: str, status: int) -> None:
    bob = User.objects.create_user("bob", is_staff=True)
    bob.user_permissions.add(Permission.objects.get(codename=codename))
    client.force_login(bob)
    assert client.get(PREVENTED).status_code == status


def test_the_page_asks_who_is_there(client: Client) -> None:
    assert client.get(PREVENTED)["Location"].startswith("/admin/login/")


def test_the_figures_are_counted_ones_and_read_no_history(admin_client: Client) -> None:
    make_interaction()
    page(admin_client, NOVEMBER)
    with CaptureQueriesContext(connection) as queries:
        assert counted(admin_client.get(NOVEMBER).text)
    # But for the next row of the ledger that is to be counted, by its index.
    sql = [query["sql"] for query in queries if not query["sql"].strip().endswith("ORDER BY xid, id LIMIT 1")]
    assert not [one for one in sql if "engagement_interaction" in one or "preferences_preferencechange" in one]
    assert len(sql) in (len(queries) - 1, len(queries))
    assert len(queries) <= 24


@pytest.mark.parametrize(("most", "end"), [(0, 2), (2, 2), (3, 4), (11, 20), (40, 40), (41, 100), (2_500, 4_000)])
def test_the_scale_ends_at_a_round_number(most: int, end: int) -> None:
    assert scale_end(most) == end


def test_bars_stand_on_each_other_and_stay_in_the_picture() -> None:
    chart = draw(buckets([Verdicts(1, 2, 4), Verdicts(), Verdicts(human=10)]), is_hourly=False)
    heights = [[float(part.height) for part in bar.parts] for bar in chart.bars]
    assert heights[0][0] == pytest.approx(2 * heights[0][1], abs=0.02)
    assert heights[1] == []
    assert all(float(part.y) >= 0 for bar in chart.bars for part in bar.parts)


def buckets(verdicts: Iterable[Verdicts]) -> list[Bucket]:
    return [Bucket(NOON + timedelta(days=day), visits) for day, visits in enumerate(verdicts)]
