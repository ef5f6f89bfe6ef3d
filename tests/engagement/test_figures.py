from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import Model

from engagement.counting.ages import AGES, COARSE, age_class, age_range
from engagement.counting.periods import begin, following, pieces
from engagement.counting.position import NEVER, Place, move
from engagement.figures.counted import Counted, Which, counted_until, reaches, tallies
from engagement.figures.deliveries import delivered, deliveries
from engagement.figures.left_out import is_left_out, left_out
from engagement.models import CountingSwitch, Delivery, Dimension, Level, Mailing, Reach, Tally
from preferences.models import Brand
from tests.engagement.makers import make_mailing
from tests.makers import make_brand

JUNE = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kolkata", "America/St_Johns", "Australia/Lord_Howe"])
@pytest.mark.parametrize("finest", [Level.HOUR, Level.DAY])
def test_pieces_cover_a_period_once_and_without_a_gap(zone: str, finest: Level, settings: Any) -> None:
    settings.TIME_ZONE = zone
    start = begin(datetime(2026, 3, 14, 7, tzinfo=UTC), finest)
    for hours in (1, 20, 24, 49, 700, 1_500, 9_001):
        end = begin(start + timedelta(hours=hours), finest)
        found = pieces(start, end, finest, None, {begin(JUNE, Level.DAY)})
        edges = [edge for piece in found for edge in (piece.start, piece.end)]
        assert edges == sorted(edges)
        assert edges[:1] + edges[-1:] == ([start, end] if start < end else [])
        assert edges[1:-1:2] == edges[2:-1:2]
        assert all(begin(piece.start, piece.level) == piece.start for piece in found)
        assert all(begin(piece.end, piece.level) == piece.end for piece in found)


def test_a_year_is_twelve_months() -> None:
    assert len(pieces(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC), Level.HOUR)) == 1
    levels = [
        piece.level for piece in pieces(JUNE - timedelta(hours=30), JUNE + timedelta(days=32, hours=3), Level.HOUR)
    ]
    assert levels == [Level.HOUR, Level.DAY, Level.MONTH, Level.DAY, Level.HOUR]


def test_a_day_follows_a_day_over_a_changed_clock(settings: Any) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    saturday = datetime(2026, 10, 24, 22, tzinfo=UTC)
    assert following(saturday, Level.DAY) - saturday == timedelta(hours=25)


def test_every_second_has_one_class() -> None:
    for seconds in (0, 1, 59, 60, 61, 599, 600, 86_399, 86_400, 10**9):
        first, last = age_range(age_class(seconds))
        assert first <= seconds
        assert last is None or seconds < last
    assert list(AGES) == sorted(set(AGES))
    assert {AGES[number] for number in COARSE} == {0, 60, 600, 3_600, 86_400}


def add_tally(brand: Brand, at: datetime, events: int, **fields: Any) -> None:
    add(Tally, "events", brand, at, events, {"record": "open", "verdict": "human", "age": -1} | fields)


def add_reach(brand: Brand, at: datetime, messages: int, **fields: Any) -> None:
    add(Reach, "messages", brand, at, messages, {"act": "open", "is_cleaned": False} | fields)


def add(table: type[Model], name: str, brand: Brand, at: datetime, count: int, fields: dict[str, Any]) -> None:
    same: dict[str, Any] = {"brand_id": brand.id, "dimension": "brand", "mailing": "", "value": "", "channel": "email"}
    rows: list[dict[str, Any]] = [
        same | fields | {"level": level.value, "start": begin(at, level), name: count} for level in Level
    ]
    columns = ", ".join(rows[0])
    keys = ", ".join(key for key in rows[0] if key != name)
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {table._meta.db_table} AS cell ({columns}) VALUES ({', '.join('%s' for _ in rows[0])})"
            f" ON CONFLICT ({keys}) DO UPDATE SET {name} = cell.{name} + excluded.{name}",
            [[*row.values()] for row in rows],
        )


