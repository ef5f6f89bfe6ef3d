"""Leaving non-human interactions out: the worker judges the last days again, then all figures switch together."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, time, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from engagement import tasks
from engagement.checks import check_pseudonyms
from engagement.counting import switches
from engagement.counting.counter import count_all
from engagement.counting.switches import SwitchError, turn
from engagement.figures.counted import Counted, Which, tallies
from engagement.learning import learned
from engagement.models import CountingSwitch, Dimension, Interaction, Learned, Rejudgement, Revision
from engagement.rejudging import revising, runs
from preferences.models import Brand
from tests.engagement.makers import make_interaction
from tests.engagement.rejudging import BROWSER, CHROME
from tests.makers import make_brand

pytestmark = pytest.mark.django_db

HAMMER = CHROME.replace("156", "155")  # a program that says it is a browser
LIST = "/admin/engagement/countingswitch/"
_xids = count(1)


@pytest.fixture
def brand() -> Brand:
    learned.forget()
    return make_brand(name="Demo Letters")


def make_click(brand: Brand, verdict: str = "unsure", *, days: int = 1, **fields: Any) -> Interaction:
    """A click that was judged as it is judged now, unless its agent was learned meanwhile."""
    signals = [{"name": "head_request", "points": 0, "hard": True, "reason": "x"}] if verdict == "machine" else []
    method = "HEAD" if verdict == "machine" else "GET"
    defaults: dict[str, Any] = {
        "occurred_at": timezone.now() - timedelta(days=days),
        "kind": "click",
        "purpose": "click",
        "answer": "redirect",
        "verdict": verdict,
        "record": "click_machine_agent" if verdict == "machine" else "click",
        "is_hard": verdict == "machine",
        "signals": signals,
        "agent": CHROME,
        "network": "84.128.0.0",
        "send_age": 20_000,
        "facts": {"request": BROWSER | {"method": method, "fetch_site": ""}},
        "xid": next(_xids),
    }
    return make_interaction(brand=brand, **{**defaults, **fields})


def make_clicks(brand: Brand, *verdicts: str) -> None:
    """Clicks at the links of people of their own."""
    for number, verdict in enumerate(verdicts):
        make_click(brand, verdict, recipient_id=UUID(int=100 + number), visitor=bytes([number]) * 16)


def clicks(brand: Brand, which: Which = Which.CHOSEN, *, days: int = 40) -> int:
    """The figure that pages show for the last days."""
    now = timezone.now()
    scope = Counted(now - timedelta(days=days), now + timedelta(hours=1), frozenset({brand.pk}))
    return sum(row.events for row in tallies(scope, Dimension.BRAND, which=which))


def learn(agent: str) -> None:
    Learned.objects.create(kind=Learned.Kind.AGENT, value=agent)
    learned.forget()


def turned(brand: Brand, *, leaves_out: bool = True, **options: Any) -> CountingSwitch:
    switch = turn(brand, "email", None, leaves_out=leaves_out, **options)
    assert switch.rejudgement
    runs.look_and_apply(switch.rejudgement)
    switch.refresh_from_db()
    return switch


def run_of(switch: CountingSwitch) -> Rejudgement:
    assert switch.rejudgement
    return switch.rejudgement


def test_without_a_switch_everything_is_counted(brand: Brand) -> None:
    make_clicks(brand, "unsure", "machine")
    count_all()
    assert clicks(brand) == 2


def test_turned_on_robots_are_left_out_of_the_last_days_and_of_what_comes(brand: Brand) -> None:
    make_clicks(brand, "unsure", "machine")
    make_click(brand, "machine", days=35)
    count_all()
    switch = turned(brand)
    assert clicks(brand) == 2  # the one of 35 days ago was counted, and stays so
    make_click(brand, "machine", days=0, occurred_at=timezone.now() - timedelta(minutes=5))
    count_all()
    assert (clicks(brand), clicks(brand, Which.RAW)) == (2, 4)
    day = timezone.localdate() - timedelta(days=30)
    assert switch.since == timezone.make_aware(datetime.combine(day, time()))


def test_how_many_days_are_counted_otherwise_can_be_set(brand: Brand, settings: Any) -> None:
    settings.FAREWELL_RECOUNT_DAYS = 7
    for days in (9, 5):
        make_click(brand, "machine", days=days)
    count_all()
    switch = turned(brand)
    assert switch.since == timezone.make_aware(datetime.combine(timezone.localdate() - timedelta(days=7), time()))
    assert clicks(brand) == 1


def test_turned_off_they_are_counted_again(brand: Brand) -> None:
    make_clicks(brand, "unsure", "machine")
    count_all()
    turned(brand)
    assert clicks(brand) == 1
    turned(brand, leaves_out=False)
    assert clicks(brand) == 2


def test_another_channel_and_another_brand_stay_as_they_are(brand: Brand) -> None:
    other = make_brand()
    make_click(brand, "machine", channel="sms")
    make_click(other, "machine")
    make_click(brand, "machine")
    count_all()
    turned(brand)
    assert (clicks(brand), clicks(other)) == (1, 1)


def test_the_verdicts_of_another_channel_stay_as_they_are(brand: Brand) -> None:
    for channel in ("email", "sms"):
        make_click(brand, agent=HAMMER, channel=channel)
    count_all()
    learn(HAMMER)
    turned(brand, is_backward=True)
    assert dict(Interaction.objects.values_list("channel", "verdict")) == {"email": "machine", "sms": "unsure"}


def test_until_the_run_has_ended_every_figure_is_the_old_one(brand: Brand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "BATCH_SIZE", 1)
    rows = [make_click(brand, agent=HAMMER) for _ in range(3)]
    count_all()
    learn(HAMMER)
    switch = turn(brand, "email", None, leaves_out=True, is_backward=True)
    seen: list[tuple[int, int, int]] = []

    def look(_: int) -> None:
        machines = Interaction.objects.filter(verdict="machine").count()
        seen.append((clicks(brand), clicks(brand, Which.CLEANED), machines))

    assert switch.rejudgement
    runs.look_and_apply(switch.rejudgement, look)
    assert seen == [(3, 3, 0)] * len(rows)
    assert (clicks(brand), clicks(brand, Which.CLEANED), clicks(brand, Which.RAW)) == (0, 0, 3)


def test_what_was_learned_since_counts_only_on_demand(brand: Brand) -> None:
    make_click(brand, agent=HAMMER)
    count_all()
    learn(HAMMER)
    turned(brand)
    assert clicks(brand) == 1
    turned(brand, leaves_out=False)
    turned(brand, is_backward=True)
    assert clicks(brand) == 0
    [revision] = Revision.objects.all()
    assert (revision.old_record, revision.new_record) == ("click", "click_machine_learned")
    assert revision.xid
    assert revision.applied_at


def test_a_run_that_breaks_changes_nothing_and_can_be_tried_again(
    brand: Brand, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_click(brand, agent=HAMMER)
    count_all()
    learn(HAMMER)
    switch = turn(brand, "email", None, leaves_out=True, is_backward=True)

    def broken(changes: object, counted: object = None) -> None:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(revising, "recount", broken)
        with pytest.raises(RuntimeError):
            tasks.recount.call(run_of(switch).pk)
    assert clicks(brand) == clicks(brand, Which.CLEANED) == 1
    assert Interaction.objects.get().verdict == "unsure"
    tasks.recount.call(run_of(switch).pk)
    assert clicks(brand) == 0
    tasks.recount.call(run_of(switch).pk)  # a worker that was given it twice
    assert Revision.objects.count() == 1


def test_two_workers_with_one_run_never_apply_half_of_it(brand: Brand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "BATCH_SIZE", 1)
    for _ in range(3):
        make_click(brand, agent=HAMMER)
    count_all()
    learn(HAMMER)
    switch = turn(brand, "email", None, leaves_out=True, is_backward=True)
    assert switch.rejudgement
    first, calls = switch.rejudgement, []

    def interfere(_: int) -> None:
        calls.append(1)
        if len(calls) == 2:
            tasks.recount.call(first.pk)

    with pytest.raises(revising.StagedByTwoError):
        runs.look_and_apply(first, interfere)
    assert Counter(Interaction.objects.values_list("verdict", flat=True)) == {"machine": 3}
    assert clicks(brand, Which.CLEANED) == 0


def test_it_is_turned_once_at_a_time(brand: Brand) -> None:
    turn(brand, "email", None, leaves_out=True)
    with pytest.raises(SwitchError, match="still judging"):
        turn(brand, "email", None, leaves_out=True)
    turn(brand, "sms", None, leaves_out=True)


def test_what_is_so_already_is_said(brand: Brand) -> None:
    with pytest.raises(SwitchError, match="counted already"):
        turn(brand, "email", None, leaves_out=False)
    turned(brand)
    with pytest.raises(SwitchError, match="left out already"):
        turn(brand, "email", None, leaves_out=True)


def test_one_that_failed_can_be_given_up(brand: Brand) -> None:
    switch = turn(brand, "email", None, leaves_out=True)
    with pytest.raises(SwitchError, match="worked on"):
        switches.give_up(switch)
    Rejudgement.objects.update(state="failed")
    with pytest.raises(SwitchError, match="failed"):
        turn(brand, "email", None, leaves_out=True)
    switches.give_up(switch)
    assert not CountingSwitch.objects.exists()
    held = turned(brand)
    with pytest.raises(SwitchError, match="holds already"):
        switches.give_up(held)


def test_conversions_are_never_judged(brand: Brand) -> None:
    make_click(brand, kind="conversion", record="conversion", verdict="human", agent="curl/8")
    count_all()
    turned(brand)
    assert Interaction.objects.get().verdict == "human"


def test_what_nobody_can_judge_any_more_keeps_its_verdict(brand: Brand) -> None:
    make_click(brand, agent="curl/8", facts={"request": {}, "pseudonymised": True})
    count_all()
    switch = turned(brand)
    assert Interaction.objects.get().verdict == "unsure"
    assert switch.rejudgement
    assert switch.rejudgement.seen_count == 1


def test_pseudonyms_sooner_than_a_recount_reaches_are_warned_of(settings: Any) -> None:
    assert check_pseudonyms() == []
    settings.FAREWELL_PSEUDONYMISE_DAYS = 10
    assert [found.id for found in check_pseudonyms()] == ["farewell.W005"]
    settings.FAREWELL_PSEUDONYMISE_DAYS = 0  # never
    assert check_pseudonyms() == []


def test_the_admin_turns_it_and_the_worker_is_given_the_run(
    admin_client: Client, brand: Brand, django_capture_on_commit_callbacks: Any
) -> None:
    assert "All interactions are counted" in admin_client.get(LIST).text
    data = {"brand": brand.pk, "channel": "email", "way": "out", "is_backward": "on"}
    with django_capture_on_commit_callbacks(execute=True):
        answer = admin_client.post(f"{LIST}add/", data)
    switch = CountingSwitch.objects.get()
    assert answer["Location"] == f"{LIST}{switch.pk}/change/"
    assert switch.decided_by
    assert switch.rejudgement
    assert switch.rejudgement.is_backward
    assert DBTaskResult.objects.get().args_kwargs["args"] == [switch.rejudgement_id]
    assert "The worker begins in a moment" in admin_client.get(answer["Location"]).text
    tasks.recount.call(run_of(switch).pk)
    assert "In force" in admin_client.get(answer["Location"]).text
    assert "in force" in admin_client.get(LIST).text


def test_how_far_it_is_is_shown(admin_client: Client, brand: Brand) -> None:
    switch = turn(brand, "email", None, leaves_out=True)
    Rejudgement.objects.update(state="applying", seen_count=3_000, total_count=12_000)
    assert "judging again 25 %" in admin_client.get(LIST).text
    text = admin_client.get(f"{LIST}{switch.pk}/change/").text
    assert 'max="12000" value="3000"' in text
    assert "3,000 of 12,000 interactions" in text


def test_a_second_turn_is_refused_in_words(admin_client: Client, brand: Brand) -> None:
    turn(brand, "email", None, leaves_out=True)
    text = admin_client.post(f"{LIST}add/", {"brand": brand.pk, "channel": "email", "way": "out"}).text
    assert "still judging again" in text


def test_a_failed_run_offers_to_try_again_or_give_up(
    admin_client: Client, brand: Brand, django_capture_on_commit_callbacks: Any
) -> None:
    switch = turn(brand, "email", None, leaves_out=True)
    Rejudgement.objects.update(state="failed", problem="OperationalError")
    text = admin_client.get(f"{LIST}{switch.pk}/change/").text
    assert "Judging again failed" in text
    assert "Try again" in admin_client.get(f"{LIST}{switch.pk}/again/").text
    with django_capture_on_commit_callbacks(execute=True):
        admin_client.post(f"{LIST}{switch.pk}/again/")
    assert DBTaskResult.objects.count() == 1
    Rejudgement.objects.update(state="failed")
    assert "nothing of it was ever seen" in admin_client.get(f"{LIST}{switch.pk}/give_up/").text
    admin_client.post(f"{LIST}{switch.pk}/give_up/")
    assert not CountingSwitch.objects.exists()


def test_one_that_holds_is_not_run_again(admin_client: Client, brand: Brand) -> None:
    switch = turned(brand)
    assert admin_client.post(f"{LIST}{switch.pk}/again/").status_code == 404
    assert admin_client.post(f"{LIST}{switch.pk}/give_up/").status_code == 404
