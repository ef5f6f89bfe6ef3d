from __future__ import annotations

import csv
import io
import json
import random
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from engagement.feed import stream
from engagement.feed.lines import COLUMNS, Line
from engagement.feed.positions import COUNTING, FeedCursor, raise_position
from engagement.feed.stream import InteractionFeed, Wanted
from engagement.models import Interaction, Position, Revision, TrackedLink
from engagement.recording.targets import link_number
from preferences.feed import Cursor
from preferences.models import Brand
from preferences.models.ledger import TransactionId
from tests.commands import run, start
from tests.engagement.makers import make_interaction
from tests.makers import make_brand

_PATIENCE = 60  # seconds; whoever else writes in this cluster holds revisions back
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def brand() -> Iterator[Brand]:
    """A brand, and no interactions before and after: pytest-django leaves tables alone that Django does not manage."""
    _forget_interactions()
    yield make_brand(slug="demo")
    _forget_interactions()


def _forget_interactions() -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE engagement_interaction")


def count_up_to(row: Interaction) -> None:
    """Say that counting has passed the row."""
    row.refresh_from_db()
    raise_position(COUNTING, Cursor(row.xid, row.id))


def count_all() -> None:
    """Say that counting has passed all rows that are complete."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT xid, id FROM engagement_interaction"
            " WHERE xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint ORDER BY xid DESC, id DESC LIMIT 1"
        )
        if row := cursor.fetchone():
            raise_position(COUNTING, Cursor(*row))


def counted_all() -> None:
    """Say that counting has passed all rows, of which none is being written any more."""
    if newest := Interaction.objects.order_by("-xid", "-id").first():
        count_up_to(newest)


def revise(row: Interaction, verdict: str, record: str | None = None) -> Revision:
    """Judge a counted row anew, as a rejudgement does: the revision and the row in one transaction."""
    with transaction.atomic():
        now = Interaction.objects.select_for_update().get(id=row.id)
        record = record or f"{now.kind}{'_machine' if verdict == 'machine' else ''}"
        made = Revision.objects.create(
            **{"interaction_id": row.id, "occurred_at": row.occurred_at, "kind": row.kind},
            **{"brand_id": row.brand_id, "recipient_id": row.recipient_id},
            **{"old_verdict": now.verdict, "new_verdict": verdict, "old_record": now.record, "new_record": record},
            **{"old": {"score": now.score}, "new": {"score": now.score + 1}},
            **{"xid": TransactionId(), "applied_at": timezone.now()},
        )
        Interaction.objects.filter(id=row.id).update(verdict=verdict, record=record, score=now.score + 1)
    return made


def read(feed: InteractionFeed) -> list[dict[str, Any]]:
    return [json.loads(line.as_json()) for page in feed.read() for line in page.lines]


def read_until(feed: InteractionFeed, count: int) -> list[dict[str, Any]]:
    """Read on until there are `count` lines: whoever else writes in this cluster holds revisions back for a moment."""
    lines, deadline = read(feed), time.monotonic() + _PATIENCE
    while len(lines) < count:
        assert time.monotonic() < deadline, f"read {lines} in vain"
        lines += read(feed)
    return lines


def told(lines: list[dict[str, Any]]) -> list[tuple[str, str, int, str]]:
    return [(line["type"], line["action"], line["id"], line["verdict"]) for line in lines]


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
    deadline = time.monotonic() + _PATIENCE
    while (readers[0].rows, readers[1].rows) != (truth, cleaned):
        assert time.monotonic() < deadline, "read in vain"
        for reader in readers:
            reader.read()
    assert sorted(readers[0].seen) == sorted(truth)
    assert len(readers[1].seen) == len(set(readers[1].seen))


# The command.


def lines_of(*arguments: object) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run("interactions", *arguments).lines]


def test_the_command_says_why_there_is_nothing_yet(brand: Brand) -> None:
    make_interaction(brand=brand)
    result = run("interactions")
    assert (result.out, result.status) == ("", 0)
    assert "Nothing has been counted yet" in result.err


def test_a_reader_goes_on_after_its_cursor(brand: Brand) -> None:
    rows = [make_interaction(brand=brand) for _ in range(5)]
    count_up_to(rows[-1])
    first = lines_of("--raw", "--limit", 2)
    rest = lines_of("--since", first[-1]["cursor"])
    assert [line["id"] for line in [*first, *rest]] == [row.id for row in rows]


def test_what_was_left_out_at_the_end_is_not_gone_through_again(brand: Brand) -> None:
    mine, other = make_interaction(brand=brand), make_interaction()
    count_up_to(other)
    lines = lines_of("--brand", "demo")
    assert [(line["type"], line["id"]) for line in lines] == [("interaction", mine.id), ("cursor", None)]
    assert lines[-1]["cursor"] == f"{other.xid}.{other.id}-0.0"
    assert lines_of("--brand", "demo", "--since", lines[-1]["cursor"]) == []


def test_a_position_is_kept_by_name(brand: Brand) -> None:
    rows = [make_interaction(brand=brand) for _ in range(3)]
    count_up_to(rows[1])
    assert [line["id"] for line in lines_of("--position", "warehouse", "--limit", 1)] == [rows[0].id]
    assert [line["id"] for line in lines_of("--position", "warehouse")] == [rows[1].id]
    assert lines_of("--position", "warehouse") == []
    count_up_to(rows[2])
    revise(rows[0], "machine")
    deadline, lines = time.monotonic() + _PATIENCE, lines_of("--position", "warehouse")
    while len(lines) < 2:
        assert time.monotonic() < deadline
        lines += lines_of("--position", "warehouse")
    assert [line["id"] for line in lines] == [rows[2].id, rows[0].id]
    assert len(lines_of("--position", "another")) == 4


def test_a_position_moves_only_when_its_lines_are_out(brand: Brand, monkeypatch: pytest.MonkeyPatch) -> None:
    row = make_interaction(brand=brand)
    count_up_to(row)

    def broken(line: Line) -> str:
        raise RuntimeError

    monkeypatch.setattr(Line, "as_json", broken)
    with pytest.raises(RuntimeError):
        run("interactions", "--position", "warehouse")
    monkeypatch.undo()
    assert [line["id"] for line in lines_of("--position", "warehouse")] == [row.id]


def test_two_readers_under_one_name_are_told(brand: Brand, monkeypatch: pytest.MonkeyPatch) -> None:
    row = make_interaction(brand=brand)
    count_up_to(row)
    write = Line.as_json

    def meanwhile(line: Line) -> str:
        monkeypatch.setattr(Line, "as_json", write)
        run("interactions", "--position", "warehouse")
        return write(line)

    monkeypatch.setattr(Line, "as_json", meanwhile)
    result = run("interactions", "--position", "warehouse")
    assert result.status == 1
    assert "Another reader has moved the position 'warehouse'" in result.err


def test_csv_has_stable_columns_and_no_formulas(brand: Brand) -> None:
    row = make_interaction(brand=brand, agent='=cmd("x")', score=-3, reasons=["a"], verdict="human")
    count_up_to(row)
    rows = list(csv.DictReader(io.StringIO(run("interactions", "--format", "csv").out)))
    assert tuple(rows[0]) == COLUMNS
    shown = {name: rows[0][name] for name in ("agent", "score", "signals", "hard", "old_verdict")}
    assert shown == {"agent": '\'=cmd("x")', "score": "-3", "signals": "test", "hard": "false", "old_verdict": ""}
    assert run("interactions", "--format", "csv", "--no-header").out.startswith("interaction,add,")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--since", "742.16"], "'742.16' is no cursor"),
        (["--since", "yesterday"], "'yesterday' is no cursor"),
        (["--since", "1.2-x"], "is no cursor"),
        (["--since", "1.1-99999999999999.1"], "is ahead of this database"),
        (["--position", "No Name"], "is no name"),
        (["--kinds", "open,opened"], "There is no kind 'opened'. Known: visit,"),
        (["--brand", "nobody"], "There is no brand 'nobody'"),
        (["--limit", "0"], "--limit is 1 or more"),
    ],
)
def test_what_cannot_be_read_is_told_in_a_sentence(arguments: list[str], sentence: str) -> None:
    result = run("interactions", *arguments)
    assert result.status == 1
    assert sentence in result.err


def test_a_cursor_from_before_a_backup_was_restored_is_refused(brand: Brand) -> None:
    row = make_interaction(brand=brand)
    count_up_to(row)
    result = run("interactions", "--since", f"{row.xid}.{row.id + 1}-0.0")
    assert "is ahead of what has been counted" in result.err


def test_a_feed_that_lost_unread_rows_says_so(brand: Brand) -> None:
    rows = [make_interaction(brand=brand) for _ in range(3)]
    count_up_to(rows[2])
    after_first = lines_of("--limit", 1)[0]["cursor"]
    raise_position("pruned", Cursor(rows[1].xid, rows[1].id))
    Interaction.objects.filter(id=rows[1].id).delete()
    assert "retention has dropped lines that were not read" in run("interactions", "--since", after_first).err
    assert [line["id"] for line in lines_of("--since", after_first, "--accept-loss")] == [rows[2].id]
    assert [line["id"] for line in lines_of()] == [rows[0].id, rows[2].id]


def test_a_restored_dump_is_put_in_order_once(brand: Brand) -> None:
    rows = [make_interaction(brand=brand) for _ in range(3)]
    count_up_to(rows[1])
    ahead = 10**15  # as far as another cluster had come
    with connection.cursor() as cursor:
        cursor.execute("UPDATE engagement_interaction SET xid = xid + %s", [ahead])
    Position.objects.filter(name=COUNTING).update(xid=rows[1].xid + ahead)
    assert "come from another database cluster" in run("interactions").err
    assert "3 interactions" in run("interactions", "--after-restore").out
    assert [line["id"] for line in lines_of()] == [rows[0].id, rows[1].id]
    rows[2].refresh_from_db()
    count_up_to(rows[2])
    later = make_interaction(brand=brand)
    count_up_to(later)
    assert [line["id"] for line in lines_of()] == [row.id for row in (*rows, later)]
    assert "2 interactions" in run("interactions", "--after-restore").out
    assert [line["id"] for line in lines_of()] == [row.id for row in (*rows, later)]


@pytest.fixture
def many(brand: Brand) -> None:
    with connection.cursor() as cursor:
        row = make_interaction(brand=brand)
        names = [str(each.column) for each in Interaction._meta.fields if each.column not in ("id", "xid")]
        columns = ", ".join(names)
        cursor.execute(
            f"INSERT INTO engagement_interaction ({columns}) SELECT {columns} FROM engagement_interaction,"
            " generate_series(1, 20000) WHERE id = %s",
            [row.id],
        )
    counted_all()


def test_a_closed_pipe_ends_the_command_quietly(many: None) -> None:
    with start("interactions", "--position", "warehouse") as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(60) in (141, -signal.SIGPIPE)
        assert process.stderr.read() == b""


def test_all_of_many_rows_come_in_order(many: None) -> None:
    ids = [line["id"] for line in lines_of()]
    assert ids == list(Interaction.objects.order_by("xid", "id").values_list("id", flat=True))
    assert len(ids) == 20_001


def test_an_empty_feed_is_no_error(brand: Brand) -> None:
    assert read(InteractionFeed(FeedCursor())) == []