@pytest.mark.django_db
def test_sums_are_the_same_however_a_period_is_cut(settings: Any) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    brand = make_brand()
    moments = [JUNE + timedelta(hours=7 * number) for number in range(-130, 300)]
    for number, moment in enumerate(moments):
        add_tally(brand, moment, number)
    for start, end in [(-900, 900), (-3, 29), (-31, 1_000), (0, 5), (13, 2_500)]:
        scope = Counted(JUNE + timedelta(hours=start), JUNE + timedelta(hours=end))
        wanted = sum(number for number, moment in enumerate(moments) if scope.start <= moment < scope.end)
        assert sum(row.events for row in tallies(scope, Dimension.BRAND)) == wanted
        for unit in Level:
            rows = tallies(scope, Dimension.BRAND, "start", unit=unit)
            assert sum(row.events for row in rows) == wanted
            assert all(row.start == begin(row.start, unit) for row in rows if row.start)


@pytest.mark.django_db
def test_a_scope_narrows_by_brand_channel_mailing_and_value() -> None:
    brand, other = make_brand(), make_brand(slug="other")
    add_tally(brand, JUNE, 1, dimension="segment", mailing="a", value="new")
    add_tally(brand, JUNE, 2, dimension="segment", mailing="b", value="old", channel="sms")
    add_tally(other, JUNE, 4, dimension="segment", mailing="a", value="old")
    add_tally(other, JUNE, 8, dimension="mailing", mailing="a")

    def count(dimension: Dimension = Dimension.SEGMENT, **fields: Any) -> int:
        return sum(row.events for row in tallies(Counted(JUNE, JUNE + timedelta(days=1), **fields), dimension))

    assert count() == 7
    assert count(brand_ids=frozenset({brand.id})) == 3
    assert count(brand_ids=frozenset()) == 0
    assert count(channel="sms") == 2
    assert count(mailing="a") == 5
    assert count(mailings=frozenset({"b", "c"})) == 2
    assert count(mailings=frozenset()) == 0
    assert count(values=frozenset({"old"})) == 6
    assert count(Dimension.BRAND, mailing="a") == 8
    with pytest.raises(ValueError, match="not counted by mailing"):
        count(Dimension.TOPIC, mailing="a")
    with pytest.raises(ValueError, match="has a ranking"):
        count(Dimension.DOMAIN)
    with pytest.raises(ValueError, match="no key colour"):
        tallies(Counted(JUNE, JUNE), Dimension.BRAND, "colour")


def switch(brand: Brand, since: datetime | None, *, leaves_out: bool, decided: int, channel: str = "email") -> None:
    row = CountingSwitch(brand=brand, channel=channel, leaves_out=leaves_out, since=since)
    row.decided_at = JUNE + timedelta(days=decided)
    row.save()


@pytest.mark.django_db
def test_the_switch_decided_last_holds_from_its_day_on() -> None:
    brand = make_brand()
    switch(brand, JUNE, leaves_out=True, decided=1)
    switch(brand, JUNE + timedelta(days=20), leaves_out=False, decided=2)
    switch(brand, JUNE + timedelta(days=10), leaves_out=True, decided=3)
    switch(brand, JUNE + timedelta(days=15), leaves_out=False, decided=4)
    switch(brand, None, leaves_out=True, decided=5)
    found = left_out([brand.id], JUNE + timedelta(days=99))
    assert [(one.since.day, one.until and one.until.day) for one in found] == [(1, 11), (11, 16)]
    assert is_left_out(brand.id, "email", JUNE + timedelta(days=14))
    assert not is_left_out(brand.id, "email", JUNE + timedelta(days=15))
    assert not is_left_out(brand.id, "sms", JUNE)


@pytest.mark.django_db
def test_the_figure_is_what_the_brand_has_chosen_for_that_day_and_channel() -> None:
    brand, other = make_brand(), make_brand(slug="other")
    for each in (brand, other):
        for channel in ("email", "sms"):
            for day in range(-40, 40):
                add_tally(each, JUNE + timedelta(days=day), 10, channel=channel)
                add_tally(each, JUNE + timedelta(days=day), 3, channel=channel, verdict="machine")
                add_tally(each, JUNE + timedelta(days=day), 2, channel=channel, verdict="prefetched")
    switch(brand, JUNE + timedelta(days=3), leaves_out=True, decided=1)
    switch(brand, JUNE + timedelta(days=33), leaves_out=False, decided=2)
    scope = Counted(JUNE - timedelta(days=40), JUNE + timedelta(days=40))
    rows = tallies(scope, Dimension.BRAND, "brand_id", "channel", which=Which.CHOSEN)
    assert {(row.brand_id, row.channel): row.events for row in rows} == {
        (brand.id, "email"): 50 * 15 + 30 * 10,
        (brand.id, "sms"): 80 * 15,
        (other.id, "email"): 80 * 15,
        (other.id, "sms"): 80 * 15,
    }
    assert sum(row.events for row in tallies(scope, Dimension.BRAND, which=Which.CLEANED)) == 4 * 80 * 10


