"""The figures, recounted from raw rows by other means: plain Python over a seeded crowd of page views."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from engagement.figures.opt_outs import OptOuts, Scope
from engagement.figures.prevented import Delivered, Doubt, Robots, Verdicts, figures
from engagement.models import Interaction, RecordingGap
from preferences.models import Brand, PreferenceChange, Source
from preferences.models.subscriptions import SuppressionReason
from tests.engagement.makers import NOON, make_interaction, make_mailing
from tests.makers import make_brand, make_cause, make_recipient, make_topic

pytestmark = pytest.mark.django_db

START = datetime(2026, 11, 1, tzinfo=UTC)
END = datetime(2026, 11, 8, tzinfo=UTC)
WEEK = Scope(START, END)
VERDICTS = ("human", "unsure", "machine")


def today() -> Scope:
    """The ledger's rows carry the moment at which they were written."""
    return Scope(timezone.now() - timedelta(hours=12), timezone.now() + timedelta(hours=12))


def crowd(rng: random.Random, brands: list[Brand], size: int = 150) -> None:
    """Page views around the week's borders, with scripts that call several times and buttons pressed days later."""
    for number in range(size):
        brand, mailing = rng.choice(brands), rng.choice(["", "2026-10", "2026-11"])
        at = START + timedelta(minutes=rng.randrange(-2 * 1440, 9 * 1440))
        same = {"brand": brand, "mailing": mailing, "visit": number + 1, "recipient_id": UUID(int=rng.randrange(40))}
        kind, method = rng.choice(["visit", "visit", "header_visit"]), rng.choice(["GET", "GET", "HEAD"])
        make_interaction(**same, occurred_at=at, kind=kind, method=method, verdict=rng.choice(VERDICTS))
        for _ in range(rng.choice([0, 0, 1, 1, 2, 3])):
            at += timedelta(minutes=rng.choice([0, 1, 200]))
            answer, verdict = rng.choice(["done", "ask", "ask"]), rng.choice(VERDICTS)
            make_interaction(**same, occurred_at=at, kind="arrive", answer=answer, verdict=verdict)
        if rng.random() < 0.3:
            at += timedelta(minutes=rng.choice([1, 700]))
            make_interaction(**same, occurred_at=at, kind="confirm", answer="done", verdict=rng.choice(VERDICTS))
    for kind in ("one_click", "hidden_visit", "keep", "prefs_visit", "undo"):
        make_interaction(brand=brands[0], kind=kind, verdict="machine", visit=None)
    make_interaction(brand=brands[0], kind="arrive", answer="ask", verdict="machine", visit=None)


def is_in(row: Interaction, scope: Scope, late: timedelta = timedelta()) -> bool:
    is_brand = scope.brand_ids is None or row.brand_id in scope.brand_ids
    return scope.start <= row.occurred_at < scope.end + late and is_brand and scope.mailing in ("", row.mailing)


class Recount:
    """The same figures as `engagement.prevented`, one row at a time."""

    def __init__(self, scope: Scope) -> None:
        rows = sorted(Interaction.objects.all(), key=lambda row: (row.occurred_at, row.pk))
        seen = [row for row in rows if is_in(row, scope, late=timedelta(days=1))]
        self.rows = [row for row in rows if is_in(row, scope)]
        self.landings = [row for row in self.rows if row.kind in ("visit", "header_visit")]
        self.arrivals = [row for row in self.rows if row.kind == "arrive" and row.visit is not None]
        self.pressed = {row.visit for row in seen if row.kind == "confirm"}
        self.done = {row.visit for row in seen if row.kind == "arrive" and row.answer == "done"}
        self.ended = self.pressed | self.done

    def robots(self) -> Robots:
        robots = [r for r in self.landings if r.verdict == "machine" and r.facts["request"]["method"] == "GET"]
        left = [row for row in robots if row.visit in self.ended]
        people = {row.recipient_id for row in robots if row.visit not in self.ended}
        return Robots(len(robots), len(left), len(people))

    def scripts(self) -> Robots:
        robots = [row for row in self.arrivals if row.verdict == "machine"]
        visits = {row.visit for row in robots}
        people = {row.recipient_id for row in robots if row.visit not in self.ended}
        return Robots(len(visits), len(visits & self.ended), len(people))

    def doubt(self) -> Doubt:
        asked = {row.visit for row in self.arrivals if row.answer == "ask"}
        return Doubt(len(asked), len(asked & self.pressed), len((asked & self.done) - self.pressed))

    def script_runs(self) -> Verdicts:
        return count(dict[object, str]((row.visit, row.verdict) for row in self.arrivals).values())

    def buckets(self, scope: Scope) -> dict[datetime, Verdicts]:
        found: dict[datetime, list[str]] = {}
        for row in self.landings:
            local = timezone.localtime(row.occurred_at)
            start = local.replace(minute=0, second=0, microsecond=0)
            found.setdefault(start if scope.is_hourly else start.replace(hour=0), []).append(row.verdict)
        return {start: count(verdicts) for start, verdicts in found.items()}


