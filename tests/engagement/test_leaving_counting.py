"""Leavings are counted as the ledger is: stretch by stretch, whatever becomes of what they are about."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from engagement.counting import leavings
from engagement.counting.changes import look_up_by_index
from engagement.counting.counter import count_all
from engagement.counting.doors import count_changes
from engagement.counting.leavings import count_leavings
from engagement.counting.position import LEAVINGS, Place
from engagement.counting.recount import compare, rebuild
from engagement.counting.zones import rebuild_in_zone
from engagement.figures.leaving import Away, Outcome, statistics
from engagement.forgetting import forget
from engagement.models import Position, Tally
from preferences.feed import forget_transactions
from preferences.models import PreferenceChange, Source, Topic
from preferences.models.subscriptions import SuppressionReason
from tests.engagement import leaving_walk
from tests.engagement.counted import LONG_AGO, commit_changes
from tests.engagement.leavings import MONTH, START, counted, days_around, now, opt_out, outcomes
from tests.makers import make_brand, make_cause, make_recipient, make_topic

pytestmark = pytest.mark.django_db


def test_what_becomes_of_a_topic_changes_no_figure() -> None:
    """Nothing is asked that can change outside the ledger: what was counted could not be taken out again."""
    topic = make_topic(is_required=True)
    alice = make_recipient(topic.brand)
    alice.leave_everything(make_cause(Source.PREFERENCE_PAGE))
    alice.opt_out(topic.id, make_cause(Source.ONE_CLICK))
    before = now()
    Topic.objects.update(is_required=False)
    alice.opt_in(topic.id, make_cause(Source.API))
    assert len(before.left) == 2
    assert outcomes(now()) == {Outcome.BACK: 2}
    assert leaving_walk.stored_leavings() == leaving_walk.count_leavings(PreferenceChange.objects.all())


def test_a_leaving_of_long_ago_changes_its_outcome_where_it_stands() -> None:
    alice, topic = opt_out()
    PreferenceChange.objects.update(changed_at=START)
    assert outcomes(counted(MONTH)) == {Outcome.AWAY: 1}
    alice.opt_in(topic.id, make_cause(Source.API))
    told = counted(MONTH)
    assert (outcomes(told), told.returned) == ({Outcome.BACK: 1}, ())
    assert [cell.away for cell in now().returned] == [Away.LONGER]


def test_one_deed_in_two_stretches_counts_as_in_one() -> None:
    """A topic that ends with everything looks like a leaving of its own until the rest is counted."""
    brand = make_brand()
    topics = [make_topic(brand, slug) for slug in ("news", "offers")]
    make_recipient(brand).leave_everything(make_cause(Source.PREFERENCE_PAGE))
    commit_changes()
    day = days_around()
    assert count_changes(1)
    assert {cell.topic_id for cell in statistics(day).left} < {topic.id for topic in topics}
    count_all()
    assert [(cell.topic_id, cell.count) for cell in statistics(day).left] == [(None, 1)]


@pytest.mark.parametrize(("apart", "count"), [(1, 1), (3, 2)])
def test_rows_of_one_cause_are_one_deed_within_two_seconds(apart: int, count: int) -> None:
    topic = make_topic()
    alice, cause = make_recipient(topic.brand), make_cause(Source.API)
    alice.opt_out(topic.id, cause)
    alice.suppress(SuppressionReason.IMPORT, cause)
    first, second = PreferenceChange.objects.order_by("id")
    PreferenceChange.objects.filter(id=second.id).update(changed_at=first.changed_at + timedelta(seconds=apart))
    assert len(now().left) == count


def test_whoever_is_erased_goes_by_a_rebuild_and_nothing_is_taken_out_twice() -> None:
    alice, topic = opt_out()
    assert len(now().left) == 1
    forget(alice)
    assert sorted(cell.door for cell in now().left) == [Source.ERASURE, Source.ONE_CLICK]
    alice.opt_in(topic.id, make_cause(Source.API))
    alice.opt_out(topic.id, make_cause(Source.ONE_CLICK))
    assert outcomes(now()) == {Outcome.AWAY: 2, Outcome.BACK: 1}
    forget(alice)
    assert outcomes(now()) == {Outcome.AWAY: 3, Outcome.BACK: 1}
    assert not Tally.objects.filter(events__lt=1).exists()
    assert (compare(None).is_exact, compare(None).missing_count) == (True, 0)
    rebuild(None)
    assert [(cell.door, cell.outcome) for cell in now().left] == [(Source.ERASURE, Outcome.AWAY)]


def test_a_ledger_that_was_counted_without_leavings_is_counted_anew() -> None:
    """As by the version before, also where its worker still runs beside the new one."""
    opt_out()
    before = now()
    Position.objects.filter(name=LEAVINGS).delete()
    Tally.objects.filter(dimension="left").delete()
    assert now() == before
    assert sum(Tally.objects.filter(dimension="door", level="day").values_list("events", flat=True)) == 2


def test_an_old_leaving_is_found_in_another_time_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    alice, topic = opt_out()
    PreferenceChange.objects.update(changed_at=START)
    assert outcomes(counted(MONTH)) == {Outcome.AWAY: 1}
    monkeypatch.setattr("django.conf.settings.TIME_ZONE", "Asia/Tokyo")
    rebuild_in_zone(timezone.now())
    alice.opt_in(topic.id, make_cause(Source.API))
    assert outcomes(counted(MONTH)) == {Outcome.BACK: 1}
    assert leaving_walk.stored_leavings() == leaving_walk.count_leavings(PreferenceChange.objects.all())


def test_rows_that_went_to_the_beginning_uncounted_are_counted() -> None:
    """`changes --after-restore` where the ledger was not counted to its end, and goes on."""
    opt_out()
    assert len(now().left) == 1
    opt_out(source=Source.API)
    forget_transactions()
    opt_out(source=Source.MAILTO)
    PreferenceChange.objects.filter(source=Source.MAILTO).update(xid=LONG_AGO + 1)
    count_all()
    doors = {row.value for row in Tally.objects.filter(dimension="door")}
    assert doors == {Source.API, Source.ONE_CLICK, Source.MAILTO}


def test_somebody_was_away_since_they_last_left_whatever_the_clock_said() -> None:
    """It was half a day ahead when they left before."""
    alice, topic = opt_out()
    alice.opt_in(topic.id, make_cause(Source.API))
    alice.opt_out(topic.id, make_cause(Source.API))
    alice.opt_in(topic.id, make_cause(Source.API))
    moments = [timezone.now() + timedelta(hours=hours) for hours in (12, 13, 0, 2)]
    for row, at in zip(PreferenceChange.objects.order_by("id"), moments, strict=True):
        PreferenceChange.objects.filter(pk=row.pk).update(changed_at=at)
    commit_changes()
    count_all()
    assert leaving_walk.stored_leavings() == leaving_walk.count_leavings(PreferenceChange.objects.all())
    returned = Tally.objects.filter(dimension="returned", level="hour").order_by("start")
    assert [row.age for row in returned] == [1, 1]


def test_a_suppression_of_long_ago_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever bounced can leave nothing, though the row that says so is none of the last."""
    monkeypatch.setattr(leavings, "MOST", 4)
    topic = make_topic(is_required=True)
    alice = make_recipient(topic.brand)
    alice.suppress(SuppressionReason.ADMIN, make_cause(Source.ADMIN))
    for _ in range(8):
        alice.opt_out(topic.id, make_cause(Source.API))
        alice.undo_opt_out(topic.id, make_cause(Source.UNDO))
    above = PreferenceChange.objects.filter(topic=None).order_by("id")
    above.exclude(pk=above[0].pk).delete()  # what an undo lifts
    commit_changes()
    while count_changes(1):
        pass
    assert PreferenceChange.objects.count() > 12
    assert leaving_walk.stored_leavings() == leaving_walk.count_leavings(PreferenceChange.objects.all())


