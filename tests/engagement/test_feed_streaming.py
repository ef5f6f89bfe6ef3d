"""A long feed takes no more memory than a short one, and shows how far it is where somebody looks."""

from __future__ import annotations

import os
import pty
import termios
import tracemalloc
from collections.abc import Iterator

import pytest

from engagement.feed import stream
from engagement.feed.positions import FeedCursor
from engagement.feed.stream import InteractionFeed
from engagement.models import Interaction
from preferences.models import Brand
from tests.commands import start
from tests.engagement.feeding import count_up_to, counted_all, only_brand
from tests.engagement.makers import make_interaction

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def brand() -> Iterator[Brand]:
    yield from only_brand()


def make_many(brand: Brand, count: int) -> None:
    row = make_interaction(brand=brand)
    fields = {field.attname: getattr(row, field.attname) for field in Interaction._meta.concrete_fields}
    fields = {name: value for name, value in fields.items() if name not in ("id", "xid")}
    Interaction.objects.bulk_create([Interaction(**fields) for _ in range(count - 1)], batch_size=1_000)


def peak_of(feed: InteractionFeed) -> tuple[int, int]:
    """How many lines were read, and the most bytes that were held meanwhile."""
    tracemalloc.start()
    try:
        count = sum(len(page.lines) for page in feed.read())
        return count, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_ten_times_the_rows_take_the_same_memory(brand: Brand, monkeypatch: pytest.MonkeyPatch) -> None:
    make_many(brand, 3_000)
    monkeypatch.setattr(stream, "PAGE_SIZE", 10)
    count_up_to(Interaction.objects.order_by("id")[299])
    peak_of(InteractionFeed(FeedCursor()))  # what is loaded once, and what is kept of a statement that comes often
    monkeypatch.setattr(stream, "PAGE_SIZE", 100)
    short, least = peak_of(InteractionFeed(FeedCursor()))
    counted_all()
    long, most = peak_of(InteractionFeed(FeedCursor()))
    assert (short, long) == (300, 3_000)
    assert most < 1.5 * least


def test_a_bar_on_a_terminal_shows_how_far_it_is(brand: Brand) -> None:
    make_many(brand, 30)
    counted_all()
    parent, child = pty.openpty()
    termios.tcsetwinsize(child, (24, 80))
    with os.fdopen(parent, "rb", buffering=0) as terminal:
        with start("interactions", "--raw", stderr=child) as process:
            os.close(child)
            assert process.stdout
            assert len(process.stdout.read().splitlines()) == 30
        shown = b""
        try:
            while some := terminal.read(4_096):
                shown += some
        except OSError:  # nobody is at the other end any more
            pass
    assert b"30.0/30.0" in shown
    assert b"line" in shown