def count(verdicts: object) -> Verdicts:
    counter = Counter(verdicts)  # type: ignore[call-overload]
    return Verdicts(counter["human"], counter["unsure"], counter["machine"])


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_figure_of_page_views_is_what_the_rows_say(seed: int) -> None:
    brands = [make_brand(), make_brand()]
    crowd(random.Random(seed), brands)
    scopes = [
        WEEK,
        replace(WEEK, brand_ids=frozenset({brands[1].pk})),
        replace(WEEK, mailing="2026-11"),
        replace(WEEK, brand_ids=frozenset({brands[0].pk}), mailing="2026-10"),
        Scope(START, START + timedelta(days=2)),
    ]
    for scope in scopes:
        result, recount = figures(scope), Recount(scope)
        assert result.landings == recount.robots()
        assert result.scripts == recount.scripts()
        assert result.doubt == recount.doubt()
        assert result.script_runs == recount.script_runs()
        assert result.visits == count(row.verdict for row in recount.landings)
        filled = {bucket.start: bucket.visits for bucket in result.buckets if bucket.visits.total}
        assert filled == recount.buckets(scope)


def test_the_crowd_is_one_that_tells_figures_apart() -> None:
    crowd(random.Random(1), [make_brand(), make_brand()])
    result = figures(WEEK)
    for robots in (result.landings, result.scripts):
        assert 0 < robots.recipient_count < robots.prevented_count < robots.found_count
    doubt = result.doubt
    assert len({0, doubt.needless_count, doubt.pressed_count, doubt.asked_count}) == 4


@pytest.mark.parametrize("seed", [4, 5])
def test_opt_outs_by_source_are_what_the_ledger_says(seed: int) -> None:
    rng, brands = random.Random(seed), [make_brand(), make_brand()]
    topics = {brand.pk: [make_topic(brand, slug) for slug in ("news", "offers", "events")] for brand in brands}
    for _ in range(120):
        brand = rng.choice(brands)
        recipient = make_recipient(brand, f"person{rng.randrange(15)}@example.org")
        source = rng.choice([Source.ONE_CLICK, Source.ARRIVAL, Source.CONFIRM_BUTTON, Source.PREFERENCE_PAGE])
        settles_at = END if source is Source.ARRIVAL else None
        evidence = {"visit": 1, "verdict": rng.choice(VERDICTS)} if source is not Source.ONE_CLICK else {}
        cause = make_cause(source, mailing=rng.choice(["2026-10", "2026-11"]), settles_at=settles_at, evidence=evidence)
        topic = rng.choice(topics[brand.pk])
        match rng.randrange(6):
            case 0:
                recipient.leave_everything(cause)
            case 1:
                recipient.undo_opt_out(topic.pk, make_cause(Source.UNDO))
            case 2:
                recipient.opt_in(topic.pk, make_cause(Source.PREFERENCE_PAGE))
            case _:
                recipient.opt_out(topic.pk, cause)
    for change in PreferenceChange.objects.all():
        PreferenceChange.objects.filter(pk=change.pk).update(
            changed_at=START + timedelta(minutes=rng.randrange(-1440, 8 * 1440))
        )
    for scope in (WEEK, replace(WEEK, brand_ids=frozenset({brands[0].pk})), replace(WEEK, mailing="2026-10")):
        check_ledger(scope)


def check_ledger(scope: Scope) -> None:
    rows = [
        change
        for change in PreferenceChange.objects.all()
        if scope.start <= change.changed_at < scope.end
        and (scope.brand_ids is None or change.brand_id in scope.brand_ids)
        and scope.mailing in ("", change.mailing)
    ]
    outs = [c for c in rows if c.state == "out" and c.replaced["state"] != "out" and c.source != Source.UNDO]
    expected = {
        OptOuts(
            Source(source),
            len([c for c in outs if c.source == source and c.topic_id]),
            len({c.recipient_id for c in outs if c.source == source}),
        )
        for source in {c.source for c in outs}
    }
    result = figures(scope)
    undone = [c for c in rows if c.source == Source.UNDO and c.state != "out"]
    through_page = [c for c in outs if c.topic_id and c.source in (Source.ARRIVAL, Source.CONFIRM_BUTTON)]
    assert set(result.opt_outs) == expected
    assert result.undone.recipient_count == len({c.recipient_id for c in undone})
    assert result.left == count(c.evidence["verdict"] for c in through_page)


def test_a_final_door_that_settles_a_provisional_opt_out_is_no_second_one() -> None:
    recipient, topic = make_recipient(brand := make_brand()), make_topic(brand)
    soon = timezone.now() + timedelta(hours=1)
    recipient.opt_out(topic.pk, make_cause(Source.ARRIVAL, settles_at=soon))
    recipient.opt_out(topic.pk, make_cause(Source.ONE_CLICK))
    assert PreferenceChange.objects.count() == 2
    assert figures(today()).opt_outs == (OptOuts(Source.ARRIVAL, 1, 1),)


