"""The figures, recounted from raw rows by other means: plain Python over a seeded crowd of page views."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from engagement.figures import prevented
from engagement.figures.opt_outs import OptOuts, Scope
from engagement.figures.prevented import Delivered, Doubt, Figures, Robots, Verdicts
from engagement.models import Interaction, RecordingGap
from preferences.models import Brand, PreferenceChange, Source
from preferences.models.subscriptions import SuppressionReason
from tests.engagement.counted import count_everything_now
from tests.engagement.counts import count_doors
from tests.engagement.makers import NOON, make_interaction, make_mailing
from tests.makers import make_brand, make_cause, make_recipient, make_topic

pytestmark = pytest.mark.django_db

START = datetime(2026, 11, 1, tzinfo=UTC)
END = datetime(2026, 11, 8, tzinfo=UTC)
WEEK = Scope(START, END)
VERDICTS = ("human", "unsure", "machine")
VISITS = ("visit", "header_visit")


def today() -> Scope:
    """The ledger's rows carry the moment at which they were written."""
    return Scope(timezone.now() - timedelta(hours=12), timezone.now() + timedelta(hours=12))


def crowd(rng: random.Random, brands: list[Brand], size: int = 150) -> None:
    """Page views around the week's borders, with scripts that call several times and buttons pressed days later."""
    for number in range(size):
        brand, mailing = rng.choice(brands), rng.choice(["", "2026-10", "2026-11"])
        at = START + timedelta(minutes=rng.randrange(-2 * 1440, 9 * 1440))
        recipient_id = UUID(int=1_000 * brand.pk + rng.randrange(60))
        same = {"brand": brand, "mailing": mailing, "visit": number + 1, "recipient_id": recipient_id}
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


def is_in(row: Interaction, scope: Scope) -> bool:
    is_brand = scope.brand_ids is None or row.brand_id in scope.brand_ids
    return scope.start <= row.occurred_at < scope.end and is_brand and scope.mailing in ("", row.mailing)


def figures(scope: Scope) -> Figures:
    """The figures of all there is, when it has been counted."""
    count_everything_now()
    return prevented.figures(scope)


