"""The interactions that wait in a file while the database is away, in batches, oldest first."""

from __future__ import annotations

import logging
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from uuid import UUID

from django.conf import settings

from engagement.recording.batches import Batch
from engagement.spool.files import Kind, SpoolError, SpoolFile, orphans, tidy, total_bytes

logger = logging.getLogger(__name__)

# What a crash of the machine, not of the process, could take with it: statistics, so nobody waits for the disk.
EVENTS = Kind(
    "events",
    "CREATE TABLE IF NOT EXISTS batch (number INTEGER PRIMARY KEY, row_count INTEGER NOT NULL, body BLOB NOT NULL)",
    is_durable=False,
)


class EventSpool:
    """One process's file, which is there only while something waits."""

    def __init__(self, id: UUID) -> None:
        self.id = id
        self._unreadable_count = 0  # rows of batches that a disk has spoiled
        self._file: SpoolFile | None = None
        self._is_full = False
        self._done_number = -1  # a full disk may keep what was drained from being deleted

    @classmethod
    def of(cls, file: SpoolFile) -> EventSpool:
        spool = cls(file.id)
        spool._file = file
        return spool

    @property
    def is_empty(self) -> bool:
        return self._file is None or not self._file.path.exists()

    def add(self, batch: Batch) -> bool:
        """Take the batch; return False when there is no room, or no disk that works. Never raises."""
        if not settings.FAREWELL_SPOOL_MAX_MB:
            return False
        body = batch.pack()
        try:
            self._file = self._file or SpoolFile.create(EVENTS, self.id)
            if self._is_over(len(body)):
                return False
            row = (batch.number, len(batch.rows), body)
            self._file.open().execute("INSERT OR IGNORE INTO batch VALUES (?, ?, ?)", row)
        except sqlite3.Error as error:
            self._give_up(error)
            return False
        except SpoolError:
            return False
        self._is_full = False
        return True

    def drain(self, write: Callable[[Batch], None]) -> bool:
        """Hand over what waits, and delete what was taken; return whether nothing waits any more, for only then may
        something newer be written. Raises as `write` does, and goes on there the next time."""
        try:
            for batch in self._batches():
                write(batch)
                self._remove(batch.number)
        except sqlite3.Error as error:
            self._give_up(error)
        except SpoolError:
            pass  # which is in the log
        return self.is_empty

    def take_unreadable(self) -> int:
        """Return how many rows could not be read again since the last call."""
        count, self._unreadable_count = self._unreadable_count, 0
        return count

    def close(self) -> None:
        """Let go of the file: what waits in it is another process's now."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _batches(self) -> Iterator[Batch]:
        while not self.is_empty:
            assert self._file is not None
            query = "SELECT number, row_count, body FROM batch WHERE number > ? ORDER BY number LIMIT 1"
            row = self._file.open().execute(query, [self._done_number]).fetchone()
            if row is None:
                self._file.discard()
                return
            number, row_count, body = row
            try:
                yield Batch.unpack(self.id, number, body)
            except (zlib.error, ValueError, KeyError, IndexError) as error:
                logger.error("%s interactions cannot be read again: %s", row_count, type(error).__name__)
                self._unreadable_count += row_count
                self._remove(number)

    def _remove(self, number: int) -> None:
        assert self._file is not None
        self._done_number = number
        with suppress(sqlite3.OperationalError):
            self._file.open().execute("DELETE FROM batch WHERE number = ?", [number])

    def _is_over(self, size: int) -> bool:
        assert self._file is not None
        used = self._file.used_bytes() + total_bytes(EVENTS, self._file)
        if used + size <= settings.FAREWELL_SPOOL_MAX_MB * 1024 * 1024:
            return False
        if not self._is_full:
            logger.error("the spool is full (FAREWELL_SPOOL_MAX_MB): interactions will be shed")
        self._is_full = True
        return True

    def _give_up(self, error: sqlite3.Error) -> None:
        logger.error("the spool of interactions cannot be used: %s: %s", type(error).__name__, error)
        if self._file is not None:
            self._file.set_aside_if_broken(error)


def orphaned() -> Iterator[EventSpool]:
    """Yield what processes that are gone have left, each locked for its turn."""
    tidy(EVENTS)
    for file in orphans(EVENTS):
        yield EventSpool.of(file)
