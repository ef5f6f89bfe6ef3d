"""The overview: every number is what plain Python counts of the stored rows."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from engagement.admin.tables import harmless
from engagement.models import CountingSwitch, Interaction, Rejudgement
from preferences.models import Source
from tests.engagement.dashboard_makers import (
    ROOT,
    TARGETS,
    alone,
    by_verdict,
    cells,
    count_everything,
    make_event,
    make_member,
    make_year,
    messages,
    percent,
    queries_of,
    saved,
    shown,
    table,
    tile,
)
from tests.engagement.makers import make_mailing
from tests.makers import make_brand, make_cause, make_recipient, make_topic

pytestmark = pytest.mark.django_db
PAGE = "overview/"


def test_the_start_of_the_admin_leads_there(admin_client: Client) -> None:
    assert reverse("admin:engagement_overview") == ROOT + PAGE
    assert f'href="{ROOT}{PAGE}"' in admin_client.get("/admin/").text


def test_nothing_at_all_is_said_to_be_nothing(admin_client: Client) -> None:
    assert "Nothing is counted in this period." in admin_client.get(ROOT + PAGE).text


def test_every_number_is_a_recount(admin_client: Client) -> None:
    brand = make_year()
    count_everything()
    rows = list(Interaction.objects.filter(brand=brand))
    rated = [row for row in rows if row.mailing != "m2"]  # of that one nobody knows how many were delivered
    context = shown(admin_client, PAGE)
    assert tile(context, "Delivered") == {"": "300"}
    for name, rate, act in (("Opened", "Open rate", "open"), ("Clicked", "Click-through rate", "click")):
        people, everybody = messages(rows, act, of_people=True), messages(rows, act)
        assert 0 < people < everybody
        assert tile(context, name) == {"people": f"{people:,}", "with robots": f"{everybody:,}"}
        expected = [percent(messages(rated, act, of_people=of_people), 300) for of_people in (True, False)]
        assert list(tile(context, rate).values()) == expected
    opened, clicked = (
        [messages(rows, act, of_people=of_people) for of_people in (True, False)] for act in ("open", "click")
    )
    assert list(tile(context, "Click-to-open rate").values()) == list(map(percent, clicked, opened))
    assert tile(context, "Prevented robot unsubscribes") == {"": f"{alone(rows, 'visit')}"}
    assert tile(context, "Conversions") == {"": f"{by_verdict(rows, 'conversion').total()}"}


def test_the_charts_add_up_to_the_rows(admin_client: Client) -> None:
    make_year()
    count_everything()
    rows = list(Interaction.objects.all())
    context = shown(admin_client, PAGE, period="7")
    for slug, kind, who in (
        ("opens", "open", ("human", "unsure", "prefetched", "machine")),
        ("clicks", "click", ("human", "unsure", "machine")),
    ):
        total, counts = table(context, slug).total, by_verdict(rows, kind)
        assert total
        assert total.cells == (*(counts[verdict] for verdict in who), counts.total())
        days = Counter(timezone.localtime(row.occurred_at).date() for row in rows if row.kind == kind)
        assert [row.cells[-1] for row in table(context, slug).rows] == [
            days[timezone.localdate() - timedelta(days=6 - day)] for day in range(7)
        ]


@pytest.mark.parametrize(("period", "unit"), [("7", "day"), ("90", "week"), ("365", "month")])
def test_longer_periods_are_drawn_in_longer_pieces(admin_client: Client, period: str, unit: str) -> None:
    brand = make_brand()
    make_event(brand, "m0", "open")
    count_everything()
    opens = table(shown(admin_client, PAGE, period=period), "opens")
    assert opens.title == f"Opens, each {unit}"
    assert sum(int(row.cells[-1]) for row in opens.rows) == 1


def test_a_day_is_drawn_by_hours(admin_client: Client) -> None:
    at = timezone.now().replace(hour=10, minute=30) - timedelta(days=3)
    make_event(make_brand(), "m0", "open", occurred_at=at)
    count_everything()
    day = f"{timezone.localtime(at).date()}"
    opens = table(shown(admin_client, PAGE, since=day, until=day), "opens")
    assert [(row.label[-5:], row.cells[-1]) for row in opens.rows if row.cells[-1]] == [("10:00", 1)]
    assert len(opens.rows) == 24


def test_the_share_of_clicks_that_lead_to_https(admin_client: Client) -> None:
    make_year()
    count_everything()
    clicks = list(Interaction.objects.filter(kind="click"))
    safe = {row.pk for row in clicks if TARGETS[row.recipient_id.int % 3].startswith("https:")}
    people = [row.pk for row in clicks if row.verdict in ("human", "unsure")]
    assert list(tile(shown(admin_client, PAGE), "Clicks that lead to HTTPS").values()) == [
        percent(len(safe.intersection(people)), len(people)),
        percent(len(safe), len(clicks)),
    ]


def test_each_mailing_has_its_rates(admin_client: Client) -> None:
    make_year()
    count_everything()
    found = cells(shown(admin_client, PAGE), "mailings")
    assert list(found) == ["m0", "m1", "m2"]  # the newest first
    for slug, delivered in (("m0", 200), ("m1", 100), ("m2", None)):
        rows = list(Interaction.objects.filter(mailing=slug))
        opened, clicked = messages(rows, "open", of_people=True), messages(rows, "click", of_people=True)
        assert found[slug][1:] == (
            delivered or "–",
            opened,
            messages(rows, "open"),
            percent(opened, delivered or 0),
            clicked,
            messages(rows, "click"),
            percent(clicked, delivered or 0),
            percent(clicked, opened),
            messages(rows, "left", of_people=True),
        )


@pytest.mark.parametrize(("sort", "column"), [("delivered", 1), ("opened", 2), ("clicked", 5), ("left", 9)])
def test_the_mailings_can_be_sorted(admin_client: Client, sort: str, column: int) -> None:
    make_year()
    count_everything()
    context = shown(admin_client, PAGE, sort=sort)
    numbers = [0 if row.cells[column] == "–" else row.cells[column] for row in table(context, "mailings").rows]
    assert numbers == sorted(numbers, reverse=True)
    assert [head.is_sorted for head in table(context, "mailings").heads].index(True) == column + 1
    assert "sort=newest#fw-mailings" in admin_client.get(ROOT + PAGE).text


def test_no_more_mailings_than_a_page_takes_but_all_in_the_file(admin_client: Client) -> None:
    brand = make_brand()
    for number in range(30):
        make_mailing(brand, f"mailing-{number}", sent_at=timezone.now() - timedelta(days=1))
    context = shown(admin_client, PAGE)
    assert len(table(context, "mailings").rows) == 25
    assert "Shown are 25 of 30" in table(context, "mailings").help
    assert len(saved(admin_client, PAGE, "mailings")) == 31


def test_a_channel_alone_counts_its_own(admin_client: Client) -> None:
    make_year()
    count_everything()
    for channel in ("email", "sms"):
        rows = list(Interaction.objects.filter(channel=channel))
        context = shown(admin_client, PAGE, channel=channel)
        assert table(context, "opens").total.cells[-1] == by_verdict(rows, "open").total()  # type: ignore[union-attr]


def test_unsubscribes_by_door_come_from_the_ledger(admin_client: Client) -> None:
    topic = make_topic()
    for name, source in (("alice", Source.ONE_CLICK), ("bob", Source.ONE_CLICK), ("mallory", Source.ARRIVAL)):
        make_recipient(topic.brand, f"{name}@example.org").opt_out(topic.id, make_cause(source))
    make_recipient(topic.brand, "alice@example.org").undo_opt_out(topic.id, make_cause(Source.UNDO))
    count_everything()
    context = shown(admin_client, PAGE)
    assert tile(context, "Unsubscribed") == {"": "3"}
    assert list(cells(context, "doors").values()) == [(2, 2, "66.7%"), (1, 1, "33.3%")]


def test_what_was_put_back_by_itself_left_nobody(admin_client: Client) -> None:
    topic = make_topic()
    for name in ("alice", "bob"):
        make_recipient(topic.brand, f"{name}@example.org").opt_out(topic.id, make_cause(Source.ARRIVAL))
    make_recipient(topic.brand, "bob@example.org").undo_opt_out(topic.id, make_cause(Source.REINSTATEMENT))
    count_everything()
    context = shown(admin_client, PAGE)
    assert tile(context, "Unsubscribed") == {"": "1"}
    assert "but the 1 that robots had made" in admin_client.get(ROOT + PAGE).text
    assert list(cells(context, "doors").values()) == [(2, 2, "100.0%")]


# What the figures say of themselves


def test_the_switch_chooses_which_number_is_the_main_one(admin_client: Client) -> None:
    brand = make_year()
    count_everything()
    assert "Robots and prefetches count in these figures." in admin_client.get(ROOT + PAGE).text
    assert _main(admin_client) == ["with robots"]
    for channel in ("email", "sms"):
        since = timezone.now() - timedelta(days=40)
        CountingSwitch.objects.create(brand=brand, channel=channel, leaves_out=True, since=since)
        if channel == "email":
            assert _main(admin_client) == ["as counted"]
            assert "left out for E-mail since" in admin_client.get(ROOT + PAGE).text
    assert _main(admin_client) == ["people"]
    assert "are left out of these figures since" in admin_client.get(ROOT + PAGE).text


def _main(client: Client) -> list[str]:
    [opened] = [tile for tile in shown(client, PAGE)["rates"] if tile.name == "Opened"]
    return [value.label for value in opened.values if value.is_main]


def test_a_switch_that_is_being_turned_is_said_to_be(admin_client: Client) -> None:
    brand = make_brand()
    now = timezone.now()
    run = Rejudgement.objects.create(brand=brand, since=now - timedelta(days=30), until=now, rules=1)
    CountingSwitch.objects.create(brand=brand, channel="email", leaves_out=True, rejudgement=run)
    assert "A switch is being turned" in admin_client.get(ROOT + PAGE).text
    assert "A switch is being turned" not in admin_client.get(ROOT + PAGE, {"channel": "sms"}).text
    Rejudgement.objects.update(state=Rejudgement.State.FAILED)
    assert "A switch is being turned" not in admin_client.get(ROOT + PAGE).text


def test_the_switch_is_linked_for_who_may_see_it(client: Client) -> None:
    brand = make_brand()
    url = f"/admin/engagement/countingswitch/?brand__id__exact={brand.pk}"
    client.force_login(bob := make_member(brand, "view_mailing"))
    assert url not in client.get(ROOT + PAGE).text
    bob.user_permissions.add(Permission.objects.get(codename="view_countingswitch"))
    assert url in client.get(ROOT + PAGE).text


def test_brands_that_differ_are_said_to(admin_client: Client) -> None:
    brand, other = make_brand(), make_brand()
    for channel in ("email", "sms"):
        since = timezone.now() - timedelta(days=1)
        CountingSwitch.objects.create(brand=brand, channel=channel, leaves_out=True, since=since)
    text = admin_client.get(ROOT + PAGE).text
    assert "1 of 2 brands leave robots and prefetches out" in text
    assert "Robots and prefetches count" in admin_client.get(ROOT + PAGE, {"brand": other.pk}).text


def test_unknown_deliveries_give_no_rate_and_a_hint(admin_client: Client) -> None:
    brand = make_brand()
    make_mailing(brand, "m0")
    make_event(brand, "m0", "open")
    count_everything()
    context = shown(admin_client, PAGE)
    assert tile(context, "Open rate") == {"people": "–", "with robots": "–"}
    text = " ".join(admin_client.get(ROOT + PAGE).text.split())
    assert "it is not known how many were delivered" in text


def test_the_page_says_up_to_when_it_is_complete(admin_client: Client) -> None:
    assert "Nothing is counted yet." in admin_client.get(ROOT + PAGE).text
    make_event(make_brand(), "m0", "open")
    count_everything()
    assert "wait for a second look" in admin_client.get(ROOT + PAGE).text


def test_a_period_in_the_future_has_not_come(admin_client: Client) -> None:
    coming = timezone.localdate() + timedelta(days=3)
    text = admin_client.get(ROOT + PAGE, {"since": f"{coming}", "until": f"{coming}"}).text
    assert "This period has not come yet." in text


@pytest.mark.parametrize(
    "query",
    [
        {"since": "2026-11-30", "until": "2026-11-01"},
        {"since": "2019-01-01", "until": "2026-01-01"},
        {"since": "soon"},
        {"brand": "x"},
        {"channel": "pigeon"},
        {"sort": "height"},
    ],
)
def test_a_choice_that_makes_no_sense_is_said_to_be_one(admin_client: Client, query: dict[str, str]) -> None:
    response = admin_client.get(ROOT + PAGE, query)
    assert response.context["form"].errors
    assert "tables" not in response.context
    assert admin_client.get(ROOT + PAGE, {**query, "csv": "opens"}).status_code == 404


# Files, and who may see what


def test_each_table_is_a_file_with_the_same_numbers(admin_client: Client) -> None:
    make_year()
    count_everything()
    for found in shown(admin_client, PAGE)["tables"]:
        assert found.rows or found.slug == "doors"
        assert saved(admin_client, PAGE, found.slug) == [
            list(found.columns),
            *(
                [str(harmless(row.file_label or row.label)), *(str(harmless(cell)) for cell in row.cells)]
                for row in found.rows
            ),
        ]


def test_a_file_of_nothing_that_is_known_is_not_found(admin_client: Client) -> None:
    assert admin_client.get(ROOT + PAGE, {"csv": "secrets"}).status_code == 404


def test_it_takes_the_permission_to_see_mailings(client: Client) -> None:
    assert client.get(ROOT + PAGE)["Location"].startswith("/admin/login/")
    client.force_login(make_member(make_brand(), "view_interaction"))
    assert client.get(ROOT + PAGE).status_code == 403
    assert PAGE not in client.get("/admin/").text


def test_a_member_sees_the_figures_of_their_brands_alone(client: Client) -> None:
    own, other = make_year(make_brand(name="Own")), make_year(make_brand(name="Foreign"), seed=2)
    count_everything()
    client.force_login(make_member(own, "view_mailing"))
    context = shown(client, PAGE)
    rows = list(Interaction.objects.filter(brand=own))
    assert tile(context, "Opened")["with robots"] == f"{messages(rows, 'open')}"
    assert table(context, "opens").total.cells[-1] == by_verdict(rows, "open").total()  # type: ignore[union-attr]
    assert "Foreign" not in client.get(ROOT + PAGE).text
    assert "tables" not in client.get(ROOT + PAGE, {"brand": other.pk}).context


def test_the_number_of_queries_does_not_grow_with_the_rows(admin_client: Client) -> None:
    make_year(events=20)
    count_everything()
    before = queries_of(admin_client, PAGE)
    make_year(seed=3)
    count_everything()
    assert queries_of(admin_client, PAGE) <= before <= 30
