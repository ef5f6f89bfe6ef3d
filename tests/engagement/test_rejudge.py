"""Judging stored interactions again: what is read of them, counted, written and shown."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django_tasks_db.models import DBTaskResult

from engagement import tasks
from engagement.admin.rejudgements import changed_verdicts, matrix
from engagement.detection import RULES_VERSION, Context, Facts, PageFacts, Presence, RequestFacts, Trail, assess
from engagement.judging.stored_facts import facts_of
from engagement.learning import learned
from engagement.models import Interaction, Learned, Rejudgement, Revision
from engagement.recording.recorder import Event, recorder
from engagement.rejudging import runs
from engagement.rejudging.runs import Tally, judge, look
from engagement.visitors import Sighting
from preferences.directory import Link, directory
from preferences.links import Purpose
from preferences.models import Brand, PreferenceChange, Source, Subscription
from tests.commands import run
from tests.engagement.makers import NOON, make_interaction
from tests.engagement.test_admin import assert_strict, page
from tests.engagement.test_explain import documented
from tests.makers import make_brand, make_cause, make_key, make_recipient, make_token, make_topic

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"
)
CURL = "curl/8.5.0"
BROWSER = {"method": "GET", "has_accept_language": True, "fetch_site": "none", "fetch_mode": "navigate"}
PAGE = {"visible": True, "focused": True, "presence": {"spots": 5, "span": 400}}
STILL = {"visible": True, "focused": True, "presence": {}}
HIDDEN = {"name": "hidden_link", "points": 0, "hard": True, "reason": "The same visitor followed the link."}
LIST = "/admin/engagement/rejudgement/"
SINCE = ("--since", "2026-11-01", "--until", "2026-12-01")


@pytest.fixture(autouse=True)
def nothing_learned() -> Any:
    learned.forget()
    yield
    learned.forget()


def stored(**fields: Any) -> Interaction:
    """An unsaved row by Chrome, hours after sending."""
    defaults = {
        "occurred_at": NOON,
        "agent": CHROME,
        "signals": [],
        "facts": {"request": BROWSER},
        "send_age": 20_000,
        "verdict": "unsure",
    }
    return Interaction(**{**defaults, "send_age": 20_000, **fields})


def as_facts(**fields: Any) -> Facts:
    request = RequestFacts(**BROWSER, agent=CHROME)  # type: ignore[arg-type]
    day = int(NOON.timestamp()) // 86_400
    return Facts(**{"request": request, "send_age": 20_000, "day": day, **fields})


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, {}),
        ({"dwell": 2, "press": True}, {"dwell": 2.0, "is_press": True}),
        ({"dwell": "2", "press": 1}, {}),
        (
            {"page": PAGE},
            {"page": PageFacts(visible=True, focused=True, presence=Presence(spots=5, span=400))},
        ),
        (
            {"page": {"presence": {"spots": 5}}},  # the first page did not measure the span
            {"page": PageFacts(presence=Presence(spots=5, span=80))},
        ),
        ({"page": None}, {"page": PageFacts(presence=Presence(span=80))}),
        (
            {"context": {"own": {"link_gaps": [1, 2.5]}, "recipient_count": 4, "mail_gateway": "Mimecast"}},
            {"context": Context(own=Trail(link_gaps=(1.0, 2.5)), recipient_count=4, mail_gateway="Mimecast")},
        ),
        ({"context": {"own": 5, "recipient_count": "4", "was_human": 1, "unheard": True}}, {}),
        ({"context": {"own": {"link_gaps": [1, "x", None]}}}, {"context": Context(own=Trail(link_gaps=(1.0,)))}),
    ],
)
def test_facts_are_read_back_leniently(facts: dict[str, Any], expected: dict[str, Any]) -> None:
    assert facts_of(stored(facts={"request": BROWSER, **facts})) == as_facts(**expected)


@pytest.mark.parametrize("facts", [None, [], "x", {"request": None}, {"request": {"method": 5, "network": []}}])
def test_garbled_facts_are_no_facts(facts: Any) -> None:
    assert facts_of(stored(facts=facts)).request == RequestFacts(agent=CHROME)


def test_the_agent_is_looked_up_in_the_present_catalogue() -> None:
    assert facts_of(stored(agent=CURL)).request.agent_class == "robot"


def test_a_network_of_the_first_rules_is_a_mail_filters() -> None:
    assert facts_of(stored(facts={"request": {"network": "X"}})).request.network_class == "mail_filter"
    known = {"network": "X", "network_class": "data_centre"}
    assert facts_of(stored(facts={"request": known})).request.network_class == "data_centre"


@pytest.mark.parametrize(
    ("reason", "name", "context"),
    [
        ("The same visitor followed the link that no person can see.", "hidden_link", "hidden_link"),
        ("Opened 3 links of the same mail within 3 s.", "links_in_a_burst", "links_in_a_burst"),
        (
            "The same network address opened the links of 12 recipients within a minute.",
            "many_recipients",
            "many_recipients",
        ),
    ],
)
def test_what_the_first_rules_saw_around_a_visit_still_counts(reason: str, name: str, context: str) -> None:
    signal = {"name": name, "points": 0, "hard": True, "reason": reason}
    assert judge(stored(signals=[signal], rules=1)).verdict.has(context)


def every_fact() -> Facts:
    page = PageFacts.from_json({**PAGE, "webdriver": True, "styled": True, "elapsed": 900})
    context = Context(own=Trail(link_gaps=(0.5,), was_machine=True), other=Trail(has_visited_hidden_link=True))
    return as_facts(page=page, context=context, dwell=1.5, is_press=True)


@pytest.mark.django_db
def test_what_a_door_judged_is_judged_the_same_again(link: Link) -> None:
    facts = every_fact()
    sighting = Sighting((None,) * 13, "192.0.2.7")
    recorder.record(Event(link, "confirm", "done", sighting, 1, assess(facts), facts, NOON.timestamp()))
    recorder.flush()
    row = Interaction.objects.get()
    again = facts_of(row)
    assert (again.page, again.context, again.dwell, again.is_press) == (
        facts.page,
        facts.context,
        facts.dwell,
        facts.is_press,
    )


@pytest.fixture
def link(db: None) -> Link:
    key = make_key(make_topic().brand)
    return directory.open(make_token(key), Purpose.UNSUBSCRIBE)


def make_old(brand: Brand, number: int = 0, **fields: Any) -> Interaction:
    """A row that was judged unsure, of a program that the catalogue now knows."""
    defaults: dict[str, Any] = {"agent": CURL, "occurred_at": NOON + timedelta(seconds=number), "visit": number}
    return make_interaction(brand=brand, **{**defaults, **fields})


def make_run(**fields: Any) -> Rejudgement:
    day = timedelta(days=1)
    return Rejudgement.objects.create(
        **{"since": NOON - day, "until": NOON + day, "rules": RULES_VERSION, "actor": "carol", **fields}
    )


@pytest.fixture
def brand(db: None) -> Brand:
    return make_brand(slug="demo")


def table() -> list[tuple[Any, ...]]:
    return list(Interaction.objects.order_by("occurred_at", "id").values_list("verdict", "score", "rules", "facts"))


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


def test_the_command_tells_what_would_change(brand: Brand) -> None:
    make_old(brand)
    result = run("rejudge", *SINCE)
    assert result.status == 0
    assert f"1 interactions judged again under rules {RULES_VERSION}, 1 would change." in result.out
    assert re.search(r"unsure +machine +1\n", result.out)
    assert "Nothing was written." in result.out
    assert table()[0][0] == "unsure"


def test_the_command_applies(brand: Brand) -> None:
    make_old(brand)
    make_old(make_brand(), 1)
    result = run("rejudge", *SINCE, "--brand", "demo", "--apply", "--json")
    told = json.loads(result.out)
    assert set(told) == documented("## rejudge")
    assert (told["state"], told["brand"], told["seen"], told["changed"]) == ("applied", "demo", 1, 1)
    assert [verdict for verdict, *_ in table()] == ["machine", "unsure"]
    assert Rejudgement.objects.get().actor == "rejudge"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--since", "yesterday"), "no ISO 8601 moment"),
        (("--since", "2026-11-02T00:00:00"), "time zone"),
        (("--since", "2026-11-02", "--until", "2026-11-02"), "not before"),
        (("--since", "2026-11-02", "--brand", "nobody"), "no brand"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: tuple[str, ...], words: str) -> None:
    result = run("rejudge", *arguments)
    assert result.status == 1
    assert words in result.err


def test_an_empty_period_is_no_error(brand: Brand) -> None:
    assert "0 interactions judged again" in run("rejudge", *SINCE).out


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


def staff(client: Client, *codenames: str) -> Client:
    bob = User.objects.create_user("bob", is_staff=True)
    bob.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    bob.brands.set(Brand.objects.all())
    client.force_login(bob)
    return client


def looked_at(brand: Brand) -> Rejudgement:
    make_old(brand)
    make_old(brand, 1, kind="arrive", facts={"request": BROWSER, "page": PAGE}, agent=CHROME, send_age=20_000)
    look(row := make_run(brand=brand))
    return row


def test_a_look_is_started_for_a_period_and_brand(admin_client: Client, brand: Brand) -> None:
    data = {"since": "2026-11-01", "until": "2026-11-05", "brand": brand.pk}
    response = admin_client.post(f"{LIST}add/", data)
    run = Rejudgement.objects.get()
    assert response["Location"] == f"{LIST}{run.pk}/change/"
    assert (run.since.isoformat(), run.until.isoformat()) == ("2026-11-01T00:00:00+00:00", "2026-11-06T00:00:00+00:00")
    assert (run.brand, run.rules, run.actor, run.state) == (brand, RULES_VERSION, "admin", "looking")
    [(name, arguments)] = DBTaskResult.objects.values_list("task_path", "args_kwargs")
    assert (name, arguments["args"]) == ("engagement.tasks.look_again", [run.pk])
    assert "The worker begins in a moment." in page(admin_client, f"{LIST}{run.pk}/change/")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"since": "2026-11-05", "until": "2026-11-01"}, "after the last one"),
        ({"since": "2024-11-05", "until": "2026-11-01"}, "a year at most"),
        ({"since": "x", "until": ""}, "Enter a valid date"),
    ],
)
def test_a_period_that_makes_no_sense_is_explained(admin_client: Client, data: dict[str, str], words: str) -> None:
    html = admin_client.post(f"{LIST}add/", data).content.decode()
    assert_strict(html)
    assert words in html
    assert not Rejudgement.objects.exists()


def test_the_page_shows_what_would_change(admin_client: Client, brand: Brand) -> None:
    run = looked_at(brand)
    html = page(admin_client, f"{LIST}{run.pk}/change/")
    assert_strict(html)
    flat = " ".join(re.sub(r"<[^>]+>", " ", html).split())
    assert "2 of 2 verdicts would change." in flat
    assert "was unsure 1 0 as before 0 1" in flat
    assert "Strict evidence always 1 0 0" in flat
    assert "The program calls itself a robot or a tool." in html
    assert f"/admin/engagement/interaction/{run.examples[0]['id']}/change/" in html


def test_applying_is_asked_for_once_more_and_done_by_the_worker(admin_client: Client, brand: Brand) -> None:
    run = looked_at(brand)
    url = f"{LIST}{run.pk}/apply/"
    assert url in page(admin_client, f"{LIST}{run.pk}/change/")
    assert "Nobody's subscription changes" in unescape(page(admin_client, url))
    assert table()[0][0] == "unsure"
    admin_client.post(url)
    run.refresh_from_db()
    assert run.state == "applying"
    assert [row.task_path for row in DBTaskResult.objects.all()] == ["engagement.tasks.apply_rejudgement"]
    tasks.apply_rejudgement.call(run.pk)
    assert [verdict for verdict, *_ in table()] == ["machine", "human"]
    html = page(admin_client, f"{LIST}{run.pk}/change/")
    assert "<strong>Applied</strong>" in html
    assert "2</strong> of 2 verdicts changed" in html
    assert admin_client.post(url).status_code == 404


@pytest.mark.parametrize("fields", [{"rules": RULES_VERSION - 1}, {"changed_count": 0}, {"state": "failed"}])
def test_what_cannot_be_applied_is_not_offered(admin_client: Client, brand: Brand, fields: dict[str, Any]) -> None:
    run = looked_at(brand)
    Rejudgement.objects.update(**fields)
    assert "/apply/" not in page(admin_client, f"{LIST}{run.pk}/change/")
    assert admin_client.post(f"{LIST}{run.pk}/apply/").status_code == 404


def test_a_worker_that_was_killed_can_be_followed_by_another(admin_client: Client, brand: Brand) -> None:
    run = looked_at(brand)
    Rejudgement.objects.update(state="applying", seen_count=1)
    assert "if it stands still" in page(admin_client, f"{LIST}{run.pk}/change/")
    assert admin_client.post(f"{LIST}{run.pk}/apply/").status_code == 302


def test_an_apply_that_fails_can_be_tried_again(brand: Brand, monkeypatch: pytest.MonkeyPatch) -> None:
    run = looked_at(brand)
    with pytest.raises(ZeroDivisionError):
        runs.apply(run, lambda count: 1 // 0)
    run.refresh_from_db()
    assert (run.state, run.problem, run.changed_count) == ("ready", "ZeroDivisionError", 2)


@pytest.mark.parametrize(
    ("codenames", "looks", "starts", "applies"),
    [
        (["view_rejudgement"], 200, 403, 403),
        (["view_rejudgement", "add_rejudgement"], 200, 200, 403),
        (["view_rejudgement", "change_rejudgement"], 200, 403, 200),
        (["view_interaction"], 403, 403, 403),
    ],
)
def test_each_may_what_they_are_permitted(
    client: Client, brand: Brand, codenames: list[str], looks: int, starts: int, applies: int
) -> None:
    run = looked_at(brand)
    client = staff(client, *codenames)
    urls = (f"{LIST}{run.pk}/change/", f"{LIST}add/", f"{LIST}{run.pk}/apply/")
    assert tuple(client.get(url).status_code for url in urls) == (looks, starts, applies)


def test_the_list_says_how_far_a_run_is(admin_client: Client, brand: Brand) -> None:
    make_run(state="looking", seen_count=30, total_count=120)
    html = page(admin_client, LIST)
    assert_strict(html)
    assert "being looked at, 25 %" in html


def test_an_empty_list_says_what_it_is_for(admin_client: Client) -> None:
    assert "changes nothing until you apply it" in page(admin_client, LIST)


def test_bars_compare_what_changes() -> None:
    verdicts = {"unsure": {"unsure": 100_000, "machine": 40, "human": 10}, "human": {"machine": 1}}
    rows = dict(matrix(Rejudgement(verdicts=verdicts)))
    assert [cell.width for cell in rows["unsure"]] == ["25.00%", "100.00%", "0.00%", "100.00%"]
    assert [cell.count for cell in rows["human"]] == [0, 0, 0, 1]
    assert changed_verdicts(Rejudgement(verdicts=verdicts)) == 51
