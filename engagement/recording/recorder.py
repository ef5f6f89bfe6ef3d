"""The recorder: interactions go into a bounded queue, and a thread writes them in batches with COPY.

A door only appends to the queue, which takes a microsecond and cannot fail. Judging, hashing and writing happen
on the thread. While the database does not answer, what waits moves into a file (spooled.py) and is written later,
in order and exactly once. A full queue sheds, counts and says so, in the log and as a row that the admin shows.
SIGTERM flushes; `kill -9` loses what was recorded within about the last flush interval (docs/recorder.md). All of it
is statistics, never an opt-out.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil
from uuid import uuid4

from django.conf import settings
from django.db import Error, connection
from django.utils import timezone

from engagement.detection import Facts, Verdict
from engagement.models import RecordingGap
from engagement.recording.batches import Batch, write
from engagement.recording.mentions import Noted
from engagement.recording.rows import Row, Written, copy_row
from engagement.recording.spooled import EventSpool, orphaned
from engagement.visitors import Sighting
from preferences.directory import Link

logger = logging.getLogger(__name__)

_BATCH = 2_000  # rows to a COPY; more gains nothing and holds memory
_SECONDS_BETWEEN_TRIES = 1.0
_SECONDS_TO_STOP = 5.0
_SECONDS_BETWEEN_ADOPTIONS = 30.0
WRITTEN_KEPT = 50_000  # rows that were written and nobody has asked for yet


@dataclass(frozen=True, slots=True)
class Event:
    """One interaction as a door hands it over. `verdict` and `facts` are there when the door had to judge, else the
    recorder judges; `occurred_at` is in seconds since 1970, `visit` the page view's number."""

    link: Link
    kind: str
    answer: str
    sighting: Sighting
    visit: int | None = None
    verdict: Verdict | None = None
    facts: Facts | None = None
    occurred_at: float = field(default_factory=time.time)


