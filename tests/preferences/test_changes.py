from __future__ import annotations

import json
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from preferences.feed import Cursor, Feed
from preferences.links import Channel
from preferences.models import Brand, Cause, Outcome, PreferenceChange, Source, Topic
from preferences.models.subscriptions import SuppressionReason
from tests.commands import STARTED_AS, run, start
from tests.makers import make_brand, make_cause, make_recipient, make_topic

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def news() -> Topic:
    return make_topic(make_brand(slug="demo"))


def opt_out(topic: Topic, address: str) -> int:
    return make_recipient(topic.brand, address).opt_out(topic.id, make_cause()).change_ids[0]


def read(feed: Feed) -> list[int]:
    return [change.cursor.id for page in feed.read() for change in page]


def read_until(feed: Feed, is_enough: Callable[[list[int]], bool]) -> list[int]:
    """Read on until `is_enough`: whoever else writes in this cluster holds the feed back for a moment."""
    ids, deadline = read(feed), time.monotonic() + 120
    while not is_enough(ids):
        assert time.monotonic() < deadline, f"read {ids} in vain"
        ids += read(feed)
    return ids


def changes(count: int, *arguments: object) -> list[dict[str, Any]]:
    """What the command writes, once it is `count` lines."""
    deadline = time.monotonic() + 120
    while len(lines := run("changes", *arguments).lines) != count:
        assert time.monotonic() < deadline, f"waited in vain for {count} changes, got {lines}"
    return [json.loads(line) for line in lines]


@contextmanager
def held_open() -> Iterator[None]:
    """A transaction around verbs, so that their changes commit late. A verb refuses to be part of another one, but
    for the block in which Django's TestCase rolls a test back; this passes for such a block."""
    block = transaction.atomic()
    block._from_testcase = True  # type: ignore[attr-defined]
    with block:
        yield


class Writer(threading.Thread):
    """A writer on a connection of its own, whose transaction stays open until it is told to commit."""

    def __init__(self, topic: Topic, address: str) -> None:
        super().__init__()
        self.topic, self.address = topic, address
        self.has_written, self.may_commit = threading.Event(), threading.Event()
        self.change_id = 0

    def run(self) -> None:
        with held_open():
            self.change_id = opt_out(self.topic, self.address)
            self.has_written.set()
            assert self.may_commit.wait(120)
        connection.close()

    def commit(self) -> None:
        self.may_commit.set()
        self.join()


def test_a_change_that_commits_late_is_not_skipped(news: Topic) -> None:
    late = Writer(news, "late@example.org")
    late.start()
    assert late.has_written.wait(120)
    early = [opt_out(news, f"early{number}@example.org") for number in range(3)]
    feed = Feed(Cursor())
    assert read(feed) == []  # all of it was written after the one that is still open
    late.commit()
    assert read_until(feed, lambda ids: len(ids) == 4) == [late.change_id, *early]


def test_what_was_before_an_open_transaction_is_read_at_once(news: Topic) -> None:
    first = opt_out(news, "alice@example.org")
    feed = Feed(Cursor())
    read_until(feed, lambda ids: ids == [first])
    late = Writer(news, "late@example.org")
    late.start()
    assert late.has_written.wait(120)
    assert read(feed) == []
    late.commit()
    assert read_until(feed, lambda ids: len(ids) == 1) == [late.change_id]


def test_a_change_that_was_rolled_back_is_no_change(news: Topic) -> None:
    with held_open():
        opt_out(news, "alice@example.org")
        transaction.set_rollback(True)
    stays = opt_out(news, "bob@example.org")
    assert read_until(Feed(Cursor()), bool) == [stays]


@pytest.mark.parametrize("seed", range(3))
def test_many_long_writers_at_once_are_read_whole(news: Topic, seed: int) -> None:
    seen = read_while_writing(news, seed, most_at_once=4)
    assert len(seen) == len(set(seen))
    assert set(seen) == set(PreferenceChange.objects.values_list("id", flat=True))


