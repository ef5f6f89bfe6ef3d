"""Judging stored interactions again: what is counted and written."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from engagement import tasks
from engagement.detection import RULES_VERSION
from engagement.judging.stored_facts import facts_of
from engagement.models import Interaction, Learned, Revision
from engagement.rejudging import runs
from engagement.rejudging.runs import Tally, judge, look
from preferences.models import Brand, PreferenceChange, Source, Subscription
from tests.engagement.makers import NOON
from tests.engagement.rejudging import (
    BROWSER,
    CHROME,
    CURL,
    HIDDEN,
    PAGE,
    looked_at,
    make_old,
    make_run,
    stored,
    table,
    without_learned,
)
from tests.makers import make_brand, make_cause, make_recipient, make_topic

STILL = {"visible": True, "focused": True, "presence": {}}


@pytest.fixture(autouse=True)
def nothing_learned() -> Iterator[None]:
    yield from without_learned()


@pytest.fixture
def brand(db: None) -> Brand:
    return make_brand(slug="demo")


def test_a_look_counts_and_writes_nothing(brand: Brand) -> None:
    make_old(brand)
    before = table()
    look(row := make_run())
    assert table() == before
    assert (row.state, row.seen_count, row.total_count, row.changed_count) == ("ready", 1, 1, 1)
    assert row.verdicts == {"unsure": {"machine": 1}}
    [example] = row.examples
    assert (example["was"], example["now"], example["reasons"][0]) == (
        "unsure",
        "machine",
        "The program calls itself a robot or a tool.",
    )


def test_applying_writes_the_verdict_and_keeps_the_one_before(brand: Brand) -> None:
    old = make_old(brand)
    runs.apply(row := make_run())
    new = Interaction.objects.get()
    assert (new.verdict, new.is_hard, new.rules) == ("machine", True, RULES_VERSION)
    assert new.signals[0]["name"] == "robot_agent"
    [before] = new.facts["before"]
    assert (before["verdict"], before["score"], before["rules"]) == ("unsure", 0, 1)
    assert new.facts == {**old.facts, "before": [before]}
    assert row.state == "applied"


def test_applying_twice_changes_nothing(brand: Brand) -> None:
    make_old(brand)
    make_old(brand, 1, signals=[{**HIDDEN, "reason": "Opened 4 links of the same mail within 10 s."}])
    make_old(brand, 2, signals=[{**HIDDEN, "reason": "X opened the links of 4 recipients"}], agent=CHROME)
    runs.look_and_apply(make_run())
    before = table()
    runs.look_and_apply(row := make_run())
    assert table() == before
    assert (row.seen_count, row.changed_count) == (3, 0)


def test_what_the_first_rules_saw_is_kept_when_their_reasons_go(brand: Brand) -> None:
    make_old(brand, signals=[{**HIDDEN, "reason": "X opened the links of 4 recipients"}], agent=CHROME)
    runs.apply(make_run())
    [(*_, facts)] = table()
    assert facts_of(Interaction.objects.get()).context.recipient_count == 4
    assert set(facts["context"]) == {"own", "recipient_count"}


def test_a_run_that_was_killed_is_finished_by_the_next(brand: Brand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "BATCH_SIZE", 2)
    for number in range(5):
        make_old(brand, number)

    def kill(count: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runs.look_and_apply(row := make_run(), kill)
    assert (row.state, row.problem, row.seen_count) == ("failed", "Interrupted", 2)
    assert {verdict for verdict, *_ in table()} == {"unsure"}
    runs.look_and_apply(row)
    assert row.changed_count == 5
    assert {(verdict, len(facts["before"])) for verdict, *_, facts in table()} == {("machine", 1)}
    assert Revision.objects.filter(applied_at=None).count() == 0


def test_batches_leave_out_nothing_where_moments_are_equal(brand: Brand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "BATCH_SIZE", 2)
    for number in range(7):
        make_old(brand, number // 4)
    batches: list[int] = []
    look(row := make_run(), batches.append)
    assert batches == [2, 2, 2, 1]
    assert row.changed_count == 7


def test_only_the_period_and_the_brand_are_judged(brand: Brand) -> None:
    make_old(brand)
    make_old(make_brand())
    make_old(brand, occurred_at=NOON - timedelta(days=2))
    make_old(brand, occurred_at=NOON + timedelta(days=1))
    look(row := make_run(brand=brand))
    assert row.seen_count == 1


def test_what_anybody_receives_is_never_touched(brand: Brand) -> None:
    alice, news = make_recipient(brand), make_topic(brand)
    alice.opt_out(news.id, make_cause(Source.ARRIVAL))
    make_old(brand, recipient_id=alice.id, kind="arrive", answer="done", verdict="human")
    before = [list(model.objects.values()) for model in (PreferenceChange, Subscription)]
    runs.look_and_apply(make_run())
    assert [list(model.objects.values()) for model in (PreferenceChange, Subscription)] == before
    assert Interaction.objects.get().verdict == "machine"


def test_a_row_that_was_judged_meanwhile_is_left_alone(brand: Brand) -> None:
    make_old(brand)

    def judge_by_hand(count: int) -> None:
        Interaction.objects.update(verdict="human", score=-3)

    runs.look_and_apply(make_run(), judge_by_hand)
    assert Interaction.objects.get().verdict == "human"
    assert not Revision.objects.exists()


@pytest.mark.parametrize(("is_refused", "verdict"), [(False, "machine"), (True, "unsure")])
def test_a_refused_robot_is_not_held_against_its_visits(brand: Brand, verdict: str, *, is_refused: bool) -> None:
    Learned.objects.create(kind="agent", value=CHROME, is_refused=is_refused)
    facts = {"request": BROWSER, "context": {"is_learned_agent": True}}
    make_old(brand, agent=CHROME, facts=facts, send_age=20_000)
    look(row := make_run())
    assert row.verdicts == {"unsure": {verdict: 1}}


def arrival(visit: int | None, page: dict[str, Any], answer: str = "ask") -> Any:
    facts = {"request": BROWSER, "page": page}
    row = stored(kind="arrive", visit=visit, answer=answer, facts=facts)
    return judge(row)


def test_policies_count_page_views_by_what_came_of_them() -> None:
    tally = Tally()
    for one in (
        arrival(1, STILL),
        arrival(1, PAGE, "done"),  # the same page, later
        arrival(2, PAGE, "done"),
        arrival(3, {}),
        arrival(3, {}),
        arrival(None, {}),
    ):
        tally.add(one)
    assert tally.policies["was"] == {"left": 1, "later": 1, "asked": 2}
    assert tally.policies["instant"] == {"left": 4, "later": 0, "asked": 0}
    assert tally.policies["strict"] == {"left": 1, "later": 1, "asked": 2}
    assert tally.policies["balanced"]["asked"] == 2


def test_a_tally_holds_few_page_views_and_few_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "_OPEN_PAGES", 10)
    tally = Tally()
    for visit in range(100):
        tally.add(judge(stored(kind="arrive", visit=visit, agent=CURL)))
    assert len(tally._pages) == 10
    assert len(tally.examples) == 3
    assert sum(tally.policies["strict"].values()) == 100


def test_the_worker_looks_and_applies(brand: Brand) -> None:
    make_old(brand)
    row = make_run()
    tasks.look_again.call(row.pk)
    row.refresh_from_db()
    assert row.state == "ready"
    tasks.apply_rejudgement.call(row.pk)
    row.refresh_from_db()
    assert (row.state, row.changed_count, table()[0][0]) == ("applied", 1, "machine")


def test_a_look_under_other_rules_is_not_applied(brand: Brand) -> None:
    make_old(brand)
    with pytest.raises(ValueError, match="Look again"):
        runs.apply(make_run(rules=RULES_VERSION - 1))
    assert table()[0][0] == "unsure"


def test_an_apply_that_fails_can_be_tried_again(brand: Brand, monkeypatch: pytest.MonkeyPatch) -> None:
    run = looked_at(brand)
    with pytest.raises(ZeroDivisionError):
        runs.apply(run, lambda count: 1 // 0)
    run.refresh_from_db()
    assert (run.state, run.problem, run.changed_count) == ("ready", "ZeroDivisionError", 2)
