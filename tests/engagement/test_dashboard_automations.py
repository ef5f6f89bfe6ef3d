"""The page of automations: every number is what plain Python counts of the stored rows."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from engagement.models import Delivery, Interaction, Mailing
from preferences.models import Brand
from tests.engagement.dashboard_makers import (
    ROOT,
    by_verdict,
    cells,
    count_everything,
    files_are_the_same,
    make_event,
    make_member,
    messages,
    percent,
    queries_of,
    shown,
    table,
    tile,
)
from tests.engagement.makers import make_mailing
from tests.makers import make_brand

pytestmark = pytest.mark.django_db
PAGE = "automations/"
MAILS = {"w1": "welcome", "w2": "welcome", "b1": "birthday"}


def make_automations(brand: Brand | None = None, seed: int = 1, events: int = 120) -> Brand:
    """Two automations with deliveries on three days, and a campaign whose events are no automation's."""
    brand, chance = brand or make_brand(), Random(seed)
    for slug, automation in MAILS.items():
        mailing = make_mailing(brand, slug, kind=Mailing.Kind.AUTOMATION, automation=automation)
        for ago in (1, 2, 12):
            make_delivery(mailing, ago, 40 + ago)
    make_mailing(brand, "campaign", delivered_count=500, sent_at=timezone.now() - timedelta(days=2))
    for _ in range(events):
        kind = chance.choice(["open", "open", "click", "conversion", "visit", "confirm", "one_click"])
        verdict = chance.choice(["human", "unsure", "machine", *(["prefetched"] if kind == "open" else [])])
        make_event(
            brand,
            chance.choice([*MAILS, "campaign"]),
            kind,
            chance.randrange(15),
            "human" if kind in ("one_click", "conversion") else verdict,
            occurred_at=timezone.now() - timedelta(days=chance.choice([1, 2, 12]), hours=1),
        )
    return brand


def make_delivery(mailing: Mailing, ago: int, sent: int, delivered: int | None = -1) -> Delivery:
    day = timezone.localdate() - timedelta(days=ago)
    known = sent - 2 if delivered == -1 else delivered
    return Delivery.objects.create(mailing=mailing, sent_on=day, sent_count=sent, delivered_count=known)


def expected(rows: list[Interaction], sent: int, delivered: int) -> tuple[Any, ...]:
    opened, opens, clicked, clicks, left, lefts = (
        messages(rows, act, of_people=of_people) for act in ("open", "click", "left") for of_people in (True, False)
    )
    return (
        *(sent, delivered, opened, opens, percent(opened, delivered), percent(opens, delivered)),
        *(clicked, clicks, percent(clicked, delivered), percent(clicks, delivered)),
        *(messages(rows, "conversion"), left, lefts),
    )


def of(*slugs: str) -> list[Interaction]:
    return [row for row in Interaction.objects.all() if row.mailing in slugs]


def test_each_automation_and_each_mail_is_a_recount(admin_client: Client) -> None:
    make_automations()
    count_everything()
    context = shown(admin_client, PAGE)
    sent, delivered = 41 + 42 + 52, 41 + 42 + 52 - 6
    assert cells(context, "automations") == {
        "welcome": (2, *expected(of("w1", "w2"), 2 * sent, 2 * delivered)),
        "birthday": (1, *expected(of("b1"), sent, delivered)),
    }
    assert cells(context, "mails") == {
        slug: (name, *expected(of(slug), sent, delivered)) for slug, name in MAILS.items()
    }
    rows = of(*MAILS)
    people, everybody = messages(rows, "open", of_people=True), messages(rows, "open")
    assert 0 < people < everybody
    assert tile(context, "Opened") == {"people": f"{people}", "with robots": f"{everybody}"}
    assert tile(context, "Delivered") == {"": f"{3 * delivered}"}
    assert tile(context, "Open rate")["people"] == percent(people, 3 * delivered)
    assert tile(context, "Left")["people"] == f"{messages(rows, 'left', of_people=True)}"


def test_one_automation_is_shown_alone(admin_client: Client) -> None:
    make_automations()
    count_everything()
    context = shown(admin_client, PAGE, automation="welcome")
    assert list(cells(context, "mails")) == ["w1", "w2"]
    assert "automations" not in context["table"]
    assert tile(context, "Opened")["with robots"] == f"{messages(of('w1', 'w2'), 'open')}"
    clicks = table(context, "clicks").total
    assert clicks
    counts = by_verdict(of("w1", "w2"), "click")
    assert clicks.cells == (counts["human"], counts["unsure"], counts["machine"], counts.total())
    assert "All automations" in admin_client.get(ROOT + PAGE, {"automation": "welcome"}).text


