"""manage.py untrack: a brand's list of those of whom no opens and clicks are recorded."""

from __future__ import annotations

from pathlib import Path

import pytest

from preferences.models import Brand, PreferenceChange, Recipient, Source
from preferences.models.subscriptions import SuppressionReason
from preferences.replay import differing
from preferences.tracking import untracked
from tests.commands import Result, run
from tests.makers import make_brand, make_cause, make_recipient

PEOPLE = "alice@example.org\nbob@example.org\n"


@pytest.fixture
def brand(db: None) -> Brand:
    return make_brand(slug="demo")


@pytest.fixture
def alice(brand: Brand) -> Recipient:
    return make_recipient(brand)


def say(content: str | bytes, *arguments: object) -> Result:
    return run("untrack", "--brand", "demo", *arguments, stdin=content)


def test_whoever_is_listed_is_no_longer_recorded(brand: Brand, alice: Recipient) -> None:
    result = say(PEOPLE)
    assert result.lines == ["2 rows read, 2 no longer recorded, 0 as before, 0 bad"]
    assert result.status == 0
    bob = make_recipient(brand, "bob@example.org")
    assert untracked([alice.id, bob.id]) == {alice.id, bob.id}
    assert not list(differing([alice.id, bob.id]))


def test_said_twice_changes_nothing_more(brand: Brand) -> None:
    say(PEOPLE)
    assert say(PEOPLE + PEOPLE).lines == ["4 rows read, 0 no longer recorded, 4 as before, 0 bad"]
    assert PreferenceChange.objects.count() == 2


def test_it_can_be_taken_back(brand: Brand, alice: Recipient) -> None:
    say(PEOPLE)
    assert say("alice@example.org\n", "--undo").lines == ["1 rows read, 1 recorded again, 0 as before, 0 bad"]
    assert not untracked([alice.id])
    refused, allowed = alice.changes.order_by("id")
    assert (allowed.is_untracked, allowed.replaced["change"]) == (False, refused.id)
    assert not list(differing([alice.id]))


def test_the_ledger_says_who_and_why(alice: Recipient, tmp_path: Path) -> None:
    path = tmp_path / "refused.csv"
    path.write_text("E-Mail;Topic;Reason\nALICE@example.org;!;by letter\n")
    assert run("untrack", path, "--brand", "demo", "--actor", "carol").status == 0
    change = alice.changes.get()
    assert (change.source, change.actor, change.reason) == (Source.IMPORT, "carol", "by letter")
    assert change.evidence == {"file": "refused.csv", "line": 2}


def test_what_else_stands_above_the_topics_stays(alice: Recipient) -> None:
    alice.suppress(SuppressionReason.ADMIN, make_cause())
    say(PEOPLE)
    change = alice.changes.newest_first()[0]
    assert (change.state, change.suppression, change.has_suppressed) == ("out", "admin", False)
    assert not list(differing([alice.id]))


@pytest.mark.parametrize("arguments", [(), ("--undo",)])
def test_whoever_was_erased_is_not_stored_again(alice: Recipient, arguments: tuple[str, ...]) -> None:
    alice.suppress(SuppressionReason.ERASED, make_cause())
    Recipient.objects.update(address="")
    assert "1 as before" in say("alice@example.org\n", *arguments).out
    assert Recipient.objects.get().address == ""
    assert untracked([alice.id])


def test_bad_rows_are_named_and_the_others_go_on(alice: Recipient) -> None:
    result = say("email\nnobody\nalice@example.org\n")
    assert result.status == 1
    assert "line 2:" in result.err
    assert "1 rows were left out." in result.err
    assert untracked([alice.id])


def test_an_empty_list_or_one_without_addresses_is_refused(brand: Brand) -> None:
    assert "The file is empty." in say("").err
    assert "No column holds the addresses" in say("name,town\nAlice,Oxford\n").err


def test_phone_numbers_are_taken_in_any_spelling(brand: Brand) -> None:
    assert say("+1 415 555 0123\n", "--channel", "sms").status == 0
    assert Recipient.objects.get().address == "+14155550123"
