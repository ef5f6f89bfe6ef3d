from __future__ import annotations

import json
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from preferences.links import Channel
from preferences.models import (
    Brand,
    Companions,
    LeavingAnswer,
    Pause,
    PreferenceChange,
    Recipient,
    Source,
    Topic,
    Wish,
)
from preferences.models.subscriptions import SuppressionReason, today
from tests.commands import run
from tests.engagement.makers import NOON, make_interaction
from tests.makers import make_brand, make_cause, make_recipient, make_topic

DOCS = (Path(__file__).resolve().parents[2] / "docs" / "commands.md").read_text(encoding="utf-8")
HOUR = timedelta(hours=1)
SIGNALS = [{"name": "send_age", "points": 3, "hard": False, "reason": "Came within a minute of sending."}]

PROOF = {"name": "hidden_link", "points": 0, "hard": True, "reason": "Followed the hidden link."}


@pytest.fixture
def brand(db: None) -> Brand:
    return make_brand(slug="demo")


@pytest.fixture
def news(brand: Brand) -> Topic:
    return make_topic(brand)


@pytest.fixture
def alice(brand: Brand, news: Topic) -> Recipient:
    return make_recipient(brand)


def story(*arguments: object) -> dict[str, Any]:
    result = run("explain", "alice@example.org", "--json", *arguments)
    assert (result.status, result.err) == (0, "")
    told: dict[str, Any] = json.loads(result.out)
    return told


def told(*arguments: object) -> str:
    return run("explain", *(arguments or ["alice@example.org"])).out


def topic_now() -> tuple[str, str, bool]:
    [topic] = story()["topics"]
    return topic["state"], topic["effective"], topic["provisional"]


def test_an_unknown_address_is_told_so_with_the_defaults(alice: Recipient) -> None:
    assert (story()["known"], story()["changes"], story()["interactions"]) == (False, [], [])
    assert topic_now() == ("default", "subscribed", False)
    assert "Nothing was ever recorded" in told()


def test_what_was_chosen_holds(alice: Recipient, news: Topic) -> None:
    alice.opt_in(news.id, make_cause())
    assert topic_now() == ("in", "subscribed", False)
    alice.opt_out(news.id, make_cause())
    assert topic_now() == ("out", "unsubscribed", False)
    assert story()["known"] is True


def test_that_tracking_was_refused_is_told(alice: Recipient, brand: Brand) -> None:
    assert story()["untracked"] == []
    alice.refuse_tracking(make_cause())
    assert story()["untracked"] == [brand.slug]
    assert f"{brand.slug}: opens and clicks are not recorded." in told()
    assert f"{brand.slug}/everything: Refused tracking: opens and clicks are not recorded, through" in told()


def test_the_default_of_a_topic_holds_until_something_is_chosen(alice: Recipient) -> None:
    Topic.objects.update(is_default_in=False)
    assert topic_now() == ("default", "unsubscribed", False)


def test_a_provisional_opt_out_is_told_as_one(alice: Recipient, news: Topic) -> None:
    until = timezone.now() + HOUR
    alice.opt_out(news.id, make_cause(Source.ARRIVAL, settles_at=until))
    assert topic_now() == ("out", "unsubscribed", True)
    assert story()["changes"][0]["provisional"] is True
    assert f"provisional until {until:%Y-%m-%dT%H:%M}" in told()


def test_a_settled_opt_out_is_final(alice: Recipient, news: Topic) -> None:
    alice.opt_out(news.id, make_cause(Source.ARRIVAL, settles_at=timezone.now() - HOUR))
    assert topic_now() == ("out", "unsubscribed", False)
    assert story()["changes"][0]["provisional"] is False
    assert "final since" in told()


def test_a_suppression_stands_above_the_topics(alice: Recipient, news: Topic) -> None:
    alice.opt_in(news.id, make_cause())
    alice.suppress(SuppressionReason.IMPORT, make_cause(Source.IMPORT))
    assert topic_now() == ("in", "suppressed", False)
    assert [row["reason"] for row in story()["suppressed"]] == ["import"]
    assert "nothing is sent, whatever the topics say (imported suppression list)" in told()


def test_what_a_contract_requires_stays_when_everything_is_left(alice: Recipient, news: Topic) -> None:
    Topic.objects.update(is_required=True)
    alice.leave_everything(make_cause())
    assert topic_now() == ("default", "subscribed", False)
    assert "demo/news: subscribed, required by contract, the topic's default" in told()


def test_pauses_and_frequencies_are_told(alice: Recipient, news: Topic) -> None:
    until = today() + timedelta(days=30)
    alice.choose({news.id: Wish(is_in=True, frequency="weekly", paused_until=until)}, make_cause())
    assert topic_now() == ("in", "paused", False)
    [topic] = story()["topics"]
    assert (topic["frequency"], topic["paused_until"], topic["required"]) == ("weekly", until.isoformat(), False)
    assert f", weekly digest, paused, nothing before {until}." in told()
    assert "demo/news: Joined News; wants News weekly; paused News until" in told()


