"""Prevented robot unsubscribes over time: every number is what plain Python counts of the stored rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from engagement.models import Interaction
from preferences.models import Brand, PreferenceChange, Source
from tests.engagement.dashboard_makers import (
    ROOT,
    alone,
    count_everything,
    make_event,
    make_member,
    messages,
    percent,
    queries_of,
    saved,
    shown,
    table,
    tile,
)
from tests.makers import make_brand, make_cause, make_recipient, make_topic

pytestmark = pytest.mark.django_db
PAGE = "prevented/"
VISITS = ("visit", "header_visit")


def make_visits(brand: Brand | None = None, seed: int = 1, events: int = 120) -> Brand:
    """Visits over two months by people and robots, and what the ledger says of some."""
    brand, chance = brand or make_brand(), Random(seed)
    for _ in range(events):
        kind = chance.choice(["visit", "visit", "header_visit", "arrive", "confirm", "one_click", "click"])
        make_event(
            brand,
            chance.choice(["m0", "m1", ""]),
            kind,
            chance.randrange(15),
            "human" if kind == "one_click" else chance.choice(["human", "unsure", "machine", "machine"]),
            occurred_at=timezone.now() - timedelta(days=chance.choice([1, 2, 20, 50]), hours=1),
            answer=chance.choice(["done", "ask"]),
        )
    return brand


def make_opt_out(brand: Brand, person: int, ago: int, verdict: str = "machine", **fields: Any) -> PreferenceChange:
    """An opt-out through the page that was made so many days ago."""
    topic = brand.topics.filter(slug="news").first() or make_topic(brand)
    recipient = make_recipient(brand, f"reader{person}@example.org")
    evidence = {"visit": fields.pop("visit", 500 + person), "verdict": verdict}
    outcome = recipient.opt_out(
        topic.pk, make_cause(fields.pop("source", Source.CONFIRM_BUTTON), evidence=evidence, **fields)
    )
    return moved(outcome.change_ids[0], ago)


def moved(change_id: int, ago: int) -> PreferenceChange:
    """The ledger's rows carry the moment at which they were written."""
    PreferenceChange.objects.filter(pk=change_id).update(changed_at=timezone.now() - timedelta(days=ago))
    return PreferenceChange.objects.get(pk=change_id)


def robots(rows: Iterable[Interaction], *kinds: str) -> list[Interaction]:
    return [row for row in rows if row.kind in kinds and row.verdict == "machine"]


def test_all_of_a_year_is_a_recount(admin_client: Client) -> None:
    brand = make_visits()
    for person, ago in ((1, 1), (2, 1), (3, 50)):
        make_opt_out(brand, person, ago)
    make_opt_out(brand, 4, 1, "human")
    make_opt_out(brand, 5, 1, "machine", source=Source.ADMIN)
    count_everything()
    context, rows = shown(admin_client, PAGE), list(Interaction.objects.all())
    views, scripts = robots(rows, *VISITS), robots(rows, "arrive")
    assert len(views) > 3
    total = table(context, "trend").total
    assert total
    assert total.cells == (
        *(len(views), 3, len(views) - 3, len(scripts)),
        *(alone(named(rows), "visit"), 0, messages(named(rows), "left", of_people=True)),
    )
    assert tile(context, "Robot visits that unsubscribed nobody") == {"": f"{len(views) - 3}"}
    text = admin_client.get(ROOT + PAGE).text
    assert f"{percent(len(views) - 3, len(views))} of {len(views)} page views" in text
    assert tile(context, "Robots that ran the page’s script") == {"": f"{len(scripts)}"}
    assert tile(context, "Prevented robot unsubscribes") == {"": f"{alone(named(rows), 'visit')}"}


def named(rows: list[Interaction]) -> list[Interaction]:
    """What names no mailing is no message's."""
    return [row for row in rows if row.mailing]


@pytest.mark.parametrize(("days", "unit"), [(365, "month"), (90, "week"), (30, "day")])
def test_each_piece_is_a_recount(admin_client: Client, days: int, unit: str) -> None:
    brand = make_visits(events=200)
    for person, ago in ((1, 1), (2, 20), (3, 20)):
        make_opt_out(brand, person, ago)
    count_everything()
    found = table(shown(admin_client, PAGE, period=days), "trend")
    assert found.title.endswith(f"each {unit}")
    starts = [date.fromisoformat(row.file_label) for row in found.rows]
    rows = Interaction.objects.all()
    views = pieces(starts, (row.occurred_at for row in robots(rows, *VISITS)))
    scripts = pieces(starts, (row.occurred_at for row in robots(rows, "arrive")))
    ended = pieces(starts, (row.changed_at for row in PreferenceChange.objects.all()))
    for start, row in zip(starts, found.rows, strict=True):
        gone = min(ended[start], views[start])
        assert row.cells[:4] == (views[start], gone, views[start] - gone, scripts[start])
    bars = found.chart.bars if found.chart else ()
    assert [len(bar.parts) for bar in bars] == [
        sum(bool(count) for count in (row.cells[2], row.cells[5], row.cells[1])) for row in found.rows
    ]


