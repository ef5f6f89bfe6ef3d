from __future__ import annotations

import csv
import random
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from preferences import bulk
from preferences.models import (
    Brand,
    Cause,
    Outcome,
    PreferenceChange,
    Recipient,
    Source,
    Subscription,
    Suppression,
    Topic,
)
from preferences.models.subscriptions import SuppressionReason
from tests.commands import Result, run
from tests.makers import make_brand, make_cause, make_recipient, make_topic

LIST = "email\nalice@example.org\nbob@example.org\n"


@pytest.fixture
def brand(db: None) -> Brand:
    return make_brand(slug="demo")


@pytest.fixture
def news(brand: Brand) -> Topic:
    return make_topic(brand)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "list.csv"


def bring_in(file: Path, content: str | bytes, *arguments: object) -> Result:
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return run("import_optouts", file, "--brand", "demo", *arguments)


def suppressed() -> set[str]:
    return set(Suppression.objects.values_list("recipient__address", flat=True))


def test_a_list_is_a_list_of_suppressions(brand: Brand, file: Path) -> None:
    result = bring_in(file, LIST)
    assert result.lines == ["2 rows read, 2 new opt-outs, 0 already out, 0 rejected"]
    assert result.status == 0
    assert suppressed() == {"alice@example.org", "bob@example.org"}
    assert set(Suppression.objects.values_list("reason", flat=True)) == {SuppressionReason.IMPORT}


def test_an_address_nobody_has_heard_of_becomes_a_recipient_who_left(brand: Brand, file: Path) -> None:
    bring_in(file, LIST)
    alice = make_recipient(brand)
    assert Recipient.objects.get(id=alice.id).address == "alice@example.org"
    assert alice.is_suppressed()


def test_the_ledger_says_where_a_row_came_from(brand: Brand, file: Path) -> None:
    bring_in(file, "E-Mail Address;Reason;UNSUB_TIME\nAlice@example.org;too many;2024-05-01 10:00\n", "--actor", "bob")
    row = PreferenceChange.objects.get()
    assert (row.source, row.reason, row.actor) == (Source.IMPORT, "too many", "bob")
    assert row.evidence == {"file": "list.csv", "line": 2, "date": "2024-05-01 10:00"}


def test_what_is_no_date_is_not_kept_as_one(brand: Brand, file: Path) -> None:
    bring_in(file, "email,date\nalice@example.org,alice@example.org\n")
    assert PreferenceChange.objects.get().evidence == {"file": "list.csv", "line": 2}


def test_with_a_topic_only_the_topic_is_left(brand: Brand, news: Topic, file: Path) -> None:
    bring_in(file, LIST, "--topic", "news")
    assert Subscription.objects.filter(topic=news, state="out").count() == 2
    assert not suppressed()


def test_rows_name_their_own_topics_and_new_ones_are_made(brand: Brand, news: Topic, file: Path) -> None:
    bring_in(file, "email,topic\nalice@example.org,news\nbob@example.org,Winter-Sale\ncarol@example.org,\n")
    left = set(Subscription.objects.values_list("recipient__address", "topic__slug", "state"))
    assert left == {("alice@example.org", "news", "out"), ("bob@example.org", "winter-sale", "out")}
    assert suppressed() == {"carol@example.org"}


@pytest.mark.parametrize(
    "content",
    [
        "alice@example.org\nbob@example.org",
        "\ufeffEMAIL\r\nalice@example.org\r\n\r\nbob@example.org\r\n",
        "name;e-mail\nAlice;alice@example.org\nBob;bob@example.org\n",
        "name\temail address\nAlice\talice@example.org\nBob\tbob@example.org\n",
        'name|Email\n"Alice | A."|alice@example.org\nBob|"bob@example.org"\n',
        "email,name\nalice@example.org,\"Alice,\nor 'Al'\"\nbob@example.org,Bob\n",
        "\n\nemail\ralice@example.org\rbob@example.org\r",
        "Address\n'alice@example.org\n bob@example.org \n".replace("'", ""),
        "email,name\nalice@example.org,Älice\nbob@example.org\n",
        "email,,\nalice@example.org,,\n,,\nbob@example.org,,\n",
    ],
)
def test_files_come_in_many_shapes(brand: Brand, file: Path, content: str) -> None:
    result = bring_in(file, content)
    assert result.err == ""
    assert suppressed() == {"alice@example.org", "bob@example.org"}