def test_a_press_that_settles_an_arrival_is_no_second_leaving() -> None:
    recipient, topic = make_recipient(brand := make_brand()), make_topic(brand)
    recipient.opt_out(topic.pk, make_cause(Source.ARRIVAL, settles_at=timezone.now() + timedelta(hours=1)))
    recipient.opt_out(topic.pk, make_cause(Source.CONFIRM_BUTTON))
    assert figures(today()).left == Verdicts(unsure=1)


def test_topics_that_stay_off_when_a_suppression_is_undone_are_not_undone() -> None:
    recipient, topic = make_recipient(brand := make_brand()), make_topic(brand)
    make_topic(brand, "offers")
    recipient.suppress(SuppressionReason.EVERYTHING, make_cause(Source.PREFERENCE_PAGE))
    recipient.undo_opt_out(topic.pk, make_cause(Source.UNDO))
    assert figures(today()).undone == OptOuts(Source.UNDO, topic_count=0, recipient_count=1)


def test_a_machine_that_ends_out_is_not_called_prevented() -> None:
    make_interaction(verdict="machine", visit=7)
    make_interaction(verdict="machine", visit=7, kind="arrive", answer="ask")
    make_interaction(verdict="human", visit=7, kind="confirm", answer="done", occurred_at=NOON + timedelta(hours=20))
    result = figures(Scope(NOON, NOON + timedelta(hours=1)))
    assert result.landings == Robots(found_count=1, left_count=1, recipient_count=0)
    assert result.scripts == Robots(found_count=1, left_count=1, recipient_count=0)


@pytest.mark.parametrize(("days", "count", "is_hourly"), [(1, 24, True), (3, 72, True), (4, 4, False), (30, 30, False)])
def test_hours_up_to_three_days_and_days_beyond_none_left_out(days: int, count: int, is_hourly: bool) -> None:
    scope = Scope(START, START + timedelta(days=days))
    buckets = figures(scope).buckets
    assert (len(buckets), scope.is_hourly) == (count, is_hourly)
    assert [bucket.start for bucket in buckets] == sorted(bucket.start for bucket in buckets)


@pytest.mark.parametrize(("day", "hours"), [("2026-10-25", 25), ("2026-03-29", 23)])
def test_the_hours_of_a_day_on_which_the_clock_is_changed(day: str, hours: int) -> None:
    zone = ZoneInfo("Europe/Berlin")
    with timezone.override(zone):
        start = datetime.fromisoformat(day).replace(tzinfo=zone)
        end = start + timedelta(days=1)
        moments = [start.astimezone(UTC) + timedelta(hours=hour, minutes=30) for hour in range(hours)]
        for moment in moments:
            make_interaction(occurred_at=moment)
        buckets = figures(Scope(start, end)).buckets
    assert [bucket.visits.total for bucket in buckets] == [1] * hours


def test_days_begin_at_the_midnight_of_the_current_time_zone() -> None:
    make_interaction(occurred_at=datetime(2026, 11, 2, 23, 30, tzinfo=UTC))
    with timezone.override(ZoneInfo("Europe/Berlin")):
        buckets = figures(WEEK).buckets
    assert [bucket.start.day for bucket in buckets if bucket.visits.total] == [3]


def test_delivered_is_unknown_until_someone_says_it() -> None:
    mailing = make_mailing()
    make_interaction(brand=mailing.brand)
    assert figures(WEEK).delivered == Delivered(None, 1, 1)
    mailing.delivered_count = 1000
    mailing.save()
    assert figures(WEEK).delivered == Delivered(1000, 1, 0)


def test_delivered_sums_the_mailings_that_had_visits() -> None:
    brand = make_brand()
    for slug, delivered in (("a", 100), ("b", 20), ("c", None), ("unvisited", 7000)):
        make_mailing(brand, slug, delivered_count=delivered)
    for slug in ("a", "b", "c", "a"):
        make_interaction(brand=brand, mailing=slug)
    make_mailing(make_brand(), "a", delivered_count=50_000)
    assert figures(WEEK).delivered == Delivered(120, 3, 1)
    assert figures(replace(WEEK, brand_ids=frozenset({brand.pk}), mailing="unvisited")).delivered == Delivered(
        7000, 1, 0
    )


def test_what_was_not_recorded_is_said() -> None:
    RecordingGap.objects.create(started_at=NOON, ended_at=NOON, lost_count=9)
    RecordingGap.objects.create(started_at=END, ended_at=END, lost_count=100)
    assert figures(WEEK).lost_count == 9


def test_nothing_at_all_is_empty() -> None:
    result = figures(WEEK)
    assert result.is_empty
    assert result.visits == Verdicts()
    assert result.delivered == Delivered(None, 0, 0)


def test_what_was_put_back_by_evidence_is_a_number_of_its_own() -> None:
    news = make_topic()
    alice = make_recipient(news.brand)
    [change_id] = alice.opt_out(news.id, make_cause(Source.ARRIVAL)).change_ids
    alice.undo_change(change_id, news.id, make_cause(Source.REINSTATEMENT))
    result = figures(today())
    assert result.reinstated == OptOuts(Source.REINSTATEMENT, topic_count=1, recipient_count=1)
    assert [row.source for row in result.opt_outs] == [Source.ARRIVAL]
