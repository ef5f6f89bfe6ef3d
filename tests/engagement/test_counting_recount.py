"""Counting again: it finds every figure that is wrong, and puts it right."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.db.models import F

from engagement.counting.counter import count_all
from engagement.counting.origins import SUMS
from engagement.counting.recount import compare, covered_since, rebuild
from engagement.forgetting import forget
from engagement.management.commands import count_interactions
from engagement.models import Interaction, Ranking
from tests.commands import run
from tests.engagement.counted import LATER, erase, make_row, same
from tests.engagement.counts import stored_counts
from tests.engagement.makers import NOON
from tests.makers import make_brand, make_recipient

pytestmark = pytest.mark.django_db

KINDS = ("open", "click", "visit", "header_visit", "arrive", "confirm", "one_click", "hidden_visit", "conversion")


def damage(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.fixture
def crowd() -> None:
    brand = make_brand()
    for number in range(60):
        make_row(
            brand=brand,
            kind=KINDS[number % len(KINDS)],
            verdict=("human", "machine", "unsure", "prefetched")[number % 4],
            recipient_id=UUID(int=number % 7),
            occurred_at=NOON + timedelta(days=5 * (number % 9), hours=number % 7),  # each day is a count of its own
            mailing=("a", "b")[number % 2],
            link=number % 3,
            visit=number,
        )
    count_all(LATER)


@pytest.mark.usefixtures("crowd")
@pytest.mark.parametrize(("option", "what"), [("--check", "compare"), ("--rebuild", "rebuild_in_zone")])
def test_an_interrupted_command_says_so_and_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, option: str, what: str
) -> None:
    before = stored_counts()

    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(count_interactions, what, interrupted)
        result = run("count_interactions", option)
    assert (result.status, result.err.strip()) == (130, "Interrupted. Run it again.")
    assert stored_counts() == before
    assert "The figures are exact." in run("count_interactions", "--check").out


@pytest.mark.usefixtures("crowd")
def test_a_recount_finds_the_figures_exact() -> None:
    for since in (None, NOON + timedelta(days=31)):
        found = compare(since)
        assert (found.missing_count, found.excess_count, found.is_exact) == (0, 0, True)
        assert found.row_count


@pytest.mark.usefixtures("crowd")
@pytest.mark.parametrize("table", ["tally", "reach", "ranking", "touch", "pageview", "scanned"])
def test_a_recount_finds_what_is_missing_and_a_rebuild_mends_it(table: str) -> None:
    before = stored_counts()
    damage(f"DELETE FROM engagement_{table} WHERE ctid IN (SELECT ctid FROM engagement_{table} LIMIT 2)")
    found = compare(None)
    assert (found.missing_count, found.is_exact) == (2, False)
    assert found.examples[0].table == table
    rebuild(None)
    same(stored_counts(), before)


@pytest.mark.usefixtures("crowd")
def test_a_recount_finds_each_wrong_sum() -> None:
    """Of another row each."""
    before, wrong = stored_counts(), {("ranking", name) for name in SUMS}
    of_machines = Ranking.objects.filter(events__gt=0).order_by("dimension", "level", "start", "value", "channel")
    rows = dict(zip(SUMS, of_machines.values_list("pk", flat=True), strict=False))
    assert len(rows) == len(SUMS)
    for by, missing in ((1, 0), (-2, len(SUMS))):
        for name, row in rows.items():
            Ranking.objects.filter(pk=row).update(**{name: F(name) + by})
        found = compare(None)
        assert (found.missing_count, found.excess_count) == (missing, len(SUMS) - missing)
        assert {(one.table, one.cell.rpartition(" ")[2]) for one in found.examples} == wrong
        assert {abs((one.counted or 0) - (one.recounted or 0)) for one in found.examples} == {1}
    rebuild(None)
    same(stored_counts(), before)


def test_what_is_too_low_is_no_excess_where_another_sum_is_too_high() -> None:
    make_row(brand=make_brand(), verdict="machine")
    count_all(LATER)
    damage("UPDATE engagement_ranking SET everybody = 9, visited = 0 WHERE dimension = 'domain'")
    found = compare(None)
    assert (found.missing_count, found.excess_count) == (2, 0)


@pytest.mark.usefixtures("crowd")
def test_a_rebuild_since_a_month_leaves_what_was_before() -> None:
    before, since = stored_counts(), NOON + timedelta(days=31)
    damage("UPDATE engagement_tally SET events = events + 1 WHERE start >= '2026-12-01'")
    damage("DELETE FROM engagement_reach WHERE start >= '2026-12-01'")
    Interaction.objects.filter(occurred_at__lt="2026-12-01T00:00Z").delete()  # as retention does
    rebuild(since)
    same(stored_counts(), before)


def test_a_page_view_that_began_before_the_month_is_not_counted_again() -> None:
    """Its first rows may be gone: what is left of it must not begin another one."""
    view: dict[str, Any] = {"brand": make_brand(), "visit": 7, "verdict": "machine"}
    december = datetime(2026, 12, 1, tzinfo=UTC)
    make_row(**view, kind="visit", occurred_at=december - timedelta(minutes=1))
    make_row(**view, kind="arrive", answer="ask", occurred_at=december + timedelta(minutes=1))
    count_all(LATER)
    Interaction.objects.filter(occurred_at__lt=december).delete()  # as retention does
    before = stored_counts()
    assert [results for _, results in before.views.values()] == [["robot", "script_robot", "asked", "script_machine"]]
    assert compare(december).is_exact
    rebuild(december)
    same(stored_counts(), before)


@pytest.mark.usefixtures("crowd")
def test_what_is_more_than_stored_is_right_only_after_an_erasure() -> None:
    erase(UUID(int=3))
    assert not compare(None).is_exact
    forget(make_recipient(make_brand(slug="other")))
    found = compare(None)
    assert found.excess_count
    assert (found.missing_count, found.erasure_count, found.is_exact) == (0, 1, True)


@pytest.mark.usefixtures("crowd")
def test_only_whole_months_can_be_counted_again() -> None:
    assert covered_since() is None
    damage("DROP TABLE engagement_interaction_2026_11_opens")
    assert covered_since() == datetime(2026, 12, 1, tzinfo=UTC)


@pytest.mark.usefixtures("crowd")
def test_what_tells_of_nobody_any_more_is_not_counted_again(settings: Any) -> None:
    settings.FAREWELL_PSEUDONYMISE_DAYS = 30
    assert covered_since(NOON + timedelta(days=20)) is None
    assert covered_since(NOON + timedelta(days=40)) == datetime(2026, 12, 1, tzinfo=UTC)


@pytest.mark.usefixtures("crowd")
def test_the_command_counts_checks_and_mends() -> None:
    make_row(brand=make_brand(slug="other"))
    assert "The figures are exact." in run("count_interactions", "--check").out
    assert run("count_interactions").out == "1 interaction counted.\n"
    damage("UPDATE engagement_tally SET events = events - 1 WHERE dimension = 'brand' AND level = 'month'")
    refused = run("count_interactions", "--check")
    assert refused.status == 1
    assert "figures are too low or wrong" in refused.out
    assert (
        run("count_interactions", "--rebuild", "--since", "2026-11-20").out
        == "61 interactions counted anew from 2026-11-01 on.\n"
    )
    assert run("count_interactions", "--check").status == 0
