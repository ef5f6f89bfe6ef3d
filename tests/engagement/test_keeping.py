from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.utils import timezone

from engagement import tasks
from engagement.feed.positions import COUNTING, PRUNED_REVISIONS, PRUNED_ROWS, position, raise_position
from engagement.models import Conversion, Interaction, Ranking, Reach, Revision, Scanned, Tally, Touch
from engagement.recording.partitions import make_partitions
from engagement.retention import expiry, people
from engagement.retention.expiry import Step
from preferences.feed import Cursor
from preferences.models import Brand
from tests.commands import run
from tests.engagement.makers import make_interaction
from tests.engagement.test_partitions import make_plain_month
from tests.makers import make_brand

MARCH = datetime(2020, 3, 10, 12, tzinfo=UTC)
YEAR_LATER = datetime(2021, 4, 1, tzinfo=UTC)
TWO_YEARS_LATER = datetime(2022, 4, 1, tzinfo=UTC)
TABLE = "engagement_interaction_2020_03"


@pytest.fixture(autouse=True)
def periods(settings: Any) -> None:
    settings.FAREWELL_KEEP_OPENS_DAYS = settings.FAREWELL_KEEP_CLICKS_DAYS = 365
    settings.FAREWELL_KEEP_VISITS_DAYS = 730
    settings.FAREWELL_PSEUDONYMISE_DAYS = 180


def make_march(brand: Brand) -> list[Interaction]:
    """One of each kind in a parted month, all counted."""
    make_partitions(MARCH.date(), months=1)
    rows = [make_interaction(brand=brand, occurred_at=MARCH, kind=kind) for kind in ("open", "click", "visit")]
    count_all()
    return rows


def count_all() -> None:
    newest = Interaction.objects.order_by("-xid", "-id").first()
    assert newest is not None
    newest.refresh_from_db()
    raise_position(COUNTING, Cursor(newest.xid, newest.id))


def tables() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relname LIKE %s AND relkind IN ('r', 'p')", [f"{TABLE}%"])
        return {name.removeprefix(TABLE) for (name,) in cursor.fetchall()}


def drop_past(now: datetime, **options: bool) -> list[Step]:
    return list(expiry.drop_past(now, **options))


def kinds() -> list[str]:
    return sorted(Interaction.objects.filter(occurred_at=MARCH).values_list("kind", flat=True))


@pytest.mark.django_db
def test_what_is_not_past_its_time_stays() -> None:
    make_march(make_brand())
    assert drop_past(YEAR_LATER - timedelta(seconds=1)) == []
    assert kinds() == ["click", "open", "visit"]


@pytest.mark.django_db
def test_each_kind_goes_in_its_time() -> None:
    make_march(make_brand())
    assert [(step.table, step.rows) for step in drop_past(YEAR_LATER)] == [
        (f"{TABLE}_opens", 1),
        (f"{TABLE}_clicks", 1),
    ]
    assert tables() == {"", "_visits"}
    assert drop_past(YEAR_LATER) == []
    assert [(step.table, step.rows) for step in drop_past(TWO_YEARS_LATER)] == [(TABLE, 1)]
    assert tables() == set()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("days", "left"),
    [
        ({"OPENS": 0}, ["open", "visit"]),
        ({"CLICKS": 0}, ["click", "visit"]),
        ({"OPENS": 0, "CLICKS": 0, "VISITS": 30}, ["click", "open"]),
        ({"OPENS": 0, "CLICKS": -1, "VISITS": 0}, ["click", "open", "visit"]),
    ],
)
def test_each_kind_has_a_period_and_nought_is_for_ever(settings: Any, days: dict[str, int], left: list[str]) -> None:
    make_march(make_brand())
    for part, number in days.items():
        setattr(settings, f"FAREWELL_KEEP_{part}_DAYS", number)
    drop_past(YEAR_LATER)
    assert kinds() == left


@pytest.mark.django_db
def test_a_month_of_before_is_emptied_by_kind_and_dropped_in_the_end() -> None:
    make_plain_month(MARCH.date().replace(day=1), date(2020, 4, 1))
    for day in (1, 10, 31):
        for kind in ("open", "visit"):
            make_interaction(occurred_at=MARCH.replace(day=day), kind=kind)
    count_all()
    assert drop_past(YEAR_LATER, is_dry_run=True) == [Step(TABLE, 3, kinds=("open",))]
    assert drop_past(YEAR_LATER) == [Step(TABLE, 3, kinds=("open",))]
    assert set(Interaction.objects.values_list("kind", flat=True)) == {"visit"}
    assert drop_past(YEAR_LATER) == []
    assert [(step.table, step.rows) for step in drop_past(TWO_YEARS_LATER)] == [(TABLE, 3)]


@pytest.mark.django_db
def test_an_open_that_came_after_its_part_was_gone_goes_too() -> None:
    brand = make_brand()
    make_march(brand)
    drop_past(YEAR_LATER)
    make_interaction(brand=brand, occurred_at=MARCH, kind="open")
    count_all()
    assert drop_past(YEAR_LATER) == [Step(f"{TABLE}_visits", 1, kinds=("open",))]
    assert kinds() == ["visit"]


