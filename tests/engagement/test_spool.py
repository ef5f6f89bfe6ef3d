"""Files that hold what the database cannot take: who owns one, who inherits it, and what a bad disk does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from engagement.spool import files
from engagement.spool.files import Kind, SpoolError, SpoolFile, orphans, read_each, total_bytes

NOTES = Kind("notes", "CREATE TABLE IF NOT EXISTS note (text TEXT)", is_durable=True)
ROOT = Path(__file__).resolve().parents[2]
# Another process, which keeps a note and then dies or goes on, as its argument says.
_OTHER = """
import os, signal, sys
from django.conf import settings
settings.configure(FAREWELL_DATA_DIR=sys.argv[1])
from engagement.spool.files import Kind, SpoolFile
file = SpoolFile.create(Kind("notes", "CREATE TABLE IF NOT EXISTS note (text TEXT)", is_durable=True))
file.open().execute("INSERT INTO note VALUES ('from another process')")
print("kept", flush=True)
if sys.argv[2] == "die":
    os.kill(os.getpid(), signal.SIGKILL)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def data(settings: Any, tmp_path: Path) -> Path:
    settings.FAREWELL_DATA_DIR = tmp_path / "data"
    return tmp_path / "data"


def make_file(*notes: str) -> SpoolFile:
    file = SpoolFile.create(NOTES)
    for note in notes:
        file.open().execute("INSERT INTO note VALUES (?)", [note])
    return file


def other_process(data: Path, then: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", _OTHER, str(data), then],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "kept\n"
    return process


def notes_of(database: Any) -> list[str]:
    return [text for (text,) in database.execute("SELECT text FROM note ORDER BY rowid")]


def test_a_file_whose_process_was_killed_is_an_orphan(data: Path) -> None:
    other_process(data, "die").communicate(timeout=120)
    assert [notes_of(file.open()) for file in orphans(NOTES)] == [["from another process"]]


def test_a_file_whose_process_lives_is_nobody_elses_but_can_be_read(data: Path) -> None:
    process = other_process(data, "live")
    try:
        assert list(orphans(NOTES)) == []
        assert [notes_of(database) for database in read_each(NOTES)] == [["from another process"]]
    finally:
        process.communicate(timeout=120)
    assert len(list(orphans(NOTES))) == 1


def test_a_process_does_not_adopt_its_own_file() -> None:
    file = make_file("mine")
    assert list(orphans(NOTES)) == []
    file.close()
    assert [notes_of(orphan.open()) for orphan in orphans(NOTES)] == [["mine"]]


def test_what_was_drained_leaves_nothing_behind(data: Path) -> None:
    file = make_file("one")
    file.discard()
    file.close()
    assert list((data / "spool").iterdir()) == []


def test_an_orphan_is_gone_once_it_was_discarded(data: Path) -> None:
    make_file("one").close()
    for orphan in orphans(NOTES):
        orphan.open()
        orphan.discard()
    assert list((data / "spool").iterdir()) == []


def test_a_discarded_file_can_be_begun_anew() -> None:
    file = make_file("one")
    file.discard()
    file.open().execute("INSERT INTO note VALUES ('two')")
    assert [notes_of(database) for database in read_each(NOTES)] == [["two"]]
    file.close()


def test_only_the_owner_of_the_data_may_read_it(data: Path) -> None:
    file = make_file("secret")
    assert (data / "spool").stat().st_mode & 0o077 == 0
    assert {path.stat().st_mode & 0o077 for path in (data / "spool").iterdir()} == {0}
    file.close()


def test_each_commit_of_a_durable_file_waits_for_the_disk() -> None:
    file = make_file()
    assert file.open().execute("PRAGMA synchronous").fetchone() == (2,)
    file.close()


def test_the_room_that_is_free_again_counts_as_free() -> None:
    file = make_file()
    file.open().execute("INSERT INTO note VALUES (?)", ["x" * 1_000_000])
    assert file.used_bytes() > 1_000_000
    file.open().execute("DELETE FROM note")
    assert file.used_bytes() < 100_000
    file.close()


def test_the_room_that_others_take_is_seen() -> None:
    file, other = make_file("mine"), make_file("x" * 100_000)
    assert total_bytes(NOTES, but=file) >= other.path.stat().st_size > 0
    assert total_bytes(NOTES, but=other) < total_bytes(NOTES, but=file)
    file.close()
    other.close()


def test_a_broken_file_is_set_aside_and_a_new_one_begun(data: Path, caplog: pytest.LogCaptureFixture) -> None:
    make_file("one").close()
    [path] = (data / "spool").glob("*.sqlite3")
    path.write_bytes(b"this is no database" * 1000)
    for orphan in orphans(NOTES):
        with pytest.raises(SpoolError):
            orphan.open()
    assert "cannot be opened" in caplog.text
    assert [path.suffix for path in (data / "spool").iterdir()] == [".broken"]


def test_a_directory_that_cannot_be_written_is_said(data: Path, caplog: pytest.LogCaptureFixture) -> None:
    data.write_text("a file in its place")
    with pytest.raises(SpoolError):
        SpoolFile.create(NOTES)
    assert "cannot be made" in caplog.text


def test_locks_without_a_file_are_tidied_away(data: Path) -> None:
    kept = SpoolFile.create(NOTES)
    dead = SpoolFile.create(NOTES)
    os.close(dead._lock)  # as the kernel does for a killed process
    files.tidy(NOTES)
    assert [path.name for path in (data / "spool").iterdir()] == [f"notes-{kept.id.hex}.lock"]
    kept.close()
