from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from preferences import mailable
from preferences.links import Channel
from preferences.models import Brand, Pause, Recipient, Source, Topic, Wish
from preferences.models.subscriptions import SuppressionReason, today
from preferences.models.writing import NOT_PAUSED
from tests.commands import Result, run
from tests.makers import make_brand, make_cause, make_recipient, make_topic

SOON = timedelta(hours=1)


@pytest.fixture
def brand(db: None) -> Brand:
    return make_brand(slug="demo")


@pytest.fixture
def news(brand: Brand) -> Topic:
    return make_topic(brand)


@pytest.fixture
def alice(brand: Brand, news: Topic) -> Recipient:
    return make_recipient(brand)


def ask(*arguments: object, stdin: bytes | str = "alice@example.org\n") -> Result:
    return run("mailable", "--brand", "demo", "--topic", "news", *arguments, stdin=stdin)


def answer(*arguments: object) -> tuple[str, str]:
    [[_, may, reason, _]] = ask(*arguments).rows
    return may, reason


def test_a_stranger_gets_what_is_the_default(alice: Recipient, news: Topic) -> None:
    assert answer() == ("yes", "default_in")
    Topic.objects.update(is_default_in=False)
    assert answer() == ("no", "default_out")


def test_a_subscriber_may_be_mailed(alice: Recipient, news: Topic) -> None:
    alice.opt_in(news.id, make_cause())
    Topic.objects.update(is_default_in=False)
    assert answer() == ("yes", "subscribed")


def test_who_left_may_not_be_mailed(alice: Recipient, news: Topic) -> None:
    alice.opt_out(news.id, make_cause())
    assert answer() == ("no", "unsubscribed")


def test_a_provisional_opt_out_counts_at_once(alice: Recipient, news: Topic) -> None:
    alice.opt_out(news.id, make_cause(Source.ARRIVAL, settles_at=timezone.now() + SOON))
    assert answer() == ("no", "unsubscribed_provisional")


def test_a_settled_opt_out_is_no_longer_provisional(alice: Recipient, news: Topic) -> None:
    alice.opt_out(news.id, make_cause(Source.ARRIVAL, settles_at=timezone.now() - SOON))
    assert answer() == ("no", "unsubscribed")


def test_an_undone_opt_out_leaves_the_default(alice: Recipient, news: Topic) -> None:
    alice.opt_out(news.id, make_cause())
    alice.undo_opt_out(news.id, make_cause(Source.UNDO))
    assert answer() == ("yes", "default_in")


@pytest.mark.parametrize("reason", SuppressionReason)
def test_a_suppression_stands_above_every_topic(alice: Recipient, news: Topic, reason: SuppressionReason) -> None:
    alice.opt_in(news.id, make_cause())
    alice.suppress(reason, make_cause())
    assert answer() == ("no", f"suppressed_{reason}")


def test_another_topic_brand_or_channel_says_nothing_here(alice: Recipient, news: Topic, brand: Brand) -> None:
    alice.opt_out(make_topic(brand, "offers").id, make_cause())
    other = make_brand()
    make_recipient(other).opt_out(make_topic(other).id, make_cause())
    make_recipient(brand, "+14155550123", Channel.SMS).opt_out(news.id, make_cause())
    assert answer() == ("yes", "default_in")


def test_every_spelling_finds_the_opt_out(alice: Recipient, news: Topic) -> None:
    alice.opt_out(news.id, make_cause())
    result = ask(stdin="ALICE@Example.org \r\nalice@example.org")
    assert result.rows == [
        ["ALICE@Example.org", "no", "unsubscribed", "every"],
        ["alice@example.org", "no", "unsubscribed", "every"],
    ]


def test_numbers_have_their_own_answers(brand: Brand, news: Topic) -> None:
    make_recipient(brand, "+14155550123", Channel.SMS).opt_out(news.id, make_cause())
    assert ask("--channel", "sms", stdin="+1 415 555 0123").rows == [["+1 415 555 0123", "no", "unsubscribed", "every"]]