def test_a_pause_of_everything_is_told_above_the_topics(alice: Recipient, news: Topic) -> None:
    until = today() + timedelta(days=30)
    alice.pause(until, make_cause())
    assert topic_now() == ("default", "paused", False)
    assert [row["until"] for row in story()["paused"]] == [until.isoformat()]
    assert f"demo: nothing is sent before {until}, but what a contract requires." in told()
    assert "demo/everything: Paused everything until" in told()


def test_a_pause_that_has_ended_is_none(alice: Recipient, news: Topic) -> None:
    alice.pause(today() + timedelta(days=30), make_cause())
    Pause.objects.update(until=today())
    assert (topic_now(), story()["paused"]) == (("default", "subscribed", False), [])


def test_why_someone_left_is_told_in_their_words(alice: Recipient, news: Topic, brand: Brand) -> None:
    [change] = alice.opt_out(news.id, make_cause()).change_ids
    answer = {"reason": "too_many", "comment": "Every day!", "change_id": change, "channel": "email"}
    LeavingAnswer.objects.create(brand=brand, recipient_id=alice.id, topic=news, **answer)
    assert [(row["topic"], row["change"]) for row in story()["answers"]] == [("news", change)]
    assert "demo/news: too_many, in their words: Every day!" in told()


def test_the_other_address_of_the_same_person_is_named(alice: Recipient, news: Topic, brand: Brand) -> None:
    phone = make_recipient(brand, "+14155550123", Channel.SMS)
    for one in (alice, phone):
        one.opt_out(news.id, make_cause())
    Companions.objects.create(email_id=alice.id, phone_id=phone.id, brand=brand)
    assert story()["companions"] == ["+14155550123"]
    assert "One person with +14155550123." in told()


def test_the_ledger_is_told_oldest_first_with_source_and_evidence(alice: Recipient, news: Topic) -> None:
    evidence = {"verdict": "unsure", "score": 3, "signals": SIGNALS, "visit": 7}
    alice.opt_out(news.id, make_cause(Source.ARRIVAL, evidence=evidence, actor="nobody", reason="a click"))
    alice.undo_opt_out(news.id, make_cause(Source.UNDO))
    assert [row["source"] for row in story()["changes"]] == ["arrival", "undo"]
    assert story()["changes"][0]["evidence"] == evidence
    text = told()
    assert text.index("arrival at the page, mailing 2026-11, by nobody; final.") < text.index("undo, mailing 2026-11")
    for words in (
        "Reason: a click",
        "Judged unsure, a person's or a machine's (+3 points), because:",
        "Came within a minute of sending.",
        "visit 7",
    ):
        assert words in text


def test_visits_are_told_with_verdict_and_reasons(alice: Recipient, brand: Brand) -> None:
    visit = {"brand": brand, "recipient_id": alice.id}
    make_interaction(**visit, kind="arrive", occurred_at=NOON + HOUR, answer="ask")
    make_interaction(**visit, kind="visit", verdict="machine", score=3, is_hard=True, signals=[*SIGNALS, PROOF])
    assert [row["kind"] for row in story()["interactions"]] == ["visit", "arrive"]
    assert story()["known"] is True
    for words in (
        "2026-11-03T12:00:00.000000Z  demo/news: opened the page of mailing 2026-11, 12 s after sending.",
        "Judged a machine's visit, beyond doubt (+3 points), because:",
        "   +3  Came within a minute of sending.",
        "From 192.0.2.0, by Mozilla/5.0",
        "proof  Followed the hidden link.",
        "ran the page's script of mailing 2026-11, 12 s after sending, was shown the button.",
        "Judged unsure, a person's or a machine's (+0 points): nothing spoke for or against it.",
    ):
        assert words in told()


def test_each_mailing_is_told_on_one_line_of_time(alice: Recipient, news: Topic, brand: Brand) -> None:
    visit = {"brand": brand, "recipient_id": alice.id}
    make_interaction(**visit, verdict="machine", visitor=b"\1", network="40.94.0.0")
    for number in range(3):
        make_interaction(
            **visit, kind="arrive", occurred_at=NOON + (5 + number) * HOUR, send_age=18_012 + 3600 * number
        )
    alice.opt_out(news.id, make_cause())
    PreferenceChange.objects.update(changed_at=NOON + 8 * HOUR)
    assert (
        "demo, 2026-11: sent | +12 s A opened, machine | +5 h B script, unsure 3 times until +7 h | +8 h * left\n"
        "    Time counts from sent, 2026-11-03T11:59:48Z. "
        "A is visitor A, from 40.94.0.0; B is visitor B, from 192.0.2.0; * is without a visit.\n"
    ) in told()