@pytest.mark.django_db
def test_what_was_not_counted_stays() -> None:
    brand = make_brand()
    make_march(brand)
    make_interaction(brand=brand, occurred_at=MARCH, kind="open")
    steps = {step.table: step.problem for step in drop_past(YEAR_LATER)}
    assert steps == {f"{TABLE}_opens": "holds rows that have not been counted yet", f"{TABLE}_clicks": ""}
    assert kinds() == ["open", "open", "visit"]
    assert [step.problem != "" for step in drop_past(TWO_YEARS_LATER, is_dry_run=True)] == [True]
    assert drop_past(TWO_YEARS_LATER)[0].problem
    count_all()
    drop_past(TWO_YEARS_LATER)
    assert kinds() == []


@pytest.mark.django_db
def test_not_counted_rows_of_a_month_of_before_stay() -> None:
    make_plain_month(MARCH.date().replace(day=1), date(2020, 4, 1))
    make_interaction(occurred_at=MARCH, kind="open")
    count_all()
    make_interaction(occurred_at=MARCH, kind="open")
    assert drop_past(YEAR_LATER) == [Step(TABLE, 1, kinds=("open",))]
    assert kinds() == ["open"]


@pytest.mark.django_db
def test_a_dry_run_tells_rows_and_bytes_and_changes_nothing() -> None:
    make_march(make_brand())
    steps = drop_past(TWO_YEARS_LATER, is_dry_run=True)
    assert [(step.table, step.rows, step.problem) for step in steps] == [(TABLE, 3, "")]
    assert steps[0].size > 8192
    assert kinds() == ["click", "open", "visit"]


@pytest.mark.django_db
def test_the_feed_is_told_up_to_where_rows_are_missing() -> None:
    rows = make_march(make_brand())
    rows[1].refresh_from_db()
    drop_past(YEAR_LATER)
    assert position(PRUNED_ROWS) == Cursor(rows[1].xid, rows[1].id)


@pytest.fixture
def march() -> Iterator[None]:
    yield
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {TABLE}")


@pytest.mark.django_db(transaction=True)
def test_who_reads_is_not_held_up_and_the_part_stays(march: None) -> None:
    make_march(make_brand())
    is_reading, may_end = threading.Event(), threading.Event()

    def look() -> None:
        with transaction.atomic():
            kinds()
            is_reading.set()
            may_end.wait(120)
        connection.close()

    reader = threading.Thread(target=look)
    reader.start()
    assert is_reading.wait(120)
    problems = {step.problem for step in drop_past(YEAR_LATER)}
    may_end.set()
    reader.join()
    assert problems == {"is in use"}
    assert kinds() == ["click", "open", "visit"]
    assert {step.problem for step in drop_past(YEAR_LATER)} == {""}


@pytest.mark.django_db(transaction=True)
def test_two_workers_drop_once(march: None) -> None:
    make_march(make_brand())
    steps: list[Step] = []
    start = threading.Barrier(3)

    def work() -> None:
        start.wait()
        steps.extend(drop_past(TWO_YEARS_LATER))
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tables() == set()
    assert {step.problem for step in steps} == {""}


NOW = datetime(2026, 11, 20, tzinfo=UTC)
PEOPLE = [UUID(int=number) for number in range(1, 5)]


def ago(days: int) -> datetime:
    return NOW - timedelta(days=days)


def delete_past(**options: bool) -> dict[str, int]:
    return {step.table: step.rows for step in people.delete_past(NOW, **options)}


def make_touch(act: str, days: int) -> Touch:
    fields = {
        "mailing": f"{days}",
        "act": act,
        "link": 0,
        "brand_id": 1,
        "channel": "email",
        "topic": "",
        "segment": "",
    }
    return Touch.objects.create(recipient_id=PEOPLE[0], first_at=ago(days), **fields)


@pytest.mark.django_db
def test_touches_go_when_nobody_is_told_any_more_and_those_of_leaving_later() -> None:
    for act in ("open", "click", "conversion", "visit", "script", "left"):
        for days in (179, 181, 731):
            make_touch(act, days)
    assert delete_past() == {"engagement_touch": 9}
    left = Touch.objects.values_list("act", "mailing")
    assert {mailing for act, mailing in left if act in ("open", "click", "conversion")} == {"179"}
    assert {mailing for act, mailing in left if act in ("visit", "script", "left")} == {"179", "181"}
    assert delete_past() == {}


@pytest.mark.django_db
def test_who_was_scanned_long_ago_is_not_known_any_more() -> None:
    fields = {"brand_id": 1, "domain": "example.org", "first_at": ago(400), "events": 1, "messages": 1}
    for person, days in zip(PEOPLE, (1, 181), strict=False):
        Scanned.objects.create(recipient_id=person, last_at=ago(days), **fields)
    assert delete_past() == {"engagement_scanned": 1}
    assert Scanned.objects.get().recipient_id == PEOPLE[0]