def test_every_line_is_answered_in_its_place(alice: Recipient, news: Topic) -> None:
    alice.opt_out(news.id, make_cause())
    result = ask(stdin=b"bob@example.org\nbad\taddress\n\n\xff\nalice@example.org\nbob@example.org\n")
    assert result.rows == [
        ["bob@example.org", "yes", "default_in", "every"],
        ["bad?address", "no", "bad_address", "every"],
        ["\\xff", "no", "bad_address", "every"],
        ["alice@example.org", "no", "unsubscribed", "every"],
        ["bob@example.org", "yes", "default_in", "every"],
    ]
    assert (result.status, result.err) == (0, "2 bad addresses, answered no.\n")


def test_many_batches_keep_the_order(alice: Recipient, news: Topic, brand: Brand) -> None:
    leaving = {f"person{number}@example.org" for number in range(0, 20_000, 1999)}
    for address in leaving:
        make_recipient(brand, address).opt_out(news.id, make_cause())
    asked = [f"person{number}@example.org" for number in range(20_000)]
    rows = ask(stdin="\n".join(asked)).rows
    assert [row[0] for row in rows] == asked
    assert {row[0] for row in rows if row[1] == "no"} == leaving


def test_only_three_answers_let_a_mail_go() -> None:
    assert {"subscribed", "default_in", "required"} == mailable.MAY_MAIL


def test_a_topic_nobody_knows_is_refused(brand: Brand, news: Topic) -> None:
    result = run("mailable", "--brand", "demo", "--topic", "nws", stdin="alice@example.org")
    assert (result.status, result.out) == (1, "")
    assert "Known: news" in result.err


def test_a_changed_address_key_makes_nobody_mailable(alice: Recipient, settings: Any) -> None:
    settings.FAREWELL_ADDRESS_KEY = "another"
    result = ask()
    assert (result.status, result.out) == (1, "")
    assert "FAREWELL_ADDRESS_KEY" in result.err


def test_a_pause_of_the_topic_or_of_everything_holds_until_its_day(alice: Recipient, news: Topic) -> None:
    alice.choose({news.id: Wish(paused_until=today() + timedelta(days=14))}, make_cause())
    assert answer() == ("no", "paused")
    alice.choose({news.id: Wish(paused_until=NOT_PAUSED)}, make_cause())
    assert answer() == ("yes", "default_in")
    alice.pause(today() + timedelta(days=1), make_cause())
    assert answer() == ("no", "paused")
    Pause.objects.update(until=today())
    assert answer() == ("yes", "default_in")


def test_what_a_contract_requires_goes_on_when_everything_was_left(alice: Recipient, news: Topic) -> None:
    Topic.objects.update(is_required=True)
    alice.pause(today() + timedelta(days=14), make_cause())
    alice.leave_everything(make_cause())
    assert answer() == ("yes", "required")
    alice.suppress(SuppressionReason.ADMIN, make_cause())
    assert answer() == ("no", "suppressed_admin")


def test_a_required_topic_ends_by_its_own_link(alice: Recipient, news: Topic) -> None:
    Topic.objects.update(is_required=True)
    alice.opt_out(news.id, make_cause())
    assert answer() == ("no", "unsubscribed")


def test_how_often_stands_in_the_last_column(alice: Recipient, news: Topic) -> None:
    alice.choose({news.id: Wish(is_in=True, frequency="weekly")}, make_cause())
    assert ask().rows == [["alice@example.org", "yes", "subscribed", "weekly"]]


def test_whoever_was_erased_gets_not_even_what_a_contract_requires(alice: Recipient, news: Topic) -> None:
    Topic.objects.update(is_required=True)
    alice.suppress(SuppressionReason.ERASED, make_cause(Source.ERASURE))
    assert answer() == ("no", "suppressed_erased")
