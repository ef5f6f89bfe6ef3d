"""The page of segments: every number is what plain Python counts of the stored rows."""

from __future__ import annotations

from datetime import timedelta
from random import Random

import pytest
from django.test import Client
from django.utils import timezone

from engagement.models import Delivery, Interaction
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
PAGE = "segments/"
DELIVERED = {"loyal": 50, "new": 20}


def make_segments(brand: Brand | None = None, seed: int = 1, events: int = 120) -> Brand:
    """Two mailings fed by segment, and one whose deliveries nobody knows; some links name no segment."""
    brand, chance = brand or make_brand(), Random(seed)
    for slug in ("m0", "m1", "m2"):
        mailing = make_mailing(brand, slug, sent_at=timezone.now() - timedelta(days=2))
        for segment, delivered in {**DELIVERED, "": 300}.items():
            if slug != "m2":
                day = timezone.localdate() - timedelta(days=2)
                make_delivery = Delivery.objects.create
                make_delivery(
                    mailing=mailing, segment=segment, sent_on=day, sent_count=delivered + 5, delivered_count=delivered
                )
    for _ in range(events):
        kind = chance.choice(["open", "open", "click", "conversion", "confirm", "one_click"])
        verdict = chance.choice(["human", "unsure", "machine", *(["prefetched"] if kind == "open" else [])])
        person = chance.randrange(15)
        make_event(
            brand,
            chance.choice(["m0", "m1", "m2"]),
            kind,
            person,
            "human" if kind in ("one_click", "conversion") else verdict,
            segment=["loyal", "new", ""][person % 3],
            occurred_at=timezone.now() - timedelta(days=1, hours=chance.randrange(9)),
        )
    return brand


def of(segment: str, *mailings: str) -> list[Interaction]:
    rows = Interaction.objects.filter(segment=segment)
    return [row for row in rows if not mailings or row.mailing in mailings]


def test_each_segment_is_a_recount(admin_client: Client) -> None:
    make_segments()
    count_everything()
    found = cells(shown(admin_client, PAGE), "segments")
    assert list(found) == ["loyal", "new"]  # the largest first; what names none is in none
    for segment, each in DELIVERED.items():
        rows, rated = of(segment), of(segment, "m0", "m1")
        assert 0 < messages(rows, "open", of_people=True) < messages(rows, "open")
        assert found[segment] == (
            *(3, 2 * each + 10, 2 * each),
            *(messages(rows, "open", of_people=True), messages(rows, "open")),
            *(percent(messages(rated, "open", of_people=of_people), 2 * each) for of_people in (True, False)),
            *(messages(rows, "click", of_people=True), messages(rows, "click")),
            *(percent(messages(rated, "click", of_people=of_people), 2 * each) for of_people in (True, False)),
            messages(rows, "conversion"),
            *(messages(rows, "left", of_people=of_people) for of_people in (True, False)),
        )


def test_the_rates_are_drawn_people_and_robots_apart(admin_client: Client) -> None:
    make_segments()
    count_everything()
    context = shown(admin_client, PAGE)
    for slug, act in (("open-rates", "open"), ("click-rates", "click")):
        for row in table(context, slug).rows:
            rated, whole = of(row.label, "m0", "m1"), 2 * DELIVERED[row.label]
            people, everybody = messages(rated, act, of_people=True), messages(rated, act)
            assert row.cells == (percent(people, whole), percent(everybody, whole))
            widths = {piece.kind: float(piece.width.rstrip("%")) for piece in row.pieces}
            assert widths.get("machine", 0) / widths["human"] == pytest.approx((everybody - people) / people, rel=0.01)


def test_one_segment_is_shown_over_time_and_by_mailing(admin_client: Client) -> None:
    make_segments()
    count_everything()
    context = shown(admin_client, PAGE, segment="loyal")
    assert set(context["table"]) == {"opens", "clicks", "mailings"}
    assert tile(context, "Opened")["with robots"] == f"{messages(of('loyal'), 'open')}"
    opens = table(context, "opens").total
    assert opens
    assert opens.cells[-1] == by_verdict(of("loyal"), "open").total()
    for slug, found in cells(context, "mailings").items():
        rows, whole = of("loyal", slug), 50 if slug != "m2" else 0
        opened = messages(rows, "open", of_people=True)
        assert found[1:6] == (
            *(whole or "–", opened, messages(rows, "open")),
            *(percent(opened, whole), percent(messages(rows, "open"), whole)),
        )
    assert "All segments" in admin_client.get(ROOT + PAGE, {"segment": "loyal"}).text


def test_a_segment_that_got_nothing_but_mail_is_there(admin_client: Client) -> None:
    make_segments(events=0)
    assert cells(shown(admin_client, PAGE), "segments")["new"][:6] == (2, 50, 40, 0, 0, "0.0%")


def test_nothing_at_all_is_said_to_be_nothing(admin_client: Client) -> None:
    assert "No segment has got anything" in admin_client.get(ROOT + PAGE).text
    make_segments()
    assert "No segment has got anything" in admin_client.get(ROOT + PAGE, {"segment": "nobody"}).text


@pytest.mark.parametrize("query", [{}, {"segment": "loyal"}])
def test_each_table_is_a_file_with_the_same_numbers(admin_client: Client, query: dict[str, str]) -> None:
    make_segments()
    count_everything()
    assert files_are_the_same(admin_client, PAGE, **query)


def test_a_member_sees_the_segments_of_their_brands_alone(client: Client) -> None:
    own, other = make_segments(), make_brand(name="Foreign")
    make_event(other, "f1", "open", segment="foreign")
    make_event(other, "m0", "open", 99, segment="loyal")
    count_everything()
    client.force_login(make_member(own, "view_mailing"))
    context = shown(client, PAGE)
    assert list(cells(context, "segments")) == ["loyal", "new"]
    rows = [row for row in of("loyal") if row.brand_id == own.pk]
    assert cells(context, "segments")["loyal"][4] == messages(rows, "open")
    assert "oreign" not in client.get(ROOT + PAGE, {"segment": "loyal"}).text


def test_the_number_of_queries_does_not_grow_with_the_rows(admin_client: Client) -> None:
    make_segments(events=20)
    count_everything()
    before = queries_of(admin_client, PAGE)
    make_segments(seed=2)
    count_everything()
    assert queries_of(admin_client, PAGE) <= before <= 20