def pieces(starts: list[date], moments: Iterable[datetime]) -> Counter[date]:
    days = [timezone.localtime(moment).date() for moment in moments]
    return Counter(max(start for start in starts if start <= day) for day in days if day >= starts[0])


def test_a_page_view_that_ended_several_topics_is_one(admin_client: Client) -> None:
    brand = make_brand()
    for number in range(3):
        make_event(brand, "m0", "visit", number, "machine")
    topics = [make_topic(brand, slug) for slug in ("news", "offers")]
    for topic in topics:
        evidence = {"visit": 7, "verdict": "machine"}
        make_recipient(brand).opt_out(topic.pk, make_cause(Source.ARRIVAL, evidence=evidence))
    count_everything()
    total = table(shown(admin_client, PAGE), "trend").total
    assert total
    assert total.cells[:3] == (3, 1, 2)


def test_what_was_put_back_is_counted_by_when(admin_client: Client) -> None:
    brand = make_brand()
    for person, ago in ((1, 40), (2, 1), (3, 1)):
        change = make_opt_out(brand, person, ago + 1, "human")
        outcome = make_recipient(brand, f"reader{person}@example.org").undo_opt_out(
            change.topic_id or 0, make_cause(Source.REINSTATEMENT)
        )
        moved(outcome.change_ids[0], ago)
    count_everything()
    context = shown(admin_client, PAGE, period=90)
    assert tile(context, "Put back by itself") == {"": "3"}
    starts = [date.fromisoformat(row.file_label) for row in table(context, "trend").rows]
    back = PreferenceChange.objects.filter(source=Source.REINSTATEMENT)
    expected = pieces(starts, (row.changed_at for row in back))
    assert [row.cells[5] for row in table(context, "trend").rows] == [expected[start] for start in starts]


def test_a_year_is_what_is_shown_first(admin_client: Client) -> None:
    make_visits()
    count_everything()
    assert len(table(shown(admin_client, PAGE), "trend").rows) in (12, 13)
    assert "Prevented over time" in admin_client.get("/admin/").text


def test_it_and_the_page_that_reads_the_visits_lead_to_each_other(admin_client: Client) -> None:
    brand = make_visits()
    count_everything()
    text = admin_client.get(ROOT + PAGE, {"brand": brand.pk, "period": 90}).text
    assert "/admin/engagement/interaction/prevented/?since=" in text
    other = admin_client.get("/admin/engagement/interaction/prevented/").text
    assert f'href="{ROOT}{PAGE}"' in other


def test_without_the_permission_to_see_visits_nothing_leads_there(client: Client) -> None:
    brand = make_visits()
    count_everything()
    client.force_login(make_member(brand, "view_mailing"))
    assert "interaction/prevented" not in client.get(ROOT + PAGE).text


def test_nothing_at_all_is_said_to_be_nothing(admin_client: Client) -> None:
    make_event(make_brand(), "m0", "open")
    count_everything()
    assert "No robot opened an unsubscribe page" in admin_client.get(ROOT + PAGE).text


def test_the_table_is_a_file_with_the_same_numbers(admin_client: Client) -> None:
    make_visits()
    count_everything()
    found = table(shown(admin_client, PAGE), "trend")
    assert saved(admin_client, PAGE, "trend") == [
        list(found.columns),
        *([row.file_label, *map(str, row.cells)] for row in found.rows),
    ]


@pytest.mark.parametrize("choice", [lambda brand: {"brand": brand.pk}, lambda brand: {"channel": "sms"}])
def test_a_choice_counts_its_own(admin_client: Client, choice: Callable[[Brand], dict[str, Any]]) -> None:
    brand, other = make_brand(), make_brand()
    make_event(brand, "m0", "visit", 1, "machine", channel="sms")
    make_event(other, "m0", "visit", 2, "machine")
    make_opt_out(other, 1, 1)
    count_everything()
    total = table(shown(admin_client, PAGE, **choice(brand)), "trend").total
    assert total
    assert total.cells[:3] == (1, 0, 1)


def test_a_member_sees_the_robots_of_their_brands_alone(client: Client) -> None:
    own, other = make_brand(), make_brand(name="Foreign")
    for brand in (own, other):
        make_event(brand, "m0", "visit", 1, "machine")
        make_event(brand, "m0", "visit", 2, "machine")
        make_opt_out(brand, 1, 1)
    count_everything()
    client.force_login(make_member(own, "view_mailing"))
    total = table(shown(client, PAGE), "trend").total
    assert total
    assert total.cells[:3] == (2, 1, 1)
    assert "Foreign" not in client.get(ROOT + PAGE).text


def test_the_number_of_queries_does_not_grow_with_the_rows(admin_client: Client) -> None:
    make_visits(events=20)
    count_everything()
    before = queries_of(admin_client, PAGE)
    make_visits(seed=2)
    count_everything()
    assert queries_of(admin_client, PAGE) <= before <= 15
