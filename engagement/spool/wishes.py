"""Opt-outs that wait for the database, on this machine's disk: each is synced before a door says that it is taken.

What a file tells without Farewell's secrets is the brand, the topic, the time and the recipient's id, a keyed hash.
Address and evidence are sealed.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import astuple, dataclass
from pathlib import Path
from uuid import UUID

from django.conf import settings

from engagement.spool.files import Kind, SpoolError, SpoolFile, directory, orphans, read_each, tidy, total_bytes

logger = logging.getLogger(__name__)

# A wish that the same visitor repeats takes the place of the former, so that nobody fills the disk by pressing on.
WISHES = Kind(
    "optouts",
    """
    CREATE TABLE IF NOT EXISTS wish (
        number INTEGER PRIMARY KEY AUTOINCREMENT, wished_at REAL NOT NULL, brand INTEGER NOT NULL,
        recipient TEXT NOT NULL, topic TEXT NOT NULL, source TEXT NOT NULL, visitor TEXT NOT NULL, sealed TEXT NOT NULL,
        UNIQUE (recipient, topic, source, visitor)
    )
    """,
    is_durable=True,
)
_INSERT = """
INSERT OR REPLACE INTO wish (wished_at, brand, recipient, topic, source, visitor, sealed) VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_PAGE = """
SELECT wished_at, brand, recipient, topic, source, visitor, sealed, number FROM wish
WHERE number > :after AND (:recipients IS NULL OR recipient IN (SELECT value FROM json_each(:recipients)))
ORDER BY number LIMIT 500
"""


@dataclass(frozen=True, slots=True)
class WaitingWish:
    """An opt-out that was accepted and has not taken effect. `wished_at` is in seconds since 1970; `recipient` and
    `visitor` are hexadecimal digits."""

    wished_at: float
    brand_id: int
    recipient: str
    topic: str
    source: str
    visitor: str
    sealed: str
    number: int = 0


class WishSpool:
    """This process's file."""

    def __init__(self) -> None:
        self._file: SpoolFile | None = None
        self._lock = threading.Lock()

    def keep(self, wish: WaitingWish) -> bool:
        """Put the wish on the disk; return whether it is there, and not only on its way."""
        try:
            with self._lock:
                self._file = self._file or SpoolFile.create(WISHES)
                return self._insert(self._file, wish)
        except sqlite3.Error as error:
            logger.error("an opt-out could not be kept: %s: %s", type(error).__name__, error)
            if self._file is not None:
                self._file.set_aside_if_broken(error)
        except SpoolError:
            pass  # which is in the log
        return False

    def drain(self, grant: Callable[[WaitingWish], bool]) -> int:
        """Hand over what waits, oldest first, and delete what was granted; return how many. Raises as `grant` does."""
        if self._file is None or not self._file.path.exists():
            return 0
        count = _drain_file(self._file, grant)
        with self._lock:
            _discard_if_empty(self._file)
        return count

    def _insert(self, file: SpoolFile, wish: WaitingWish) -> bool:
        database = file.open()
        used = file.used_bytes() + total_bytes(WISHES, file)
        if used > settings.FAREWELL_SPOOL_MAX_MB * 1024 * 1024:
            logger.error("the spool of opt-outs is full (FAREWELL_SPOOL_MAX_MB)")
            return False
        database.execute(_INSERT, astuple(wish)[:-1])
        return True


def drain_orphans(grant: Callable[[WaitingWish], bool]) -> int:
    """The same for what processes that are gone have left."""
    count = 0
    tidy(WISHES)
    for file in orphans(WISHES):
        count += _drain_file(file, grant)
        _discard_if_empty(file)
    return count


def drain_of(recipients: Collection[UUID], grant: Callable[[WaitingWish], bool]) -> int:
    """The same for these recipients alone, whichever process of this machine has their wishes."""
    return sum(_drain(database, grant, recipients) for database in read_each(WISHES))


def waiting(recipients: Collection[UUID]) -> list[WaitingWish]:
    """Return what waits of these recipients on this machine, oldest first."""
    found = [wish for database in read_each(WISHES) for page in _pages(database, recipients) for wish in page]
    return sorted(found, key=lambda wish: wish.wished_at)


@dataclass(frozen=True, slots=True)
class Tally:
    """How many opt-outs of a brand wait on this machine, and since when the oldest does, in seconds since 1970."""

    brand_id: int
    count: int
    oldest_at: float


def tallies() -> list[Tally]:
    """Return what waits on this machine by brand."""
    query = "SELECT brand, count(*), min(wished_at) FROM wish GROUP BY brand"
    rows = [row for database in read_each(WISHES) for row in database.execute(query).fetchall()]
    return [
        Tally(brand, sum(count for _, count, _ in own), min(oldest for *_, oldest in own))
        for brand in sorted({row[0] for row in rows})
        if (own := [row for row in rows if row[0] == brand])
    ]


def broken_files() -> list[Path]:
    """Files that were set aside because they could not be read."""
    return sorted(directory().glob(f"{WISHES.name}-*.broken"))


def _drain_file(file: SpoolFile, grant: Callable[[WaitingWish], bool]) -> int:
    try:
        return _drain(file.open(), grant)
    except sqlite3.Error as error:
        logger.error("opt-outs that wait cannot be read: %s: %s", type(error).__name__, error)
        file.set_aside_if_broken(error)
    except SpoolError:
        pass  # which is in the log
    return 0


def _discard_if_empty(file: SpoolFile) -> None:
    with suppress(sqlite3.Error, SpoolError):
        if file.path.exists() and file.open().execute("SELECT 1 FROM wish LIMIT 1").fetchone() is None:
            file.discard()


def _drain(
    database: sqlite3.Connection, grant: Callable[[WaitingWish], bool], recipients: Collection[UUID] | None = None
) -> int:
    count = 0
    for page in _pages(database, recipients):
        for wish in page:
            if grant(wish):
                database.execute("DELETE FROM wish WHERE number = ?", [wish.number])
                count += 1
    return count


def _pages(database: sqlite3.Connection, recipients: Collection[UUID] | None = None) -> Iterator[list[WaitingWish]]:
    ids = None if recipients is None else json.dumps([recipient.hex for recipient in recipients])
    after = 0
    while rows := database.execute(_PAGE, {"after": after, "recipients": ids}).fetchall():
        page = [WaitingWish(*row) for row in rows]
        yield page
        after = page[-1].number