def test_a_mail_of_unknown_sending_is_told_from_the_first_visit(alice: Recipient, brand: Brand) -> None:
    make_interaction(brand=brand, recipient_id=alice.id, mailing="", send_age=None)
    assert "demo, no mailing named: +0 s A opened, unsure\n    Time counts from first visit, 2026-11-03" in told()


def test_a_reinstatement_reads_like_a_sentence_with_its_reasons(alice: Recipient, news: Topic) -> None:
    [change] = alice.opt_out(news.id, make_cause(Source.ARRIVAL)).change_ids
    evidence = {"refuted": [change], "signals": [PROOF], "interactions": [5, 7]}
    alice.undo_opt_out(news.id, make_cause(Source.REINSTATEMENT, evidence=evidence, reason="A robot had ended it."))
    text = told()
    for words in (
        "demo/news: Put back on News, which a robot had ended, through reinstatement, mailing 2026-11; final.\n"
        "    Reason: A robot had",
        "    The evidence:\n      proof  Followed the hidden link.\n",
        f"    It takes back change {change}, on what interactions 5, 7 showed.\n",
    ):
        assert words in text


def test_what_is_not_known_is_not_told(alice: Recipient, news: Topic) -> None:
    alice.opt_out(news.id, make_cause(evidence={"network": "", "visit": None, "send_age": 0, "at": 1.5}))
    assert "    Evidence: at 1970-01-01T00:00:01.500000Z, send_age 0\n" in f"{told()}\n"


def test_evidence_of_any_form_is_told(alice: Recipient, news: Topic) -> None:
    alice.opt_out(news.id, make_cause(evidence={"signals": "garbled", "verdict": 5, "score": None, "refuted": 7}))
    assert "It takes back change 7." in told()


def test_others_are_not_told_of(alice: Recipient, news: Topic, brand: Brand) -> None:
    make_recipient(brand, "bob@example.org").opt_out(news.id, make_cause())
    make_interaction(brand=brand)
    assert story()["known"] is False


def test_every_spelling_finds_the_recipient(alice: Recipient, news: Topic) -> None:
    alice.opt_out(news.id, make_cause())
    assert "demo/news: unsubscribed since" in told(" ALICE@Example.org")


def test_without_a_brand_all_are_told(alice: Recipient, news: Topic) -> None:
    alice.opt_out(news.id, make_cause())
    other = make_topic(make_brand(slug="other"), "offers")
    make_recipient(other.brand).opt_out(other.id, make_cause())
    assert [(row["brand"], row["topic"]) for row in story()["topics"]] == [("demo", "news"), ("other", "offers")]
    assert [row["brand"] for row in story()["changes"]] == ["demo", "other"]
    assert [row["brand"] for row in story("--brand", "other")["changes"]] == ["other"]


def test_a_number_is_found_on_its_channel(brand: Brand, news: Topic) -> None:
    make_recipient(brand, "+14155550123", Channel.SMS).opt_out(news.id, make_cause(Source.SMS_REPLY))
    assert "demo/news: unsubscribed since" in told("+1 415 555 0123", "--channel", "sms")


@pytest.mark.parametrize("address", [" ", "alice\n@example.org", "\udcff@example.org"])
def test_what_cannot_be_an_address_is_refused(brand: Brand, address: str) -> None:
    result = run("explain", address)
    assert (result.status, result.out) == (1, "")
    assert "Give one address" in result.err


def test_a_changed_address_key_is_told_instead_of_a_wrong_answer(alice: Recipient, settings: Any) -> None:
    settings.FAREWELL_ADDRESS_KEY = "another"
    assert "FAREWELL_ADDRESS_KEY" in run("explain", "alice@example.org").err


def documented(heading: str) -> set[str]:
    """The fields in the first table after `heading`."""
    table = re.split(r"\n\n(?!\|)", DOCS.split(heading, 1)[1].split("| field |", 1)[1])[0]
    return {name for line in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", line)}


def test_the_json_has_exactly_the_documented_fields(alice: Recipient, news: Topic, brand: Brand) -> None:
    alice.opt_out(news.id, make_cause())
    alice.suppress(SuppressionReason.ADMIN, make_cause(Source.ADMIN))
    alice.pause(date(2027, 2, 3), make_cause(Source.ADMIN))
    LeavingAnswer.objects.create(brand=brand, recipient_id=alice.id, topic=news, channel="email", change_id=1)
    make_interaction(brand=brand, recipient_id=alice.id)
    known = story()
    assert set(known) == documented("`--json` is stable")
    assert set(known["suppressed"][0]) == documented("Each of `suppressed`")
    assert set(known["paused"][0]) == documented("Each of `paused`")
    assert set(known["answers"][0]) == documented("Each of `answers`")
    assert set(known["topics"][0]) == documented("Each of `topics`")
    assert set(known["interactions"][0]) == documented("Each of `interactions`")
    assert set(known["changes"][0]) == documented("**No change is ever skipped.**") | {"provisional", "told"}