def test_each_day_counts_what_first_happened_in_it(admin_client: Client) -> None:
    make_automations()
    count_everything()
    found = table(shown(admin_client, PAGE, period="30"), "time")
    days = {date.fromisoformat(row.file_label): row.cells for row in found.rows}
    assert len(days) == 30
    for ago in (0, 1, 2, 12):
        day = timezone.localdate() - timedelta(days=ago)
        sent = 3 * (40 + ago) if ago else 0
        opened, opens = first_on(day, "open", of_people=True), first_on(day, "open")
        clicked = first_on(day, "click", of_people=True)
        assert days[day][:7] == (
            *((sent, sent - 6) if ago else ("–", "–")),
            *(opened, opens),
            *(percent(opened, sent and sent - 6), percent(opens, sent and sent - 6), clicked),
        )
    assert sum(int(row[3]) for row in days.values()) == messages(of(*MAILS), "open")


def first_on(day: date, act: str, *, of_people: bool = False) -> int:
    """How many messages got the act first on that day."""
    before = [row for row in of(*MAILS) if timezone.localtime(row.occurred_at).date() < day]
    until = [row for row in of(*MAILS) if timezone.localtime(row.occurred_at).date() <= day]
    return messages(until, act, of_people=of_people) - messages(before, act, of_people=of_people)


def test_opens_of_another_brands_mailing_of_the_same_name_are_not_counted(admin_client: Client) -> None:
    make_automations()
    other = make_brand()
    make_mailing(other, "w1", delivered_count=7)
    make_event(other, "w1", "open")
    count_everything()
    rows = [row for row in of(*MAILS) if row.brand_id != other.pk]
    context = shown(admin_client, PAGE)
    assert tile(context, "Opened")["with robots"] == f"{messages(rows, 'open')}"
    assert table(context, "opens").total.cells[-1] == by_verdict(rows, "open").total()  # type: ignore[union-attr]
    assert list(cells(context, "automations")) == ["welcome (Demo Letters)", "birthday (Demo Letters)"]


def test_a_mail_whose_deliveries_are_not_known_is_left_out_of_the_rates(admin_client: Client) -> None:
    brand = make_brand()
    known, unknown = (make_mailing(brand, slug, kind="automation", automation="welcome") for slug in ("w1", "w2"))
    make_delivery(known, 1, 10, 10)
    make_delivery(unknown, 1, 30, None)
    for slug, person in (("w1", 1), ("w2", 1), ("w2", 2)):
        make_event(brand, slug, "open", person, occurred_at=timezone.now() - timedelta(days=1))
    count_everything()
    context = shown(admin_client, PAGE)
    assert cells(context, "automations")["welcome"][:7] == (2, 40, 10, 3, 3, "10.0%", "10.0%")
    assert "Of 1 of 2 mails." in admin_client.get(ROOT + PAGE).text
    day = timezone.localdate() - timedelta(days=1)
    [row] = [row for row in table(context, "time").rows if row.file_label == day.isoformat()]
    assert row.cells[:6] == (40, 10, 3, 3, "10.0%", "10.0%")


def test_a_mail_of_an_automation_without_a_name_is_shown(admin_client: Client) -> None:
    brand = make_brand()
    make_mailing(brand, "x1", kind=Mailing.Kind.AUTOMATION)
    make_event(brand, "x1", "open")
    count_everything()
    context = shown(admin_client, PAGE)
    assert cells(context, "mails")["x1"][0] == "Without a name"
    assert cells(context, "automations")["Without a name"][3] == 1


def test_nothing_at_all_is_said_to_be_nothing(admin_client: Client) -> None:
    assert "No automation has sent or got anything" in admin_client.get(ROOT + PAGE).text
    make_mailing(slug="m0", delivered_count=3)
    assert "No automation has sent or got anything" in admin_client.get(ROOT + PAGE).text


def test_an_automation_that_nobody_knows_is_a_wrong_choice(admin_client: Client) -> None:
    assert admin_client.get(ROOT + PAGE, {"automation": "x"}).context["form"].errors
    assert admin_client.get(ROOT + PAGE, {"automation": "x", "csv": "mails"}).status_code == 404


def test_each_table_is_a_file_with_the_same_numbers(admin_client: Client) -> None:
    make_automations()
    count_everything()
    assert files_are_the_same(admin_client, PAGE)


def test_a_member_sees_the_automations_of_their_brands_alone(client: Client) -> None:
    own = make_automations()
    other = make_brand(name="Foreign")
    make_mailing(other, "f1", kind=Mailing.Kind.AUTOMATION, automation="foreign")
    make_event(other, "f1", "open")
    count_everything()
    assert client.get(ROOT + PAGE)["Location"].startswith("/admin/login/")
    client.force_login(make_member(own, "view_mailing"))
    assert list(cells(shown(client, PAGE), "automations")) == ["welcome", "birthday"]
    assert "oreign" not in client.get(ROOT + PAGE).text
    assert client.get(ROOT + PAGE, {"automation": "foreign"}).context["form"].errors


def test_the_number_of_queries_does_not_grow_with_the_rows(admin_client: Client) -> None:
    make_automations(events=20)
    count_everything()
    before = queries_of(admin_client, PAGE)
    make_automations(seed=2)
    count_everything()
    assert queries_of(admin_client, PAGE) <= before <= 25