@pytest.mark.django_db
def test_messages_are_raw_or_cleaned_as_the_brand_has_chosen() -> None:
    brand = make_brand()
    for day in range(10):
        add_reach(brand, JUNE + timedelta(days=day), 5)
        add_reach(brand, JUNE + timedelta(days=day), 2, is_cleaned=True)
    scope = Counted(JUNE, JUNE + timedelta(days=10))
    assert reaches(scope, Dimension.BRAND, which=Which.CHOSEN)[0].messages == 50
    switch(brand, JUNE + timedelta(days=4), leaves_out=True, decided=1)
    assert reaches(scope, Dimension.BRAND, which=Which.CHOSEN)[0].messages == 4 * 5 + 6 * 2
    assert reaches(scope, Dimension.BRAND, which=Which.CLEANED)[0].messages == 20
    assert {row.is_cleaned: row.messages for row in reaches(scope, Dimension.BRAND, "is_cleaned")} == {
        False: 50,
        True: 20,
    }
    with pytest.raises(ValueError, match="Raw or cleaned"):
        reaches(scope, Dimension.BRAND)


@pytest.mark.django_db
def test_nothing_counted_is_an_empty_list() -> None:
    make_brand()
    assert tallies(Counted(JUNE, JUNE + timedelta(days=400)), Dimension.BRAND) == []
    assert tallies(Counted(JUNE, JUNE), Dimension.BRAND) == []


@pytest.mark.django_db
def test_figures_say_up_to_when_they_are_complete() -> None:
    assert counted_until() is None
    move(Place(5, 7), None)
    assert counted_until() is None
    move(Place(5, 9), JUNE)
    move(Place(6, 9), None)
    assert counted_until() == JUNE - timedelta(minutes=2)
    assert NEVER < JUNE


def deliver(mailing: Mailing, day: int, sent: int, got: int | None, segment: str = "") -> None:
    Delivery.objects.create(
        mailing=mailing, sent_on=date(2026, 6, day), sent_count=sent, delivered_count=got, segment=segment
    )


@pytest.mark.django_db
def test_campaigns_count_when_they_were_sent_and_automations_by_day() -> None:
    brand = make_brand()
    make_mailing(brand, "a", sent_at=JUNE + timedelta(days=2), sent_count=100, delivered_count=90)
    make_mailing(brand, "b", sent_at=JUNE + timedelta(days=3), sent_count=50)
    make_mailing(brand, "old", sent_at=JUNE - timedelta(days=3), sent_count=7_000, delivered_count=6_000)
    welcome = make_mailing(brand, "hello", kind="automation", automation="welcome")
    deliver(welcome, 2, 10, 9)
    deliver(welcome, 3, 20, None, segment="vip")
    deliver(welcome, 28, 1_000, 1_000)
    scope = Counted(JUNE, JUNE + timedelta(days=10))
    found = delivered(scope)
    assert (found.sent, found.delivered, found.parts, found.unknown) == (180, 99, 4, 2)
    assert [(row.mailing, row.sent, row.delivered) for row in deliveries(scope, "mailing")] == [
        ("a", 100, 90),
        ("b", 50, None),
        ("hello", 30, 9),
    ]
    assert delivered(Counted(JUNE, JUNE + timedelta(days=1), mailing="hello")).sent == 1_030
    assert delivered(Counted(JUNE, JUNE + timedelta(days=1), brand_ids=frozenset())).sent is None


@pytest.mark.django_db
def test_deliveries_by_segment_are_those_of_the_days() -> None:
    mailing = make_mailing(make_brand(), "a", sent_at=JUNE, sent_count=30, delivered_count=29)
    deliver(mailing, 1, 10, 9, segment="vip")
    deliver(mailing, 2, 20, 20, segment="new")
    scope = Counted(JUNE, JUNE + timedelta(days=1))
    assert [(row.segment, row.sent) for row in deliveries(scope, "segment")] == [("new", 20), ("vip", 10)]
    assert delivered(scope).sent == 30
    assert delivered(Counted(scope.start, scope.end, values=frozenset({"vip"}))).sent == 10
