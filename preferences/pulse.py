"""The database's pulse: whether it answers, found out once for all threads of a process.

A database that refuses costs whoever needs it the two seconds of the connection pool, and one that hangs, as behind a
network that went without a word, holds a thread for ever. Either way the threads run out, and pages and links that
need no database stop answering with those that do. So the first trouble makes one thread ask until the database
answers again. Meanwhile whoever needs it is told at once, and whoever waits for an answer is cut off. A statement
that only takes long, or waits for a lock, is left alone: the database answers others.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from os import dup
from select import POLLIN, poll
from typing import Any

import psycopg
from django.db import OperationalError, connections

logger = logging.getLogger(__name__)

_SECONDS_BETWEEN_ROUNDS = 1.0
_SECONDS_BETWEEN_TRIES = 0.25
_LONG_SECONDS = 1.0  # after which it is asked whether the database answers anyone
_SECONDS_TO_ANSWER = 2.0
_TOO_MANY_CONNECTIONS = "53300"  # is an answer: who has a connection goes on


class Pulse:
    def __init__(self) -> None:
        self._is_on = False
        self._is_away = False
        self._waits: dict[psycopg.Connection[Any], float] = {}
        self._thread: threading.Thread | None = None
        self._start_lock = threading.Lock()
        self._news = threading.Event()

    def watch(self) -> None:
        """Watch from now on. Web processes do, and commands whose user waits; others may wait as long as they like."""
        self._is_on = True

    @property
    def is_away(self) -> bool:
        return self._is_away

    def require(self) -> None:
        """Raise `django.db.OperationalError` while the database is known to be away."""
        if self._is_away:
            raise OperationalError("the database did not answer a moment ago")

    def missed(self) -> None:
        """Take notice that no connection could be had: nobody else tries before it is known to work again."""
        if self._is_on:
            self._is_away = True
            self.doubt()

    def doubt(self) -> None:
        """Ask at once whether the database answers."""
        if self._is_on:
            self._news.set()
            self._start()

    @contextmanager
    def waiting(self, connection: psycopg.Connection[Any]) -> Iterator[None]:
        """Wait for an answer over `connection`, and be cut off when there will be none."""
        if not self._is_on:
            yield
            return
        self._waits[connection] = time.monotonic()
        self._start()
        try:
            yield
        finally:
            self._waits.pop(connection, None)

    def _start(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            with self._start_lock:
                if self._thread is None or not self._thread.is_alive():
                    self._thread = threading.Thread(target=self._run, name="farewell-pulse", daemon=True)
                    self._thread.start()

    def _run(self) -> None:
        while True:
            must_look = self._news.wait(_SECONDS_BETWEEN_ROUNDS)
            self._news.clear()
            try:
                while must_look or self._is_away or self._overdue():
                    self._look()
                    must_look = False
                    time.sleep(_SECONDS_BETWEEN_TRIES)
            except Exception:
                logger.exception("the database's pulse was not taken")

    def _overdue(self) -> list[psycopg.Connection[Any]]:
        now = time.monotonic()
        return [connection for connection, since in list(self._waits.items()) if now - since > _LONG_SECONDS]

    def _look(self) -> None:
        was_away, self._is_away = self._is_away, not answers()
        if self._is_away:
            for connection in self._overdue():
                _cut(connection)
        if was_away != self._is_away:
            logger.warning("the database %s", "does not answer" if self._is_away else "answers again")


def answers() -> bool:
    """Ask the database, over a connection of its own, for a sign of life."""
    parameters = connections["default"].get_connection_params()
    try:
        with closing(psycopg.connect(**parameters, autocommit=True)) as connection:
            connection.pgconn.send_query(b"SELECT 1")
            sign = poll()
            sign.register(connection.pgconn.socket, POLLIN)
            return bool(sign.poll(_SECONDS_TO_ANSWER * 1000))
    except psycopg.Error as error:
        return error.sqlstate == _TOO_MANY_CONNECTIONS


def _cut(connection: psycopg.Connection[Any]) -> None:
    """Break the connection under whoever waits for it: they get an error, and the pool a connection to throw away."""
    with suppress(psycopg.Error, OSError), socket.socket(fileno=dup(connection.pgconn.socket)) as line:
        line.shutdown(socket.SHUT_RDWR)


pulse = Pulse()


class WatchedConnection(psycopg.Connection[Any]):
    """A connection whose waits are known to the pulse."""

    def wait(self, *arguments: Any, **options: Any) -> Any:
        try:
            with pulse.waiting(self):
                return super().wait(*arguments, **options)
        finally:
            if self.closed:
                pulse.doubt()