def test_a_file_of_two_byte_letters_is_read(brand: Brand, file: Path) -> None:
    bring_in(file, LIST.encode("utf-16"))
    assert suppressed() == {"alice@example.org", "bob@example.org"}


def test_old_windows_files_are_read_and_it_is_said(brand: Brand, file: Path) -> None:
    result = bring_in(file, "email,name\nalice@example.org,Älice\nbob@example.org,Bob\n".encode("cp1252"))
    assert suppressed() == {"alice@example.org", "bob@example.org"}
    assert "1 lines were not UTF-8" in result.err


def test_one_old_line_does_not_garble_the_others(brand: Brand, file: Path) -> None:
    bring_in(file, b"email,name\n" + "größe@example.org,x\n".encode() + b"alice@example.org,\xc4lice\n")
    assert suppressed() == {"größe@example.org", "alice@example.org"}


def test_numbers_come_from_their_own_column(brand: Brand, file: Path) -> None:
    bring_in(file, "email,Phone Number\nalice@example.org,+1 415 555 0123\n", "--channel", "sms")
    assert suppressed() == {"+14155550123"}


@pytest.mark.parametrize("again", [LIST, "email\nALICE@example.org\n bob@EXAMPLE.org\nalice@example.org\n"])
def test_repeated_rows_are_harmless(brand: Brand, news: Topic, file: Path, again: str) -> None:
    for arguments in ([], ["--topic", "news"]):
        bring_in(file, LIST + LIST.removeprefix("email\n"), *arguments)
        assert " 0 new opt-outs" in bring_in(file, again, *arguments).out
    assert PreferenceChange.objects.count() == 4


BAD = (
    "email,topic,note\n"
    "alice@example.org,,\n"
    "bad,,=cmd()\n"
    "bob@example.org,No Topic!,\n"
    ",,nobody\n"
    '"carol@example.org,,never closed\n'
    "dave@example.org,,\n"
)


def test_bad_rows_are_told_by_line_and_the_others_go_on(brand: Brand, file: Path) -> None:
    result = bring_in(file, BAD)
    assert suppressed() == {"alice@example.org", "dave@example.org"}
    assert [line.split(":")[0] for line in result.err.splitlines()[:4]] == [f"line {n}" for n in (3, 4, 5, 6)]
    assert result.out.strip() == "6 rows read, 2 new opt-outs, 0 already out, 4 rejected"
    assert result.status == 1


def test_bad_rows_are_kept_and_a_spreadsheet_runs_none_of_them(brand: Brand, file: Path) -> None:
    bring_in(file, BAD)
    with file.with_name("list.csv.rejects.csv").open(newline="") as kept:
        rows = list(csv.DictReader(kept))
    assert [row["rejected_line"] for row in rows] == ["3", "4", "5", "6"]
    assert "@-sign" in rows[0]["rejected_reason"]
    assert (rows[0]["email"], rows[0]["note"]) == ("bad", "'=cmd()")


