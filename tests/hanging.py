"""Databases that accept a connection and then say nothing, as behind a network or a proxy that went."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from urllib.parse import urlsplit

import psycopg
from django.db import connection


class Line:
    """A way to the test's database that passes everything on, until a client sends `word`: from then on nothing gets
    through, in either direction, for nobody. Connections are still accepted; `calls` counts them."""

    def __init__(self, word: bytes) -> None:
        self.word = word
        self.calls = 0
        self.is_open = Event()
        self.is_open.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lines: list[socket.socket] = []
        Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return url_at(int(self._listener.getsockname()[1]))

    def reopen(self) -> None:
        self.word = b"\0never sent\0"
        self.is_open.set()

    def close(self) -> None:
        self.reopen()
        for line in [self._listener, *self._lines]:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
            line.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client = self._listener.accept()[0]
                self.calls += 1
                server = _database()
                self._lines += [client, server]
                Thread(target=self._pass, args=(client, server, self.word), daemon=True).start()
                Thread(target=self._pass, args=(server, client, None), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, word: bytes | None) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if word and word in data and self.word == word:
                    self.is_open.clear()
                self.is_open.wait()
                target.sendall(data)
            target.shutdown(socket.SHUT_RDWR)


@contextmanager
def line_until(word: bytes) -> Iterator[Line]:
    line = Line(word)
    try:
        yield line
    finally:
        line.close()


@contextmanager
def silent() -> Iterator[str]:
    """The URL of a database that accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield url_at(int(listener.getsockname()[1]))


def url_at(port: int) -> str:
    url = urlsplit(os.environ["DATABASE_URL"])
    user = f"{url.username or 'postgres'}{f':{url.password}' if url.password else ''}"
    return f"postgres://{user}@127.0.0.1:{port}/{connection.settings_dict['NAME']}"


def _database() -> socket.socket:
    """Where the test's own connection goes: a socket of this machine, or a host."""
    with psycopg.connect(**connection.get_connection_params() | {"dbname": "postgres"}) as own:
        host, port = own.info.host, own.info.port
    if not host.startswith("/"):
        return socket.create_connection((host, port))
    line = socket.socket(socket.AF_UNIX)
    line.connect(f"{host}/.s.PGSQL.{port}")
    return line
