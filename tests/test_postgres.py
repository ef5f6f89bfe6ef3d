from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from config.postgres import EmbeddedServer

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as parent:
        yield Path(parent) / "postgres"


def ask(server: EmbeddedServer, question: str) -> object:
    with psycopg.connect(server.url) as connection:
        row = connection.execute(question).fetchone()
    assert row
    return row[0]


def is_running(directory: Path) -> bool:
    return (directory / "postmaster.pid").exists()


def test_commits_are_durable(directory: Path) -> None:
    server = EmbeddedServer(directory)
    server.start()
    assert ask(server, "SELECT concat_ws(' ', current_setting('fsync'), current_setting('synchronous_commit'))") == (
        "on on"
    )
    server.stop()


def test_the_last_user_stops_the_server(directory: Path) -> None:
    first, second = EmbeddedServer(directory), EmbeddedServer(directory)
    first.start()
    second.start()
    first.stop()
    assert ask(second, "SELECT 1") == 1
    second.stop()
    assert not is_running(directory)


def test_a_killed_user_does_not_keep_the_server(directory: Path) -> None:
    program = "import sys, pathlib, time; from config.postgres import EmbeddedServer as S\n"
    program += "S(pathlib.Path(sys.argv[1])).start(); print('started', flush=True); time.sleep(600)"
    child = subprocess.Popen([sys.executable, "-c", program, str(directory)], cwd=ROOT, stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"started\n"
    child.kill()
    child.communicate()
    assert is_running(directory)
    server = EmbeddedServer(directory)
    server.start()
    server.stop()
    assert not is_running(directory)


def test_a_process_number_that_another_program_has_by_now_is_no_server(directory: Path) -> None:
    server = EmbeddedServer(directory)
    server.start()
    content = (directory / "postmaster.pid").read_text().splitlines()
    server.stop()
    (directory / "postmaster.pid").write_text("\n".join([str(os.getpid()), *content[1:]]))
    server.start()
    assert ask(server, "SELECT 1") == 1
    server.stop()


@pytest.mark.parametrize("name", ["with space", "with,comma", "quote'd", "long" * 30])
def test_any_path_will_do(directory: Path, name: str) -> None:
    server = EmbeddedServer(directory.with_name(name))
    server.start()
    assert ask(server, "SELECT 1") == 1
    server.stop()


def test_errors_leave_no_address_in_the_log(directory: Path) -> None:
    server = EmbeddedServer(directory)
    server.start()
    with psycopg.connect(server.url) as connection:
        connection.execute("CREATE TEMPORARY TABLE people (address text UNIQUE)")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("INSERT INTO people VALUES ('ada@example.org'), ('ada@example.org')")
    server.stop()
    log = (directory / "log").read_text()
    assert "duplicate key" in log
    assert "ada@example.org" not in log