@pytest.mark.django_db
def test_counts_that_may_be_of_one_person_go_and_all_others_stay() -> None:
    brand = make_brand()
    fields = {"brand_id": brand.pk, "value": "", "channel": "email", "level": "day"}
    for days in (1, 181, 4000):
        for dimension in ("brand", "mailing", "segment", "link", "topic", "pace"):
            own = {**fields, "dimension": dimension, "start": ago(days), "mailing": ""}
            Tally.objects.create(record="open", verdict="human", age=-1, events=1, **own)
            Reach.objects.create(act="open", is_cleaned=True, messages=1, **own)
        for dimension in ("domain", "network", "agent", "pace"):
            Ranking.objects.create(events=1, everybody=1, dimension=dimension, start=ago(days), **fields)
    assert delete_past() == {"engagement_ranking": 6}
    old = Ranking.objects.filter(start__lt=ago(180)).values_list("dimension", flat=True)
    assert [*old] == ["pace", "pace"]


@pytest.mark.django_db
def test_a_months_counts_go_when_all_of_the_month_is_past() -> None:
    fields = {"brand_id": make_brand().pk, "channel": "email", "dimension": "domain", "level": "month"}
    for days in (185, 205, 216):
        cell = {**fields, "value": str(days), "start": ago(days)}
        Ranking.objects.create(events=1, everybody=1, **cell)
    assert delete_past() == {"engagement_ranking": 1}
    assert set(Ranking.objects.values_list("value", flat=True)) == {"185", "205"}


@pytest.mark.django_db
def test_conversions_and_revisions_go_with_what_they_are_about() -> None:
    brand = make_brand()
    for days in (364, 366):
        fields = {"name": "order", "key": str(days).encode(), "occurred_at": ago(days)}
        Conversion.objects.create(brand=brand, recipient_id=PEOPLE[0], mailing="m", **fields)
        for number, kind in enumerate(("open", "visit")):
            fields = {"interaction_id": 1, "kind": kind, "brand_id": brand.pk, "recipient_id": PEOPLE[0]}
            judged = {"old_verdict": "human", "new_verdict": "machine", "old_record": kind, "new_record": kind}
            Revision.objects.create(occurred_at=ago(days), xid=days + number, **fields, **judged)
    gone = Revision.objects.get(xid=366)
    assert delete_past(is_dry_run=True) == {"engagement_conversion": 1, "engagement_revision": 1}
    assert delete_past() == {"engagement_conversion": 1, "engagement_revision": 1}
    assert position(PRUNED_REVISIONS) == Cursor(366, gone.id)
    assert set(Revision.objects.values_list("kind", "xid")) == {("open", 364), ("visit", 365), ("visit", 367)}


@pytest.mark.django_db
def test_what_is_kept_for_ever_stays(settings: Any) -> None:
    for name in ("KEEP_OPENS", "KEEP_CLICKS", "KEEP_VISITS", "PSEUDONYMISE"):
        setattr(settings, f"FAREWELL_{name}_DAYS", 0)
    make_touch("open", 4000)
    make_touch("left", 4000)
    assert delete_past() == {}


# The command.


@pytest.mark.django_db
def test_the_command_tells_what_went_and_a_dry_run_what_would() -> None:
    make_march(make_brand())
    make_interaction(occurred_at=timezone.now() - timedelta(days=1), kind="open")
    before = run("keep", "--dry-run")
    assert f"{TABLE}: 3 rows, " in before.out
    assert "2 opens, clicks and conversions get a pseudonym for their person" in before.out
    assert before.out.endswith("Nothing was changed.\n")
    assert kinds() == ["click", "open", "visit"]
    after = run("keep")
    assert f"{TABLE}: 3 rows, " in after.out
    assert "0 opens, clicks and conversions got a pseudonym" in after.out
    assert (after.err, after.status, kinds()) == ("", 0, [])
    assert run("keep").out == "0 opens, clicks and conversions got a pseudonym for their person\n"


@pytest.mark.django_db
def test_the_command_says_what_it_had_to_leave() -> None:
    make_march(make_brand())
    make_interaction(occurred_at=MARCH, kind="click")
    result = run("keep")
    assert f"{TABLE}: 4 rows" in result.out
    assert "stays, it holds rows that have not been counted yet" in result.out
    assert "4 wait until they have been counted" not in result.out


@pytest.mark.django_db
def test_the_worker_keeps_each_night_and_says_what_it_had_to_leave(caplog: pytest.LogCaptureFixture) -> None:
    make_march(make_brand())
    old = make_interaction(occurred_at=MARCH, kind="open")
    with caplog.at_level("WARNING", logger="engagement.tasks"):
        tasks.keep.call()
    assert [record.getMessage() for record in caplog.records] == [
        f"{TABLE} is past its time and stays until tomorrow: it holds rows that have not been counted yet"
    ]
    count_all()
    tasks.keep.call()
    assert not Interaction.objects.filter(id=old.id).exists()