def test_the_changes_of_one_recipient_come_in_the_order_they_took_effect(news: Topic) -> None:
    seen = read_while_writing(news, 7, most_at_once=1)
    recipients = dict(PreferenceChange.objects.values_list("id", "recipient_id"))
    for recipient in set(recipients.values()):
        of_one = [change_id for change_id in seen if recipients[change_id] == recipient]
        assert of_one == sorted(of_one)


def read_while_writing(topic: Topic, seed: int, most_at_once: int) -> list[int]:
    """What a reader sees, who now and then starts anew from its cursor, while six writers are at work."""
    arguments = [(topic, random.Random(seed * 100 + number), most_at_once) for number in range(6)]
    writers = [threading.Thread(target=write_at_random, args=each) for each in arguments]
    feed, seen, chance = Feed(Cursor()), list[int](), random.Random(seed)
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        feed = feed if chance.random() < 0.5 else Feed(feed.cursor)
        seen += read(feed)
    count = PreferenceChange.objects.count()
    return seen + read_until(feed, lambda ids: len(seen) + len(ids) >= count)


def write_at_random(topic: Topic, chance: random.Random, most_at_once: int) -> None:
    """Transactions that change some of the same eight recipients; every fifth is rolled back."""
    for _ in range(25):
        # In one order, so that two transactions never wait for each other.
        numbers = sorted(chance.sample(range(8), chance.randint(1, most_at_once)))
        with held_open():
            for number in numbers:
                alice = make_recipient(topic.brand, f"person{number}@example.org")
                verbs: list[Callable[[int, Cause], Outcome]] = [alice.opt_out, alice.opt_in]
                chance.choice(verbs)(topic.id, make_cause())
            transaction.set_rollback(chance.random() < 0.2)
    connection.close()


def test_every_change_is_told_with_all_that_is_known(news: Topic) -> None:
    until = timezone.now() + timedelta(hours=1)
    cause = make_cause(Source.ARRIVAL, reason="clicked", actor="gateway", evidence={"score": 1}, settles_at=until)
    alice = make_recipient(news.brand, "Älice@example.org")
    [change_id] = alice.opt_out(news.id, cause).change_ids
    [change] = changes(1)
    assert change.pop("changed_at").endswith("Z")
    assert change.pop("cursor").endswith(f".{change_id}")
    assert change == {
        "id": change_id,
        "brand": "demo",
        "topic": "news",
        "channel": "email",
        "address": "älice@example.org",
        "state": "out",
        "frequency": "",
        "paused_until": None,
        "suppression": "",
        "untracked": None,
        "source": "arrival",
        "reason": "clicked",
        "mailing": "2026-11",
        "actor": "gateway",
        "provisional_until": until.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "replaced": {"state": "default", "change": None},
        "evidence": {"score": 1},
    }


def test_a_suppression_has_no_topic(news: Topic) -> None:
    make_recipient(news.brand).suppress(SuppressionReason.ADMIN, make_cause(Source.ADMIN))
    [change] = changes(1)
    assert (change["topic"], change["state"], change["provisional_until"]) == (None, "out", None)
    assert change["untracked"] is False


def test_a_word_about_tracking_stands_above_the_topics_too(news: Topic) -> None:
    make_recipient(news.brand).refuse_tracking(make_cause(Source.ADMIN))
    [change] = changes(1)
    assert (change["topic"], change["state"], change["untracked"]) == (None, "default", True)


def test_a_reader_goes_on_after_its_cursor(news: Topic) -> None:
    ids = [opt_out(news, f"person{number}@example.org") for number in range(5)]
    first = changes(2, "--limit", 2)
    rest = changes(3, "--after", first[-1]["cursor"])
    assert [change["id"] for change in first + rest] == ids
    assert changes(0, "--after", rest[-1]["cursor"]) == []