def test_rejects_can_be_mended_and_brought_in_again(brand: Brand, file: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept.csv"
    bring_in(file, "phone,topic\n+1 415 555 0123,Not One\n", "--channel", "sms", "--rejects", kept)
    mended = kept.read_text().replace("Not One", "")
    assert "'+1 415" in mended
    assert bring_in(file, mended, "--channel", "sms").status == 0
    assert suppressed() == {"+14155550123"}


def test_a_good_file_leaves_no_rejects_behind(brand: Brand, file: Path) -> None:
    bring_in(file, LIST)
    assert [path.name for path in file.parent.iterdir()] == ["list.csv"]


def test_of_many_bad_rows_only_the_first_are_told(brand: Brand, file: Path) -> None:
    result = bring_in(file, "email\n" + "bad\n" * 50)
    assert result.err.count("line ") == 20
    assert "and 30 more rejected rows" in result.err


def test_a_dry_run_changes_nothing(brand: Brand, news: Topic, file: Path) -> None:
    make_recipient(brand).suppress(SuppressionReason.ADMIN, make_cause())
    result = bring_in(
        file, "email,topic\nalice@example.org,\nbob@example.org,winter\nbob@example.org,news\n", "--dry-run"
    )
    assert "3 rows read, would be at most 2 new opt-outs, 1 already out" in result.out
    assert PreferenceChange.objects.count() == 1
    assert set(Topic.objects.values_list("slug", flat=True)) == {"news"}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "The file is empty"),
        ("\n\n", "The file is empty"),
        (
            "name,town\nAlice,Leeds\n",
            "No column holds the addresses: name one 'email' in the first line. Found: 'name'",
        ),
        ("alice@example.org,bob@example.org\n", "No column holds the addresses"),
    ],
)
def test_a_file_without_addresses_is_refused(brand: Brand, file: Path, content: str, sentence: str) -> None:
    result = bring_in(file, content)
    assert result.status == 1
    assert sentence in result.err


def test_a_file_that_is_not_there_is_named(brand: Brand, file: Path) -> None:
    result = run("import_optouts", file, "--brand", "demo")
    assert f"{file}: No such file or directory" in result.err


def test_the_list_is_not_overwritten_by_its_own_rejects(brand: Brand, file: Path) -> None:
    assert "names the list itself" in bring_in(file, BAD, "--rejects", file).err
    assert file.read_text() == BAD


def test_a_changed_address_key_stops_the_import(brand: Brand, file: Path, settings: Any) -> None:
    settings.FAREWELL_ADDRESS_KEY = "another"
    assert "FAREWELL_ADDRESS_KEY" in bring_in(file, LIST).err
    assert not Suppression.objects.exists()


