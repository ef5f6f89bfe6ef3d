"""Commands on a database that hangs: who waits for an answer is told so, and work that goes on is left alone."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import psycopg
import pytest
from django.db import connection

from tests.browser.serving import wait_until
from tests.commands import ROOT
from tests.hanging import Line, line_until, silent
from tests.makers import make_brand, make_topic

pytestmark = pytest.mark.django_db(transaction=True)
SECONDS = 120  # within which a command that would wait without end has ended
ALICE = "alice@example.org"
ANSWERING = [
    ("explain", ALICE, "--brand", "demo"),
    ("forget", ALICE, "--brand", "demo"),
    ("mailable", "--brand", "demo", "--topic", "news"),
    ("behind_scanner", "--brand", "demo"),
    ("mint", "--brand", "demo", "--topic", "news", "--mailing", "2026-11", "--purpose", "unsubscribe"),
    ("check_ledger",),
]
OTHERS = [("count_interactions",), ("companions", "--brand", "demo"), ("migrate", "--noinput")]


def start(url: str, *command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "manage.py", *command],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": url},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def is_told(command: subprocess.Popen[str]) -> None:
    """That the database does not answer and what to do, in a sentence."""
    try:
        _, err = command.communicate(f"{ALICE}\n", timeout=SECONDS)
    finally:
        command.kill()
    assert command.returncode == 1, err
    assert "The database does not answer" in err
    assert "See that PostgreSQL runs at 127.0.0.1:" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("command", [*ANSWERING, *OTHERS], ids=lambda command: command[0])
def test_who_asks_a_database_that_never_answers_is_told(command: tuple[str, ...]) -> None:
    with silent() as url:
        is_told(start(url, *command))


@pytest.mark.parametrize("command", ANSWERING, ids=lambda command: command[0])
def test_who_waits_for_a_database_that_stopped_answering_is_told(command: tuple[str, ...]) -> None:
    make_topic(make_brand(slug="demo"), slug="news")
    with line_until(b'FROM "preferences_') as line:
        is_told(start(line.url, *command))
        assert not line.is_open.is_set()


def test_an_answer_that_takes_long_is_waited_for() -> None:
    """The database answers others meanwhile, of which the command has seen to more than one time."""
    make_topic(make_brand(slug="demo"), slug="news")
    with line_until(b"\0never sent\0") as line, psycopg.connect(**connection.get_connection_params()) as holder:
        holder.execute("LOCK TABLE preferences_brand")
        command = start(line.url, "explain", ALICE, "--brand", "demo")
        wait_until(lambda: line.calls > 4, "the command asks whether the database answers", SECONDS)
        holder.rollback()
        _, err = command.communicate(timeout=SECONDS)
    assert command.returncode == 0, err


def test_work_that_somebody_left_running_is_never_cut_off() -> None:
    """Though others find that nothing answers."""
    with line_until(b"pg_try_advisory_xact_lock") as line:
        work = start(line.url, "count_interactions")
        wait_until(lambda: not line.is_open.is_set(), "it counts", SECONDS)
        is_told(start(line.url, "check_ledger"))
        assert line.calls < 20
        line.reopen()
        out, err = work.communicate(timeout=SECONDS)
    assert (work.returncode, out) == (0, "0 interactions counted.\n"), err


def test_a_connection_whose_other_end_is_gone_ends() -> None:
    """The kernel gives it up, after five minutes, also where only an answer is waited for."""
    with line_until(b"\0never sent\0") as line:
        found = options(line)
    assert found == {"TCP_USER_TIMEOUT": 300_000, "SO_KEEPALIVE": 1, "TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 15}


def options(line: Line) -> dict[str, int]:
    """As Farewell's own connections have them."""
    host, port = line.url.rpartition("@")[2].partition("/")[0].split(":")
    parameters = connection.get_connection_params() | {"host": host, "port": port}
    with (
        psycopg.connect(**parameters) as opened,
        socket.socket(fileno=os.dup(opened.pgconn.socket)) as its,
    ):
        return {
            "TCP_USER_TIMEOUT": its.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT),
            "SO_KEEPALIVE": its.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE),
            "TCP_KEEPIDLE": its.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
            "TCP_KEEPINTVL": its.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL),
        }
