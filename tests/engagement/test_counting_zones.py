"""A change of TIME_ZONE after something was counted: noticed, refused, and put right by counting anew."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from engagement import tasks
from engagement.checks import check_time_zone
from engagement.counting.counter import count_all
from engagement.counting.recount import compare
from engagement.counting.zones import ZoneError, check_zone, counted_zone, is_of_another_zone, rebuild_in_zone
from engagement.models import Dimension, Interaction, Level, Ranking, Tally
from engagement.rejudging import revising
from tests.commands import run
from tests.engagement.counted import LATER, make_row
from tests.engagement.makers import NOON
from tests.makers import make_brand

pytestmark = pytest.mark.django_db

BERLIN, KOLKATA = "Europe/Berlin", "Asia/Kolkata"


@pytest.fixture
def berlin(settings: Any) -> None:
    """Some months counted in Berlin's days, and nothing about the zone kept yet, as by versions before."""
    settings.TIME_ZONE = BERLIN
    brand = make_brand()
    for number in range(40):
        make_row(brand=brand, kind="click", visit=number, occurred_at=NOON - timedelta(hours=53 * number))
    count_all(LATER)


def days() -> set[datetime]:
    rows = Tally.objects.filter(dimension=Dimension.BRAND, level=Level.DAY)
    return {start.astimezone(UTC) for start in rows.values_list("start", flat=True)}


@pytest.mark.usefixtures("berlin")
def test_the_zone_is_kept_before_something_is_counted_in_it() -> None:
    assert counted_zone() == ""
    tasks.count_interactions.func()
    assert counted_zone() == BERLIN


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize("is_known", [True, False])
def test_nothing_is_counted_in_another_zone(settings: Any, *, is_known: bool) -> None:
    if is_known:
        check_zone()
    settings.TIME_ZONE = KOLKATA
    before = days()
    with pytest.raises(ZoneError, match=BERLIN if is_known else "another time zone"):
        tasks.count_interactions.func()
    for options in ([], ["--check"]):
        refused = run("count_interactions", *options)
        assert (refused.status, refused.out) == (1, "")
        assert "count_interactions --rebuild" in refused.err
    assert days() == before


@pytest.mark.usefixtures("berlin")
def test_nothing_is_revised_in_another_zone(settings: Any) -> None:
    settings.TIME_ZONE = KOLKATA
    with pytest.raises(ZoneError):
        revising.apply(None, 0)  # type: ignore[arg-type]


@pytest.mark.usefixtures("berlin")
def test_a_zone_with_the_same_days_is_the_same(settings: Any) -> None:
    check_zone()
    settings.TIME_ZONE = "Europe/Vienna"
    assert not is_of_another_zone()
    check_zone()
    assert counted_zone() == "Europe/Vienna"


@pytest.mark.usefixtures("berlin")
def test_counting_anew_puts_it_right(settings: Any) -> None:
    settings.TIME_ZONE = KOLKATA
    result = run("count_interactions", "--rebuild")
    assert (result.status, result.out) == (0, "40 interactions counted anew.\n")
    assert all(day.hour == 18 and day.minute == 30 for day in days())
    assert counted_zone() == KOLKATA
    assert compare(None).is_exact
    assert run("count_interactions").status == 0


@pytest.mark.usefixtures("berlin")
def test_a_part_of_the_figures_is_not_counted_anew_in_another_zone(settings: Any) -> None:
    settings.TIME_ZONE = KOLKATA
    result = run("count_interactions", "--rebuild", "--since", "2026-11-01")
    assert (result.status, "rebuild without --since" in result.err) == (1, True)


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize("zone", ["UTC", KOLKATA, "America/New_York"])
def test_what_can_be_counted_anew_is_and_what_is_older_stays(settings: Any, zone: str) -> None:
    """No month is there twice, however far the zones are apart."""
    check_zone()
    settings.TIME_ZONE = zone
    since = datetime(2026, 10, 1, tzinfo=UTC)
    Interaction.objects.filter(occurred_at__lt=since - timedelta(days=2)).delete()
    rebuild_in_zone(since)
    months = Tally.objects.filter(dimension=Dimension.BRAND, level=Level.MONTH).values_list("start", flat=True)
    assert all(later - earlier > timedelta(days=27) for earlier, later in pairwise(sorted(set(months))))
    assert set(Ranking.objects.filter(level=Level.MONTH).values_list("start", flat=True)) == set(months)
    assert counted_zone() == zone
    check_zone()


@pytest.mark.usefixtures("berlin")
def test_the_system_check_warns(settings: Any) -> None:
    assert check_time_zone(databases=["default"]) == []
    settings.TIME_ZONE = KOLKATA
    assert [found.id for found in check_time_zone(databases=["default"])] == ["farewell.W006"]
    assert check_time_zone() == []  # without a database
