"""Readers of the feed while others write, count and revise."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from django.db import connection, transaction

from engagement.feed import stream
from engagement.feed.lines import COLUMNS, Line
from engagement.feed.positions import FeedCursor
from engagement.feed.stream import InteractionFeed, Wanted
from engagement.models import Interaction
from preferences.models import Brand
from tests.engagement.feeding import PATIENCE, count_all, counted_all, only_brand, revise
from tests.engagement.makers import make_interaction

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def brand() -> Iterator[Brand]:
    yield from only_brand()


@dataclass
class Reader:
    """Somebody who keeps what the feed tells, and now and then starts anew from the last cursor."""

    wanted: Wanted
    chance: random.Random
    cursor: str = str(FeedCursor())
    rows: dict[int, str] = field(default_factory=dict)
    seen: list[int] = field(default_factory=list)

    def read(self) -> None:
        feed = InteractionFeed(FeedCursor.parse(self.cursor), self.wanted)
        stream.PAGE_SIZE = self.chance.randint(1, 5)
        for page in feed.read():
            for line in page.lines[: self.chance.randint(0, 6)] if self.chance.random() < 0.2 else page.lines:
                self.take(line)
            if page.lines and self.cursor != page.lines[-1].cursor:
                return  # it was interrupted within the page
            self.cursor = str(page.end)

    def take(self, line: Line) -> None:
        values = dict(zip(COLUMNS, line.values, strict=True))
        id, verdict, action = values["id"], values["verdict"], values["action"]
        self.cursor = line.cursor
        if values["type"] == "interaction":
            self.seen.append(id)
        else:
            assert action == "add" or self.rows[id] == values["old_verdict"]
        if action == "add":
            assert id not in self.rows
        if action == "remove":
            del self.rows[id]
        else:
            self.rows[id] = verdict


def write_at_random(brand: Brand, chance: random.Random) -> None:
    """Transactions of some rows that stay open for a while; every fifth is rolled back."""
    for _ in range(12):
        with transaction.atomic():
            for _ in range(chance.randint(1, 4)):
                verdict = chance.choice(["human", "unsure", "machine"])
                make_interaction(brand=brand, kind=chance.choice(["open", "click", "visit"]), verdict=verdict)
            transaction.set_rollback(chance.random() < 0.2)
    connection.close()


def count_and_revise(chance: random.Random, is_over: threading.Event) -> None:
    """Counting and revising one after the other, as the worker does it; what it revises need not be counted yet."""
    while not is_over.is_set():
        count_all()
        if chance.random() < 0.7:
            rows = list(Interaction.objects.all())
            for row in chance.sample(rows, min(len(rows), 3)):
                revise(row, chance.choice(["human", "unsure", "machine"]))
    connection.close()


@pytest.mark.parametrize("seed", range(4))
def test_every_reader_gets_each_row_once_and_ends_with_the_truth(
    brand: Brand, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "PAGE_SIZE", 3)
    is_over = threading.Event()
    arguments = [(brand, random.Random(seed * 100 + number)) for number in range(4)]
    writers = [threading.Thread(target=write_at_random, args=each) for each in arguments]
    counter = threading.Thread(target=count_and_revise, args=(random.Random(seed), is_over))
    readers = [Reader(Wanted(is_cleaned), random.Random(seed)) for is_cleaned in (False, True)]
    for thread in (*writers, counter):
        thread.start()
    while any(writer.is_alive() for writer in writers):
        for reader in readers:
            reader.read()
    is_over.set()
    counter.join()
    counted_all()
    truth = dict(Interaction.objects.values_list("id", "verdict"))
    cleaned = {id: verdict for id, verdict in truth.items() if verdict != "machine"}
    deadline = time.monotonic() + PATIENCE
    while (readers[0].rows, readers[1].rows) != (truth, cleaned):
        assert time.monotonic() < deadline, "read in vain"
        for reader in readers:
            reader.read()
    assert sorted(readers[0].seen) == sorted(truth)
    assert len(readers[1].seen) == len(set(readers[1].seen))
