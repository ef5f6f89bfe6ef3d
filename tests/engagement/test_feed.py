"""The feed of interactions: what it tells, and in what order."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engagement.feed.lines import COLUMNS
from engagement.feed.positions import FeedCursor
from engagement.feed.stream import InteractionFeed, Wanted
from engagement.models import Interaction, Revision, TrackedLink
from engagement.recording.targets import link_number
from preferences.feed import Cursor
from preferences.models import Brand
from tests.engagement.feeding import count_up_to, only_brand, read, read_until, revise, told
from tests.engagement.makers import make_interaction

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def brand() -> Iterator[Brand]:
    yield from only_brand()


def test_nothing_shows_before_it_was_counted(brand: Brand) -> None:
    first, second = make_interaction(brand=brand), make_interaction(brand=brand)
    feed = InteractionFeed(FeedCursor())
    assert read(feed) == []
    count_up_to(first)
    assert [line["id"] for line in read(feed)] == [first.id]
    count_up_to(second)
    assert [line["id"] for line in read(feed)] == [second.id]


def test_every_row_is_told_with_all_columns(brand: Brand) -> None:
    url = "https://example.org/sale"
    TrackedLink.objects.create(brand=brand, mailing="2026-11", number=link_number(url), url=url)
    fields = {"kind": "click", "purpose": "click", "answer": "target", "link": link_number(url), "segment": "loyal"}
    row = make_interaction(brand=brand, verdict="human", reasons=["A hand"], domain="example.org", **fields)
    count_up_to(row)
    [line] = read(InteractionFeed(FeedCursor()))
    assert tuple(line) == COLUMNS
    assert line == {
        "type": "interaction",
        "action": "add",
        "cursor": f"{row.xid}.{row.id}-0.0",
        "id": row.id,
        "occurred_at": "2026-11-03T12:00:00.000000Z",
        "brand": "demo",
        "channel": "email",
        "mailing": "2026-11",
        "segment": "loyal",
        "topic": "news",
        "purpose": "click",
        "kind": "click",
        "answer": "target",
        "record": "click",
        "verdict": "human",
        "old_record": None,
        "old_verdict": None,
        "revised_at": None,
        "score": 0,
        "hard": False,
        "signals": [{"name": "test", "points": 0, "hard": False, "reason": "A hand"}],
        "rules": 1,
        "recipient": "00000000-0000-0000-0000-000000000001",
        "visit": 1,
        "network": "192.0.2.0",
        "agent": "Mozilla/5.0",
        "send_age": 12,
        "link": url,
    }


def test_a_row_that_was_revised_before_its_reader_came_is_told_as_it_was(brand: Brand) -> None:
    row = make_interaction(brand=brand, kind="click", verdict="human")
    count_up_to(row)
    revise(row, "machine")
    revise(row, "unsure")
    lines = read_until(InteractionFeed(FeedCursor()), 3)
    assert [(line["verdict"], line["old_verdict"], line["score"]) for line in lines] == [
        ("human", None, 0),
        ("machine", "human", 1),
        ("unsure", "machine", 2),
    ]
    assert [line["action"] for line in lines] == ["add", "change", "change"]


def test_revisions_that_are_only_staged_do_not_show(brand: Brand) -> None:
    row = make_interaction(brand=brand, verdict="human")
    count_up_to(row)
    staged = revise(row, "machine")
    Revision.objects.filter(pk=staged.pk).update(xid=None, applied_at=None)
    assert [line["verdict"] for line in read(InteractionFeed(FeedCursor()))] == ["machine"]


def test_the_cleaned_feed_takes_back_and_gives_back(brand: Brand) -> None:
    person, robot = make_interaction(brand=brand, verdict="human"), make_interaction(brand=brand, verdict="machine")
    count_up_to(robot)
    feed = InteractionFeed(FeedCursor(), Wanted(is_cleaned=True))
    assert told(read(feed)) == [("interaction", "add", person.id, "human")]
    revise(person, "machine")
    revise(robot, "prefetched")
    revise(robot, "unsure")
    revise(robot, "human")
    lines = read_until(feed, 3)
    assert told(lines) == [
        ("revision", "remove", person.id, "machine"),
        ("revision", "add", robot.id, "unsure"),
        ("revision", "change", robot.id, "human"),
    ]
    assert {line["agent"] for line in lines} == {"Mozilla/5.0"}


def test_a_revision_of_a_row_that_is_gone_is_told_without_the_row(brand: Brand) -> None:
    row = make_interaction(brand=brand, verdict="human")
    count_up_to(row)
    feed = InteractionFeed(FeedCursor())
    read(feed)
    revise(row, "machine")
    Interaction.objects.filter(id=row.id).delete()
    [line] = read_until(feed, 1)
    assert (line["id"], line["brand"], line["verdict"], line["agent"]) == (row.id, "demo", "machine", None)


def test_a_row_that_is_gone_is_not_given_back(brand: Brand) -> None:
    row, other = make_interaction(brand=brand, verdict="machine"), make_interaction(brand=brand)
    count_up_to(other)
    feed = InteractionFeed(FeedCursor(), Wanted(is_cleaned=True))
    read(feed)
    revise(row, "human")
    revise(other, "machine")
    Interaction.objects.filter(id=row.id).delete()
    assert told(read_until(feed, 1)) == [("revision", "remove", other.id, "machine")]


def test_a_row_that_was_revised_before_it_was_counted_comes_once(brand: Brand) -> None:
    first, second = make_interaction(brand=brand), make_interaction(brand=brand, verdict="machine")
    count_up_to(first)
    revise(second, "human")
    revise(first, "machine")
    feed = InteractionFeed(FeedCursor(), Wanted(is_cleaned=True))
    assert told(read_until(feed, 2)) == [
        ("interaction", "add", first.id, "unsure"),
        ("revision", "remove", first.id, "machine"),
    ]
    count_up_to(second)
    assert told(read(feed)) == [("interaction", "add", second.id, "human")]


def test_other_brands_and_kinds_are_left_out(brand: Brand) -> None:
    mine = make_interaction(brand=brand, kind="open")
    make_interaction(brand=brand, kind="click")
    other = make_interaction(kind="open")
    count_up_to(other)
    feed = InteractionFeed(FeedCursor(), Wanted(brand_id=brand.id, kinds=("open",)))
    assert [line["id"] for line in read(feed)] == [mine.id]
    assert feed.cursor.rows == Cursor(other.xid, other.id)


def test_an_empty_feed_is_no_error(brand: Brand) -> None:
    assert read(InteractionFeed(FeedCursor())) == []