def test_what_was_written_before_an_interruption_stays(
    brand: Brand, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("preferences.bulk.BATCH_SIZE", 2)
    monkeypatch.setattr("preferences.bulk.CHUNK_SIZE", 4)
    people = [f"person{number}@example.org" for number in range(10)]
    write, calls = bulk.opt_out_many, []

    def interrupted(*arguments: Any) -> int:
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return write(*arguments)

    monkeypatch.setattr("preferences.bulk.opt_out_many", interrupted)
    result = bring_in(file, "\n".join(["email", *people]))
    assert (result.status, len(suppressed())) == (130, 4)
    assert "4 new opt-outs were written and stay" in result.err
    assert "6 new opt-outs, 4 already out" in bring_in(file, "\n".join(["email", *people])).out
    assert suppressed() == set(people)


# Import and verbs mean the same. Each past is what had happened to alice before.
type Past = Callable[[Recipient, Topic], object]

PASTS: dict[str, Past] = {
    "nothing": lambda alice, topic: None,
    "subscribed": lambda alice, topic: alice.opt_in(topic.id, make_cause()),
    "left": lambda alice, topic: alice.opt_out(topic.id, make_cause()),
    "subscribed and left": lambda alice, topic: (PASTS["subscribed"](alice, topic), PASTS["left"](alice, topic)),
    "left for now": lambda alice, topic: alice.opt_out(topic.id, make_cause(settles_at=_later(1))),
    "subscribed, left for now": lambda alice, topic: (
        PASTS["subscribed"](alice, topic),
        PASTS["left for now"](alice, topic),
    ),
    "settled": lambda alice, topic: alice.opt_out(topic.id, make_cause(settles_at=_later(-1))),
    "undone": lambda alice, topic: (PASTS["left"](alice, topic), alice.undo_opt_out(topic.id, make_cause())),
    "suppressed": lambda alice, topic: alice.suppress(SuppressionReason.ADMIN, make_cause()),
    "left everything": lambda alice, topic: alice.leave_everything(make_cause()),
}


def _later(hours: int) -> Any:
    return timezone.now() + timedelta(hours=hours)


@pytest.mark.parametrize("with_topic", [True, False])
@pytest.mark.parametrize("past", PASTS)
def test_the_import_does_what_the_verb_does(brand: Brand, news: Topic, file: Path, past: str, with_topic: bool) -> None:
    one = make_recipient(make_brand())
    topic = make_topic(one.brand)
    other = make_recipient(brand)
    PASTS[past](one, topic)
    PASTS[past](other, news)
    cause = make_cause(Source.IMPORT, mailing="", actor="import_optouts", evidence={"file": "list.csv", "line": 2})
    if with_topic:
        one.opt_out(topic.id, cause)
    else:
        one.suppress(SuppressionReason.IMPORT, cause)
    bring_in(file, "email\nalice@example.org\n", *(["--topic", "news"] if with_topic else []))
    assert portrait(one) == portrait(other)
    one.undo_opt_out(topic.id, make_cause(Source.UNDO))
    other.undo_opt_out(news.id, make_cause(Source.UNDO))
    assert portrait(one) == portrait(other)


def portrait(recipient: Recipient) -> list[Any]:
    """State and ledger of a recipient with what differs between two brands replaced: ids by places, times by marks."""
    rows = list(PreferenceChange.objects.filter(recipient_id=recipient.id).order_by("id"))
    places = {row.id: place for place, row in enumerate(rows)} | {None: None}
    fields = ("channel", "state", "source", "reason", "mailing", "actor", "evidence")
    ledger = [
        [getattr(row, name) for name in fields]
        + [row.topic and row.topic.slug, row.settles_at is None, row.replaced["state"], places[row.replaced["change"]]]
        for row in rows
    ]
    present = [
        (row.topic.slug, row.channel, row.state, row.previous_state, places[row.change_id], row.settles_at is None)
        for row in Subscription.objects.filter(recipient_id=recipient.id)
    ]
    above = [(row.reason, places[row.change_id]) for row in Suppression.objects.filter(recipient_id=recipient.id)]
    return [Recipient.objects.filter(id=recipient.id).count(), ledger, present, above]


@pytest.mark.django_db(transaction=True)
def test_ledger_and_state_agree_when_people_click_during_an_import(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("preferences.bulk.BATCH_SIZE", 7)
    monkeypatch.setattr("preferences.bulk.CHUNK_SIZE", 21)
    brand = make_brand(slug="demo")
    news = make_topic(brand)
    people = [f"person{number}@example.org" for number in range(40)]
    file.write_text("\n".join(["email,topic", *(f"{each},{topic}" for each in people for topic in ("news", ""))]))
    clickers = [threading.Thread(target=_click, args=(brand, news, people, seed)) for seed in range(3)]
    for clicker in clickers:
        clicker.start()
    for _ in range(3):
        assert run("import_optouts", file, "--brand", "demo").status == 0
    for clicker in clickers:
        clicker.join()
    assert PreferenceChange.objects.filter(source=Source.IMPORT).exists()
    for address in people:
        _check_chain(make_recipient(brand, address), news)


def _click(brand: Brand, news: Topic, people: list[str], seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(120):
        person = make_recipient(brand, chance.choice(people))
        settles_at = chance.choice([None, _later(1)])
        verbs: list[Callable[[int, Cause], Outcome]] = [person.opt_out, person.opt_in, person.undo_opt_out]
        verb = chance.choices(verbs, [2, 1, 1])[0]
        verb(news.id, make_cause(settles_at=settles_at if verb == person.opt_out else None))
    connection.close()


def _check_chain(person: Recipient, news: Topic) -> None:
    """Each change replaced the one before it, and the state is what the last one says."""
    for topic in (news, None):
        before: tuple[str, int | None] = ("default", None)
        for row in PreferenceChange.objects.filter(recipient_id=person.id, topic=topic).order_by("id"):
            if topic or row.state == "default":
                assert (row.replaced["state"], row.replaced["change"]) == before
            before = (row.state, row.id)
        if topic is None:
            present = Suppression.objects.filter(recipient_id=person.id).values_list("change_id", flat=True)
            assert list(present) == ([before[1]] if before[0] == "out" else [])
        else:
            rows = Subscription.objects.filter(recipient_id=person.id, topic=topic)
            assert list(rows.values_list("state", "change_id")) == ([before] if before[1] else [])
