"""Erasures in the feed of interactions: who has copied rows is told which to delete."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from engagement.feed import stream
from engagement.feed.lines import COLUMNS
from engagement.feed.positions import FeedCursor
from engagement.feed.stream import InteractionFeed, Wanted
from engagement.forgetting import forget
from engagement.models import Interaction
from preferences.feed import FeedError
from preferences.models import Brand, PreferenceChange, Recipient
from tests.engagement.feeding import PATIENCE, count_up_to, lines_of, only_brand, read, read_until, revise
from tests.engagement.makers import make_interaction
from tests.makers import make_brand, make_recipient
from tests.preferences.test_changes import held_open

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def brand() -> Iterator[Brand]:
    yield from only_brand()


@pytest.fixture
def alice(brand: Brand) -> Recipient:
    return make_recipient(brand, "alice@example.org")


def make_row(person: Recipient, **fields: Any) -> Interaction:
    row = make_interaction(brand=person.brand, recipient_id=person.id, **fields)
    count_up_to(row)
    return row


def erase(person: Recipient) -> PreferenceChange:
    forget(person)
    return PreferenceChange.objects.get(recipient_id=person.id, source="erasure")


def persons(lines: list[dict[str, Any]]) -> list[str]:
    return [line["recipient"] for line in lines if line["type"] == "erasure"]


def test_an_erasure_is_told_once_and_names_nobody_but_by_the_hash(alice: Recipient) -> None:
    make_row(alice)
    feed = InteractionFeed(FeedCursor())
    read(feed)
    erasure = erase(alice)
    [line] = read_until(feed, 1)
    assert tuple(line) == COLUMNS
    assert {name: value for name, value in line.items() if value is not None} == {
        "type": "erasure",
        "action": "remove",
        "cursor": str(feed.cursor),
        "brand": "demo",
        "channel": "email",
        "recipient": str(alice.id),
        "occurred_at": erasure.changed_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    }
    assert read(feed) == []
    assert read(InteractionFeed(FeedCursor.parse(line["cursor"]))) == []


@pytest.mark.parametrize("wanted", [Wanted(is_cleaned=True), Wanted(kinds=("open",))])
def test_every_reader_is_told_whatever_it_reads(alice: Recipient, wanted: Wanted) -> None:
    feed = InteractionFeed(FeedCursor(), wanted)
    make_row(alice, kind="open", verdict="human")
    read(feed)
    erase(alice)
    assert persons(read_until(feed, 1)) == [str(alice.id)]


def test_a_brand_s_readers_are_told_of_its_own(alice: Recipient) -> None:
    other = make_recipient(make_brand(slug="other"), "alice@example.org")
    feeds = [InteractionFeed(FeedCursor(), Wanted(brand_id=one.brand_id)) for one in (alice, other)]
    for person in (alice, other):
        make_row(person)
    for feed in feeds:
        read(feed)
    for person in (alice, other):
        erase(person)
    for person, feed in zip((alice, other), feeds, strict=True):
        assert persons(read_until(feed, 1)) == [str(person.id)]


def test_who_begins_is_not_told_of_those_who_are_gone(alice: Recipient) -> None:
    make_row(alice)
    erase(alice)
    bob = make_recipient(alice.brand, "bob@example.org")
    row = make_row(bob)
    before = InteractionFeed(FeedCursor.parse("1.0-0.0"))  # by a cursor of before erasures were told
    assert persons(read_until(before, 2)) == [str(alice.id)]
    feed = InteractionFeed(FeedCursor())
    assert [line["id"] for line in read(feed)] == [row.id]
    erase(bob)
    assert persons(read_until(feed, 1)) == [str(bob.id)]


def test_a_kept_position_is_told_once(alice: Recipient) -> None:
    row = make_row(alice)
    assert [line["id"] for line in lines_of("--position", "warehouse")] == [row.id]
    erase(alice)
    deadline = time.monotonic() + PATIENCE
    while not (lines := lines_of("--position", "warehouse")):
        assert time.monotonic() < deadline
    assert persons(lines) == [str(alice.id)]
    assert lines_of("--position", "warehouse") == []


def test_many_erasures_have_no_seams(brand: Brand, monkeypatch: pytest.MonkeyPatch) -> None:
    people = [make_recipient(brand, f"person{number}@example.org") for number in range(7)]
    feed = InteractionFeed(FeedCursor())
    for person in people:
        make_row(person)
    read(feed)
    for person in people:
        erase(person)
    monkeypatch.setattr(stream, "PAGE_SIZE", 2)
    assert persons(read_until(feed, 7)) == [str(person.id) for person in people]


def test_no_row_of_before_comes_after_the_erasure(alice: Recipient) -> None:
    """Such as one that a web process had in memory, and that will be swept; what comes later is another matter."""
    make_row(alice)
    feed = InteractionFeed(FeedCursor())
    read(feed)
    moment = erase(alice).changed_at
    late = make_row(alice, occurred_at=moment - timedelta(seconds=1))
    new = make_row(alice, occurred_at=moment + timedelta(seconds=1))
    lines = read_until(feed, 2)
    assert [line["id"] for line in lines if line["type"] == "interaction"] == [new.id]
    assert persons(lines) == [str(alice.id)]
    revise(new, "machine")
    assert [line["id"] for line in read_until(feed, 1)] == [new.id]
    assert Interaction.objects.filter(id=late.id).exists()


def test_an_erasure_that_commits_late_is_not_skipped(alice: Recipient) -> None:
    bob = make_recipient(alice.brand, "bob@example.org")
    for person in (alice, bob):
        make_row(person)
    feed = InteractionFeed(FeedCursor())
    read(feed)
    has_erased, may_commit = threading.Event(), threading.Event()

    def erase_slowly() -> None:
        with held_open():
            forget(alice)
            has_erased.set()
            assert may_commit.wait(PATIENCE)
        connection.close()

    writer = threading.Thread(target=erase_slowly)
    writer.start()
    assert has_erased.wait(PATIENCE)
    erase(bob)
    assert read(feed) == []
    may_commit.set()
    writer.join()
    assert persons(read_until(feed, 2)) == [str(alice.id), str(bob.id)]


def test_a_ledger_of_another_cluster_is_noticed(alice: Recipient) -> None:
    make_row(alice)
    erase(alice)
    PreferenceChange.objects.update(xid=2**50)
    with pytest.raises(FeedError, match="changes --after-restore"):
        read(InteractionFeed(FeedCursor()))


@pytest.mark.parametrize("text", ["1.1", "1.1-1.1-1.1-1.1", "1.1-a.b", "-"])
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(FeedError, match="is no cursor"):
        FeedCursor.parse(text)