def test_pages_have_no_seams(news: Topic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("preferences.feed.PAGE_SIZE", 3)
    with held_open():
        ids = [opt_out(news, f"person{number}@example.org") for number in range(10)]
    assert [change["id"] for change in changes(10)] == ids


def test_a_brand_has_its_own_changes(news: Topic) -> None:
    other = make_topic(make_brand(slug="other"))
    mine, theirs = opt_out(news, "alice@example.org"), opt_out(other, "alice@example.org")
    changes(2)
    assert [change["id"] for change in changes(1, "--brand", "demo")] == [mine]
    assert [change["id"] for change in changes(1, "--brand", "other")] == [theirs]


@pytest.mark.parametrize("cursor", ["", "7", "7.", "a.b", "-1.2", "7.8.9", "7.8\n", "9" * 30 + ".1"])
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    result = run("changes", f"--after={cursor}")
    assert (result.status, result.out) == (1, "")
    assert "is no cursor" in result.err


def test_a_cursor_of_another_database_is_refused() -> None:
    assert "comes from another one" in run("changes", "--after", "999999999999.1").err


def test_rows_of_another_cluster_are_noticed_and_can_be_put_in_order(news: Topic) -> None:
    ids = [opt_out(news, f"person{number}@example.org") for number in range(3)]
    PreferenceChange.objects.update(xid=2**50)  # as after a restore: written by transactions not yet begun here
    refused = run("changes")
    assert (refused.status, refused.out) == (1, "")
    assert "changes --after-restore" in refused.err
    assert "3 changes" in run("changes", "--after-restore").out
    assert [change["id"] for change in changes(3)] == ids
    later = opt_out(news, "later@example.org")
    assert [change["id"] for change in changes(4)] == [*ids, later]


@pytest.mark.parametrize("options", [["--limit", "0"], ["--interval", "0"], ["--interval", "nan"]])
def test_numbers_that_make_no_sense_are_refused(options: list[str]) -> None:
    assert run("changes", *options).status == 1


@pytest.fixture
def follower(news: Topic) -> subprocess.Popen[bytes]:
    return start("changes", "--follow", "--interval", "0.05")


def next_id(process: subprocess.Popen[bytes]) -> int:
    assert process.stdout
    return int(json.loads(process.stdout.readline())["id"])


def end(process: subprocess.Popen[bytes]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=120)
    return process.returncode, out.decode(), err.decode()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_follower_gets_what_comes_and_ends_when_told(
    news: Topic, follower: subprocess.Popen[bytes], number: signal.Signals
) -> None:
    for name in ("alice", "bob"):
        change_id = opt_out(news, f"{name}@example.org")
        assert next_id(follower) == change_id
    follower.send_signal(number)
    assert end(follower) == (0, "", "")


def test_a_follower_whose_reader_left_ends_quietly(news: Topic, follower: subprocess.Popen[bytes]) -> None:
    change_id = opt_out(news, "alice@example.org")
    assert next_id(follower) == change_id
    assert follower.stdout
    follower.stdout.close()
    opt_out(news, "bob@example.org")
    assert follower.wait(120) == 141
    assert follower.stderr
    assert follower.stderr.read() == b""
    follower.stderr.close()
    assert follower.stdin
    follower.stdin.close()


def test_a_follower_says_where_to_go_on_when_the_database_went_away(
    news: Topic, follower: subprocess.Popen[bytes]
) -> None:
    change_id = opt_out(news, "alice@example.org")
    assert next_id(follower) == change_id
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s", [STARTED_AS]
        )
    status, _, err = end(follower)
    assert status == 1
    assert "The database went away" in err
    assert f".{change_id} when it is back" in err
    assert "Traceback" not in err


def test_channels_are_told_apart(news: Topic) -> None:
    make_recipient(news.brand, "+14155550123", Channel.SMS).opt_out(news.id, make_cause(Source.SMS_REPLY))
    [change] = changes(1)
    assert (change["channel"], change["address"]) == ("sms", "+14155550123")


def test_no_brand_no_changes() -> None:
    assert not Brand.objects.exists()
    assert changes(0) == []
