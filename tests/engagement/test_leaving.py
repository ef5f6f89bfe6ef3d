"""Who left and who stayed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from engagement.figures.leaving import Away, Instead, Outcome, Span, Statistics, statistics
from preferences.models import PreferenceChange, Source, Wish
from preferences.models.subscriptions import SuppressionReason
from preferences.models.writing import Setting
from tests.engagement.leavings import LATER, MONTH, START, Someone, counted, in_days, now, opt_out, outcomes
from tests.makers import make_brand, make_cause, make_recipient, make_topic

pytestmark = pytest.mark.django_db


def test_nothing_at_all_is_empty() -> None:
    assert statistics(MONTH).is_empty
    assert statistics(MONTH) == Statistics((), (), (), (), 0)


def test_leaving_everything_is_one_leaving() -> None:
    brand = make_brand()
    for slug in ("news", "offers", "events"):
        make_topic(brand, slug)
    make_recipient(brand).leave_everything(make_cause(Source.PREFERENCE_PAGE))
    [cell] = now().left
    assert (cell.topic_id, cell.door, cell.outcome, cell.count) == (None, Source.PREFERENCE_PAGE, Outcome.AWAY, 1)


def test_whom_evidence_put_back_has_not_left() -> None:
    alice = Someone(make_recipient(brand := make_brand()))
    topic = make_topic(brand)
    alice.arrive(topic)
    alice.reinstate(topic)
    told = now()
    assert (told.left, told.left_at, told.returned, told.put_back_count) == ((), (), (), 1)


def test_an_opt_out_that_is_settled_by_another_door_is_one_leaving_by_the_first() -> None:
    alice = Someone(make_recipient(brand := make_brand()))
    topic = make_topic(brand)
    alice.arrive(topic)
    alice.recipient.opt_out(topic.id, make_cause(Source.ONE_CLICK))
    [cell] = now().left
    assert (cell.door, cell.count) == (Source.ARRIVAL, 1)


@pytest.mark.parametrize(
    ("setting", "outcome"), [(Setting("weekly"), Outcome.FEWER), (LATER, Outcome.PAUSED)], ids=["fewer", "pause"]
)
def test_who_takes_an_offer_after_leaving_is_saved_by_it(setting: Setting, outcome: Outcome) -> None:
    alice, topic = opt_out()
    alice.undo_opt_out(topic.id, make_cause(Source.OFFER), setting)
    told = now()
    assert outcomes(told) == {outcome: 1}
    assert [(cell.way, cell.away) for cell in told.returned] == [(Source.OFFER, Away.HOUR)]


def test_who_takes_a_pause_after_leaving_everything_is_saved_by_it() -> None:
    topic = make_topic()
    alice = make_recipient(topic.brand)
    alice.leave_everything(make_cause(Source.PREFERENCE_PAGE))
    alice.undo_opt_out(topic.id, make_cause(Source.OFFER), LATER)
    assert outcomes(now()) == {Outcome.PAUSED: 1}


def test_topics_that_stay_off_when_someone_comes_back_to_one_are_not_left() -> None:
    brand = make_brand()
    topics = [make_topic(brand, slug) for slug in ("news", "offers")]
    alice = make_recipient(brand)
    alice.suppress(SuppressionReason.IMPORT, make_cause(Source.IMPORT))
    alice.opt_in(topics[0].id, make_cause(Source.CONFIRM_BUTTON))
    told = now()
    assert [(cell.topic_id, cell.outcome) for cell in told.left] == [(None, Outcome.BACK)]
    assert [cell.count for cell in told.returned] == [1]


def test_who_is_out_of_everything_leaves_no_topic_more() -> None:
    topic = make_topic()
    alice = make_recipient(topic.brand)
    alice.suppress(SuppressionReason.IMPORT, make_cause(Source.IMPORT))
    alice.opt_out(topic.id, make_cause(Source.ONE_CLICK))
    assert [(cell.topic_id, cell.count) for cell in now().left] == [(None, 1)]


def test_a_required_topic_is_left_for_itself_even_after_everything() -> None:
    topic = make_topic(is_required=True)
    alice = make_recipient(topic.brand)
    alice.leave_everything(make_cause(Source.PREFERENCE_PAGE))
    alice.opt_out(topic.id, make_cause(Source.ONE_CLICK))
    assert {cell.topic_id for cell in now().left} == {None, topic.id}


def test_an_undo_that_takes_a_return_back_is_neither_a_return_nor_a_leaving() -> None:
    recipient, topic = opt_out()
    alice = Someone(recipient)
    alice.save(topic, Wish(is_in=True))
    alice.undo_save()
    told = now()
    assert outcomes(told) == {Outcome.AWAY: 1}
    assert told.returned == ()


def test_a_pause_that_was_undone_saved_nobody() -> None:
    topic = make_topic()
    alice = Someone(make_recipient(topic.brand))
    alice.save(topic, Wish(paused_until=in_days(14)))
    assert [(cell.choice, cell.count) for cell in now().kept] == [(Instead.PAUSED, 1)]
    alice.undo_save()
    assert now().kept == ()


def test_a_pause_counts_once_a_day() -> None:
    topic = make_topic()
    alice = Someone(make_recipient(topic.brand))
    for days, moment in ((9, 1), (10, 23), (11, 24), (12, 50)):
        alice.save(topic, Wish(paused_until=in_days(days)))
        latest = PreferenceChange.objects.latest("id")
        PreferenceChange.objects.filter(id=latest.id).update(changed_at=START + timedelta(hours=moment))
    assert [(cell.start.day, cell.count) for cell in counted(MONTH).kept] == [(1, 1), (2, 1), (3, 1)]


def test_a_new_topic_can_be_left_after_everything() -> None:
    brand = make_brand()
    make_topic(brand)
    alice = make_recipient(brand)
    alice.leave_everything(make_cause(Source.PREFERENCE_PAGE))
    new = make_topic(brand, "offers")
    alice.opt_out(new.id, make_cause(Source.ONE_CLICK))
    assert {cell.topic_id for cell in now().left} == {None, new.id}


def test_more_mails_are_not_fewer() -> None:
    topic = make_topic(frequencies=["every", "weekly"])
    alice = Someone(make_recipient(topic.brand))
    alice.save(topic, Wish(frequency="every"))
    assert now().kept == ()


@pytest.mark.parametrize(
    ("days", "unit", "pieces"), [(1, "day", 1), (35, "day", 35), (36, "week", 6), (183, "week", 27), (184, "month", 7)]
)
def test_days_then_weeks_then_months(days: int, unit: str, pieces: int) -> None:
    span = Span(START, START + timedelta(days=days))
    assert (span.unit, len(span.pieces)) == (unit, pieces)
    assert span.pieces[0] == START
    assert all(start.weekday() == 0 for start in span.pieces[1:] if unit == "week")
    assert all(start.day == 1 for start in span.pieces[1:] if unit == "month")


def test_days_begin_at_the_midnight_of_the_time_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django.conf.settings.TIME_ZONE", "Europe/Berlin")
    opt_out()
    PreferenceChange.objects.update(changed_at=datetime(2026, 10, 24, 22, 30, tzinfo=UTC))
    zone = ZoneInfo("Europe/Berlin")
    span = Span(datetime(2026, 10, 20, tzinfo=zone), datetime(2026, 10, 30, tzinfo=zone))
    [cell] = counted(span).left_at
    assert (cell.start.day, cell.start.hour) == (25, 0)
    assert cell.start in span.pieces
    assert [start.day for start in span.pieces] == list(range(20, 30))  # the 25th has 25 hours


def test_what_begins_before_the_period_is_told_at_its_first_piece() -> None:
    opt_out()
    PreferenceChange.objects.update(changed_at=datetime(2026, 7, 15, tzinfo=UTC))
    span = Span(datetime(2026, 7, 10, tzinfo=UTC), datetime(2027, 7, 1, tzinfo=UTC))
    [cell] = counted(span).left_at
    assert cell.start == span.pieces[0] == span.start
