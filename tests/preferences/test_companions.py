"""manage.py companions: which e-mail address and which phone number are one person's."""

from __future__ import annotations

from pathlib import Path

import pytest

from preferences.links import Channel
from preferences.models import Brand, Cause, Companions, Person, PreferenceChange, Recipient, Source
from preferences.models.subscriptions import SuppressionReason
from tests.commands import Result, run, start
from tests.makers import make_brand

PAIRS = "email,phone\nalice@example.org,+14155550123\nbob@example.org,+14155550124\n"


@pytest.fixture
def brand(db: None) -> Brand:
    return make_brand(slug="demo")


def say(content: str | bytes, *arguments: object) -> Result:
    return run("companions", "--brand", "demo", *arguments, stdin=content)


def pairs() -> set[tuple[str, str]]:
    return set(Companions.objects.values_list("email__address", "phone__address"))


def test_pairs_are_stored(brand: Brand) -> None:
    result = say(PAIRS)
    assert result.lines == ["2 rows read, 2 new pairs, 0 bad"]
    assert result.status == 0
    assert pairs() == {("alice@example.org", "+14155550123"), ("bob@example.org", "+14155550124")}
    alice = Recipient.at(brand.id, Channel.EMAIL, "alice@example.org")
    assert [one.address for one in Person.behind(alice).recipients] == ["alice@example.org", "+14155550123"]


def test_pairing_changes_nobodys_preferences(brand: Brand) -> None:
    say(PAIRS)
    assert not PreferenceChange.objects.exists()


def test_said_twice_changes_nothing_more(brand: Brand) -> None:
    say(PAIRS)
    assert say(PAIRS).lines == ["2 rows read, 0 new pairs, 0 bad"]


def test_a_spelling_is_no_new_pair(brand: Brand) -> None:
    say(PAIRS)
    assert say("Phone;E-Mail\n+1 (415) 555-0123;ALICE@example.org\n").lines == ["1 rows read, 0 new pairs, 0 bad"]


@pytest.mark.parametrize("separately", [True, False])
def test_a_new_pair_takes_the_place_of_either_sides_former(brand: Brand, separately: bool) -> None:
    both = "alice@example.org,+14155550124\n"
    if separately:
        say(PAIRS)
        say("email,phone\n" + both)
    else:
        say(PAIRS + both)
    assert pairs() == {("alice@example.org", "+14155550124")}


def test_bad_rows_are_told_by_line_and_the_others_stored(brand: Brand) -> None:
    result = say(PAIRS + "mallory,+14155550125\nmallory@example.org,12\nmallory@example.org\n")
    assert result.lines == ["5 rows read, 2 new pairs, 3 bad"]
    assert result.status == 1
    assert [line.partition(":")[0] for line in result.err.splitlines()[:3]] == ["line 4", "line 5", "line 6"]
    assert len(pairs()) == 2


@pytest.mark.parametrize("header", ["email,name", "alice@example.org,+14155550123", "phone", "", "address,name"])
def test_a_file_that_does_not_name_both_columns_is_refused(brand: Brand, header: str) -> None:
    result = say(f"{header}\nalice@example.org,+14155550123\n" if header else "")
    assert result.status == 1
    assert not pairs()


def test_a_file_may_be_named(brand: Brand, tmp_path: Path) -> None:
    file = tmp_path / "pairs.csv"
    file.write_bytes(b"\xef\xbb\xbf" + PAIRS.replace(",", "\t").replace("\n", "\r\n").encode())
    assert run("companions", file, "--brand", "demo").lines == ["2 rows read, 2 new pairs, 0 bad"]
    assert run("companions", tmp_path / "none.csv", "--brand", "demo").status == 1


def test_forget_drops_exactly_these_pairs(brand: Brand) -> None:
    say(PAIRS)
    result = say("email,phone\nalice@example.org,+14155550123\nbob@example.org,+14155550999\n", "--forget")
    assert result.lines == ["2 rows read, 1 pairs dropped, 0 bad"]
    assert pairs() == {("bob@example.org", "+14155550124")}
    assert Recipient.objects.filter(address="alice@example.org").exists()


def test_who_was_erased_is_not_stored_again(brand: Brand) -> None:
    alice = Recipient.at(brand.id, Channel.EMAIL, "alice@example.org")
    alice.suppress(SuppressionReason.ERASED, Cause(Source.ERASURE))
    Recipient.objects.update(address="")
    result = say(PAIRS)
    assert result.lines == ["2 rows read, 1 new pairs, 1 bad"]
    assert "line 2: one of the two was erased" in result.err
    assert pairs() == {("bob@example.org", "+14155550124")}


def test_more_than_one_batch(brand: Brand) -> None:
    rows = "".join(f"alice-{number}@example.org,+1415{number:07}\n" for number in range(2_001))
    assert say("email,phone\n" + rows).lines == ["2001 rows read, 2001 new pairs, 0 bad"]
    assert Companions.objects.count() == 2_001


@pytest.mark.django_db(transaction=True)
def test_pairs_come_through_a_pipe() -> None:
    make_brand(slug="demo")
    process = start("companions", "--brand", "demo")
    out, err = process.communicate(PAIRS.encode(), timeout=120)
    assert (out, err, process.returncode) == (b"2 rows read, 2 new pairs, 0 bad\n", b"", 0)
    assert len(pairs()) == 2
