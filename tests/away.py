"""A Farewell over a PostgreSQL of its own, which tests stop, freeze and start again as faults do."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, LiteralString

import psutil
import psycopg

from config.postgres import EmbeddedServer
from preferences.link_urls import url_of
from preferences.links import Channel, Claims, LinkKey, Purpose, seal
from tests.browser.serving import HOUR, MAKE_BRAND, Farewell

TARGET = "https://www.example.org/offer"


@dataclass(slots=True)
class Lonely:
    """The server, and the database that can be taken from it."""

    directory: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="farewell-away-")))
    settings: dict[str, str] = field(default_factory=dict)
    postgres: EmbeddedServer = field(init=False)
    farewell: Farewell = field(init=False)
    key: LinkKey = field(init=False)

    def __post_init__(self) -> None:
        self.postgres = EmbeddedServer(self.directory / "postgres")
        self.postgres.start()
        own = {"DATABASE_URL": self.postgres.url, "FAREWELL_DATA_DIR": str(self.data)}
        self.farewell = Farewell(own | self.settings)
        printed = self.farewell.manage("shell", "--verbosity", "0", "-c", MAKE_BRAND)
        self.key = LinkKey.from_text(printed.strip().splitlines()[-1])

    @property
    def data(self) -> Path:
        return self.directory / "data"

    def close(self) -> None:
        self.farewell.close()
        self.postgres.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def link(self, address: str, purpose: Purpose = Purpose.UNSUBSCRIBE, mailing: str = "2026-11") -> str:
        """Seal a link of a mail sent an hour ago."""
        target = TARGET if purpose is Purpose.CLICK else ""
        mailing, _, segment = mailing.partition("#")
        sent_at = int(time.time()) - HOUR
        claims = Claims(purpose, Channel.EMAIL, sent_at, "news", mailing, address, target, segment)
        return url_of(self.farewell.url, purpose, seal(self.key, claims))

    def query(self, statement: LiteralString, *values: object) -> list[Any]:
        with psycopg.connect(self.postgres.url) as connection:
            return connection.execute(statement, values).fetchall()

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """The database goes at once, as when its machine loses power, and refuses connections from then on."""
        self.postgres._run("pg_ctl", "stop", "-D", str(self.postgres.directory), "-m", "immediate", "-w")
        try:
            yield
        finally:
            self.postgres._launch()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """The database takes connections and requests and answers none of them, as behind a network that went."""
        postmaster = int((self.postgres.directory / "postmaster.pid").read_text().split()[0])
        processes = [psutil.Process(postmaster)]
        processes += processes[0].children(recursive=True)
        for process in processes:
            process.suspend()
        try:
            yield
        finally:
            for process in reversed(processes):
                process.resume()