class Recount:
    """The same figures as `engagement.figures.prevented`, one row at a time."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        rows = sorted(Interaction.objects.all(), key=lambda row: (row.occurred_at, row.pk))
        self.all = rows
        self.landings = [row for row in rows if row.kind in VISITS and is_in(row, scope)]
        views: dict[int, list[Interaction]] = {}
        for row in rows:
            if row.visit is not None and row.kind in (*VISITS, "arrive", "confirm"):
                views.setdefault(row.visit, []).append(row)
        self.views = [view for view in views.values() if is_in(view[0], scope)]

    def robots(self) -> Robots:
        robots = [view for view in self.views if any(map(is_robots_landing, view))]
        return Robots(len(robots), sum(map(is_over, robots)), self.alone(*VISITS))

    def scripts(self) -> Robots:
        robots = [view for view in self.views if any(row.verdict == "machine" for row in calls(view))]
        return Robots(len(robots), sum(map(is_over, robots)), self.alone("arrive"))

    def alone(self, *kinds: str) -> int:
        """Messages that first got it in the period, without those that first got it by a person in it."""
        return max(self._messages(kinds) - self._messages(kinds, ("human", "unsure")), 0)

    def _messages(self, kinds: tuple[str, ...], verdicts: tuple[str, ...] = VERDICTS) -> int:
        alike = [row for row in reversed(self.all) if row.mailing and row.kind in kinds and row.verdict in verdicts]
        firsts = {(row.recipient_id, row.mailing): row for row in alike}
        return sum(is_in(row, self.scope) for row in firsts.values())

    def doubt(self) -> Doubt:
        asked = [view for view in self.views if any(row.answer == "ask" for row in calls(view))]
        pressed = [view for view in asked if is_pressed(view)]
        return Doubt(len(asked), len(pressed), sum(is_over(view) and not is_pressed(view) for view in asked))

    def script_runs(self) -> Verdicts:
        return count(calls(view)[-1].verdict for view in self.views if calls(view))

    def buckets(self, scope: Scope) -> dict[datetime, Verdicts]:
        found: dict[datetime, list[str]] = {}
        for row in self.landings:
            local = timezone.localtime(row.occurred_at)
            start = local.replace(minute=0, second=0, microsecond=0)
            found.setdefault(start if scope.is_hourly else start.replace(hour=0), []).append(row.verdict)
        return {start: count(verdicts) for start, verdicts in found.items()}


def is_robots_landing(row: Interaction) -> bool:
    return row.kind in VISITS and row.verdict == "machine" and row.facts["request"]["method"] == "GET"


def calls(view: list[Interaction]) -> list[Interaction]:
    return [row for row in view if row.kind == "arrive"]


def is_pressed(view: list[Interaction]) -> bool:
    return any(row.kind == "confirm" for row in view)


def is_over(view: list[Interaction]) -> bool:
    return is_pressed(view) or any(row.answer == "done" for row in calls(view))


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
        assert len({0, robots.message_count, robots.prevented_count, robots.left_count, robots.found_count}) == 5
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
    result, cells = figures(scope), count_doors(PreferenceChange.objects.all())
    expected: dict[str, Counter[str]] = {}
    for (brand_id, dimension, level, start, mailing, source, _, record, _, _), number in cells.items():
        is_brand = scope.brand_ids is None or brand_id in scope.brand_ids
        is_asked = (dimension, mailing) == (("maildoor", scope.mailing) if scope.mailing else ("door", ""))
        if is_brand and is_asked and level == "hour" and scope.start <= start < scope.end:
            expected.setdefault(source, Counter())[record] += number
    outs = [row for row in rows if row.state == "out" and row.replaced["state"] != "out" and row.source != Source.UNDO]
    through_page = [row for row in outs if row.topic_id and row.source in (Source.ARRIVAL, Source.CONFIRM_BUTTON)]
    undone = expected.pop("undo", Counter())
    assert {row.source: (row.topic_count, row.count) for row in result.opt_outs} == {
        source: (found["topic"], found["opt_out"]) for source, found in expected.items()
    }
    assert sum(row.topic_count for row in result.opt_outs) == len([row for row in outs if row.topic_id])
    assert result.undone.count == undone["opt_out"]
    assert result.left == count(row.evidence["verdict"] for row in through_page)


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
    assert figures(today()).undone == OptOuts(Source.UNDO, topic_count=0, count=1)


def test_a_machine_that_ends_out_is_not_called_prevented() -> None:
    same: dict[str, Any] = {"brand": make_brand(), "visit": 7}
    make_interaction(**same, verdict="machine")
    make_interaction(**same, verdict="machine", kind="arrive", answer="ask")
    make_interaction(**same, verdict="human", kind="confirm", answer="done", occurred_at=NOON + timedelta(hours=20))
    result = figures(Scope(NOON, NOON + timedelta(hours=1)))
    assert (result.landings.found_count, result.landings.left_count, result.landings.prevented_count) == (1, 1, 0)
    assert (result.scripts.found_count, result.scripts.left_count, result.scripts.prevented_count) == (1, 1, 0)


@pytest.mark.parametrize(("days", "count", "is_hourly"), [(1, 24, True), (3, 72, True), (4, 4, False), (30, 30, False)])
def test_hours_up_to_three_days_and_days_beyond_none_left_out(days: int, count: int, is_hourly: bool) -> None:
    scope = Scope(START, START + timedelta(days=days))
    buckets = figures(scope).buckets
    assert (len(buckets), scope.is_hourly) == (count, is_hourly)
    assert [bucket.start for bucket in buckets] == sorted(bucket.start for bucket in buckets)


@pytest.mark.parametrize(("day", "hours"), [("2026-10-25", 25), ("2026-03-29", 23)])
def test_the_hours_of_a_day_on_which_the_clock_is_changed(day: str, hours: int, settings: Any) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    zone, brand = ZoneInfo("Europe/Berlin"), make_brand()
    start = datetime.fromisoformat(day).replace(tzinfo=zone)
    end = start + timedelta(days=1)
    for hour in range(hours):
        make_interaction(brand=brand, occurred_at=start.astimezone(UTC) + timedelta(hours=hour, minutes=30))
    buckets = figures(Scope(start, end)).buckets
    assert [bucket.visits.total for bucket in buckets] == [1] * hours


def test_days_begin_at_the_midnight_of_the_servers_time_zone(settings: Any) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    make_interaction(occurred_at=datetime(2026, 11, 2, 23, 30, tzinfo=UTC))
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
    assert result.reinstated == OptOuts(Source.REINSTATEMENT, topic_count=1, count=1)
    assert [row.source for row in result.opt_outs] == [Source.ARRIVAL]
