"""The command that hands the feed out."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from engagement.feed.lines import COLUMNS, Line
from engagement.feed.positions import COUNTING, raise_position
from engagement.models import Interaction, Position
from preferences.feed import Cursor
from preferences.models import Brand
from tests.commands import run, start
from tests.engagement.feeding import PATIENCE, count_up_to, counted_all, lines_of, only_brand, revise
from tests.engagement.makers import make_interaction

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def brand() -> Iterator[Brand]:
    yield from only_brand()


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
    deadline, lines = time.monotonic() + PATIENCE, lines_of("--position", "warehouse")
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
        assert process.wait(120) in (141, -signal.SIGPIPE)
        assert process.stderr.read() == b""


def test_all_of_many_rows_come_in_order(many: None) -> None:
    ids = [line["id"] for line in lines_of()]
    assert ids == list(Interaction.objects.order_by("xid", "id").values_list("id", flat=True))
    assert len(ids) == 20_001


# Waiting for more


def next_line(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    assert process.stdout
    line: dict[str, Any] = json.loads(process.stdout.readline())
    return line


def end(process: subprocess.Popen[bytes]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out.decode(), err.decode()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_follower_gets_what_comes_and_ends_when_told(brand: Brand, number: signal.Signals) -> None:
    count_up_to(make_interaction(brand=brand))
    follower = start("interactions", "--follow", "--interval", "0.05", "--position", "warehouse")
    next_line(follower)
    later = [make_interaction(brand=brand), make_interaction(brand=brand)]
    for row in later:
        count_up_to(row)
        assert next_line(follower)["id"] == row.id
    revise(later[0], "machine")
    assert next_line(follower)["type"] == "revision"
    follower.send_signal(number)
    assert end(follower) == (0, "", "")
    assert lines_of("--position", "warehouse") == []


def test_a_follower_tells_in_the_end_where_to_go_on(brand: Brand) -> None:
    """After the last page, of which the last row was not wanted."""
    mine, other = make_interaction(brand=brand), make_interaction()
    count_up_to(other)
    follower = start("interactions", "--brand", "demo", "--follow", "--interval", "0.05")
    assert next_line(follower)["id"] == mine.id
    follower.send_signal(signal.SIGTERM)
    status, out, err = end(follower)
    assert (status, json.loads(out)["cursor"], err) == (0, f"{other.xid}.{other.id}-0.0", "")


def test_a_follower_stops_at_its_limit(brand: Brand) -> None:
    count_up_to(make_interaction(brand=brand))
    follower = start("interactions", "--follow", "--interval", "0.05", "--limit", 2)
    next_line(follower)
    count_up_to(row := make_interaction(brand=brand))
    status, out, err = end(follower)
    assert (status, json.loads(out)["id"], err) == (0, row.id, "")


def test_a_follower_says_at_once_why_there_is_nothing_yet(brand: Brand) -> None:
    follower = start("interactions", "--follow", "--interval", "0.05")
    assert follower.stderr
    assert b"Nothing has been counted yet" in follower.stderr.readline()
    count_up_to(row := make_interaction(brand=brand))
    assert next_line(follower)["id"] == row.id
    follower.send_signal(signal.SIGINT)
    assert end(follower) == (0, "", "")


@pytest.mark.parametrize("interval", ["0", "-1", "nan"])
def test_a_pause_that_makes_no_sense_is_refused(interval: str) -> None:
    result = run("interactions", "--follow", f"--interval={interval}")
    assert (result.status, "--interval is more than 0" in result.err) == (1, True)