@pytest.mark.parametrize("stretch", [1, 50])
def test_one_address_that_is_toggled_without_end_is_read_in_one_pass(stretch: int) -> None:
    """A brand's own system may do that, thousands of times. Twice the rows take twice the work, not four times."""
    first, second = rows_touched_by_toggling(100, 200, stretch=stretch)
    assert 100 < first < second < 2.5 * first


@pytest.mark.parametrize("stretch", [1, 50])
def test_of_an_address_that_is_toggled_without_end_the_last_rows_are_enough(
    stretch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All the others are looked through, for whether everything was left and for choices, but not held against each
    other, which takes some thirty steps a row."""
    monkeypatch.setattr(leavings, "MOST", 10)
    first, second = rows_touched_by_toggling(200, 400, stretch=stretch)
    assert first < second < first + 10 * 200


def rows_touched_by_toggling(*totals: int, stretch: int) -> Iterator[int]:
    topic = make_topic()
    alice = make_recipient(topic.brand)
    done = 0
    for total in totals:
        for _ in range((total - done) // 2):
            alice.opt_out(topic.id, make_cause(Source.API))
            alice.undo_opt_out(topic.id, make_cause(Source.UNDO))
        commit_changes()
        done, last = total, PreferenceChange.objects.latest("id").id
        yield rows_touched(Place(LONG_AGO, last - stretch), Place(LONG_AGO, last))


def rows_touched(after: Place, to: Place) -> int:
    """How many rows the steps of the counter's statement yield, by PostgreSQL's own account."""
    found: list[int] = []

    def explain(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if not sql.lstrip().startswith("MERGE"):
            return execute(sql, params, many, context)
        result = execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", params, many, context)
        [(plan,)] = context["cursor"].fetchall()
        found.append(_rows_of(plan[0]["Plan"]))
        return result

    with transaction.atomic(), connection.execute_wrapper(explain):
        look_up_by_index()
        count_leavings(after, to)
    return sum(found)


def _rows_of(plan: dict[str, Any]) -> int:
    removed = plan.get("Rows Removed by Filter", 0) + plan.get("Rows Removed by Join Filter", 0)
    own = (plan["Actual Rows"] + removed) * plan["Actual Loops"]
    return int(own) + sum(_rows_of(part) for part in plan.get("Plans", ()))