class Recorder:
    def __init__(self) -> None:
        self._queue: deque[Event] = deque()
        self._batch: Batch | None = None
        self._written: deque[Written] = deque(maxlen=WRITTEN_KEPT)
        self._shed = 0
        self._shed_since: datetime | None = None
        self._thread: threading.Thread | None = None
        self._start_lock = threading.Lock()
        self._stopping = threading.Event()
        self._write_lock = threading.Lock()
        self._noted = Noted()
        self._process = 0
        self._number = 0
        self._adopted_at = float("-inf")

    def record(self, event: Event) -> None:
        """Take `event`, or shed it when the queue is full. Never blocks, never raises."""
        if len(self._queue) >= settings.FAREWELL_RECORDER_QUEUE_SIZE:
            self._count_shed(1)
            return
        self._queue.append(event)
        if self._thread is None or not self._thread.is_alive():
            self._start()

    @property
    def waiting_count(self) -> int:
        return len(self._queue)

    @property
    def shed_count(self) -> int:
        return self._shed

    def take_written(self) -> list[Written]:
        """Return whom the rows that were written since the last call speak of; the newest `WRITTEN_KEPT` at most."""
        return [self._written.popleft() for _ in range(len(self._written))]

    def flush(self) -> None:
        """Write everything that waits now, in the caller's thread. Raises `django.db.Error` when it cannot.

        What waits in the process's file comes first: it is older. What comes meanwhile is left for the next time:
        running after it would end in a commit for every few rows.
        """
        with self._write_lock:
            if not self._own_spool().drain(self._write_late):
                return
            for _ in self._turns():
                self._write_batch()
            self._report_shed()

    def spool(self) -> bool:
        """Move everything that waits now into the process's file; return whether nothing is left in memory."""
        with self._write_lock:
            return self._spool_all()

    def adopt(self) -> None:
        """Write what processes that are gone have left in their files. Raises `django.db.Error` when it cannot."""
        for spool in orphaned():
            spool.drain(self._write_late_beside)
            self._count_shed(spool.take_unreadable())

    def stop(self) -> None:
        """End the thread after a last flush, and wait for it."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def _start(self) -> None:
        with self._start_lock:
            if self._thread is None or not self._thread.is_alive():
                # Not a daemon: the interpreter waits for it at exit, and that is what flushes after SIGTERM.
                self._thread = threading.Thread(target=self._run, name="farewell-recorder", daemon=False)
                self._thread.start()

    def _run(self) -> None:
        main = threading.main_thread()
        try:
            while main.is_alive() and not self._stopping.is_set():
                main.join(settings.FAREWELL_RECORDER_FLUSH_SECONDS)  # at SIGTERM there is nothing to wait for
                if not self._try_flush():
                    main.join(_SECONDS_BETWEEN_TRIES)
            self._flush_at_exit()
        finally:
            connection.close()

    def _try_flush(self) -> bool:
        try:
            self.flush()
            self._adopt_now_and_then()
        except Error as error:
            logger.warning("interactions wait, the database does not answer: %s", type(error).__name__)
            connection.close()
            self.spool()
            return False
        except Exception:
            logger.exception("interactions of one batch were dropped")
            self._count_shed(len(self._batch.rows) if self._batch else 0)
            self._batch = None
        return True

    def _adopt_now_and_then(self) -> None:
        if time.monotonic() - self._adopted_at > _SECONDS_BETWEEN_ADOPTIONS:
            self.adopt()
            self._adopted_at = time.monotonic()

    def _flush_at_exit(self) -> None:
        """Write what waits, or leave it in the file for the next process."""
        deadline = time.monotonic() + _SECONDS_TO_STOP
        while not self._leave() and time.monotonic() < deadline:
            time.sleep(_SECONDS_BETWEEN_TRIES / 4)
        if lost := len(self._queue) + (len(self._batch.rows) if self._batch else 0):
            logger.error("%s interactions were lost at exit, the database did not answer", lost)
        self._own_spool().close()

    def _leave(self) -> bool:
        if self._own_spool().is_empty:
            self._try_flush()
        else:
            self.spool()
        return not (self._queue or self._batch)

    def _own_spool(self) -> EventSpool:
        """The file of this process; after a fork, another than its parent's."""
        if self._process != os.getpid():
            self._process, self._number, self._spool = os.getpid(), 0, EventSpool(uuid4())
        return self._spool

    def _turns(self) -> range:
        return range(ceil(len(self._queue) / _BATCH) + bool(self._batch))

    def _write_batch(self) -> None:
        self._batch = self._batch or self._take()
        self._store(self._batch)
        self._batch = None

    def _write_late(self, batch: Batch) -> None:
        """Write what was in the file; what comes meanwhile goes to its end before it gets too much for the queue."""
        self._store(batch)
        if self._is_crowded():
            self._spool_all()

    def _write_late_beside(self, batch: Batch) -> None:
        """Write what was in another process's file, which no order ties to this one's."""
        with self._write_lock:
            self._store(batch)
        if self._is_crowded():
            self.flush()

    def _is_crowded(self) -> bool:
        return len(self._queue) * 2 > settings.FAREWELL_RECORDER_QUEUE_SIZE

    def _store(self, batch: Batch) -> None:
        self._noted.note(batch.mentions)
        outcome = write(batch)
        self._written.extend(outcome.written)
        self._count_shed(outcome.refused_count)

    def _spool_all(self) -> bool:
        spool = self._own_spool()
        for _ in self._turns():
            self._batch = self._batch or self._take()
            if not spool.add(self._batch):
                return False
            self._batch = None
        return True

    def _take(self) -> Batch:
        events = [self._queue.popleft() for _ in range(min(len(self._queue), _BATCH))]
        spool = self._own_spool()
        self._number += 1
        rows = [row for event in events if (row := self._row(event))]
        return Batch(spool.id, self._number, rows, self._noted.new_of(event.link for event in events))

    def _row(self, event: Event) -> Row | None:
        try:
            return copy_row(event)
        except Exception:
            logger.exception("an interaction was dropped")
            self._count_shed(1)
            return None

    def _count_shed(self, count: int) -> None:
        if count:
            self._shed += count
            self._shed_since = self._shed_since or timezone.now()

    def _report_shed(self) -> None:
        self._count_shed(self._own_spool().take_unreadable())
        if not self._shed or self._shed_since is None:
            return
        count, since = self._shed, self._shed_since
        RecordingGap.objects.create(started_at=since, ended_at=timezone.now(), lost_count=count)
        logger.warning("%s interactions were not recorded since %s: the queue was full", count, since.isoformat())
        self._shed -= count
        self._shed_since = None


recorder = Recorder()
