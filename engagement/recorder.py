"""The recorder: interactions go into a bounded queue, and a thread writes them in batches with COPY.

A door only appends to the queue, which takes a microsecond and cannot fail. Judging, hashing and writing happen
on the thread. A full queue sheds, counts and says so, in the log and as a row that the admin shows. SIGTERM
flushes; `kill -9` loses what was recorded within about the last flush interval (docs/recorder.md). All of it is
statistics, never an opt-out.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import ceil

from django.conf import settings
from django.db import DataError, Error, IntegrityError, connection
from django.utils import timezone

from engagement import partitions
from engagement.detection import Facts, Verdict
from engagement.models import Mailing, RecordingGap, TrackedLink
from engagement.rows import COLUMNS, Row, Written, copy_row
from engagement.targets import link_number, stored_url
from engagement.visitors import Sighting
from preferences.directory import Link

logger = logging.getLogger(__name__)

_BATCH = 2_000  # rows to a COPY; more gains nothing and holds memory
_SECONDS_BETWEEN_TRIES = 1.0
_SECONDS_TO_STOP = 5.0
WRITTEN_KEPT = 50_000  # rows that were written and nobody has asked for yet
_COPY = f"COPY engagement_interaction ({', '.join(COLUMNS)}) FROM STDIN"


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
        self._batch: list[Row] = []
        self._written: deque[Written] = deque(maxlen=WRITTEN_KEPT)
        self._shed = 0
        self._shed_since: datetime | None = None
        self._thread: threading.Thread | None = None
        self._start_lock = threading.Lock()
        self._stopping = threading.Event()
        self._write_lock = threading.Lock()
        self._known_mailings: set[tuple[int, str]] = set()
        self._known_links: set[tuple[int, str, str]] = set()

    def record(self, event: Event) -> None:
        """Take `event`, or shed it when the queue is full. Never blocks, never raises."""
        if len(self._queue) >= settings.FAREWELL_RECORDER_QUEUE_SIZE:
            self._shed += 1
            self._shed_since = self._shed_since or timezone.now()
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

        What comes meanwhile is left for the next time: running after it would end in a commit for every few rows.
        """
        with self._write_lock:
            for _ in range(ceil(len(self._queue) / _BATCH) + bool(self._batch)):
                self._write_batch()
            self._report_shed()

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
        except Error as error:
            logger.warning("interactions wait, the database does not answer: %s", type(error).__name__)
            connection.close()
            return False
        except Exception:
            logger.exception("interactions of one batch were dropped")
            self._shed += len(self._batch)
            self._shed_since = self._shed_since or timezone.now()
            self._batch = []
        return True

    def _flush_at_exit(self) -> None:
        deadline = time.monotonic() + _SECONDS_TO_STOP
        while (not self._try_flush() or self._queue) and time.monotonic() < deadline:
            time.sleep(_SECONDS_BETWEEN_TRIES / 4)
        if lost := len(self._queue) + len(self._batch):
            logger.error("%s interactions were lost at exit, the database did not answer", lost)

    def _write_batch(self) -> None:
        if not self._batch:
            self._batch = self._take()
        try:
            self._copy(self._batch)
        except (DataError, IntegrityError) as error:
            self._rescue(error)
        self._written.extend(row.about for row in self._batch)
        self._batch = []

    def _take(self) -> list[Row]:
        rows: list[Row] = []
        while self._queue and len(rows) < _BATCH:
            event = self._queue.popleft()
            self._note_mailing(event.link)
            if event.link.claims.target:
                self._note_link(event.link)
            rows.append(copy_row(event))
        return rows

    def _copy(self, rows: list[Row]) -> None:
        # Django turns psycopg's errors into its own for execute() alone, so that copy() has to ask for it.
        with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(_COPY) as copy:
            copy.write("".join([row.line for row in rows]).encode())

    def _rescue(self, error: Error) -> None:
        """A batch was refused: make the months it needs, and if that was not it, drop only the rows at fault."""
        for month in {row.line[:7] for row in self._batch}:
            year, number = month.split("-")
            partitions.make_partitions(datetime(int(year), int(number), 1, tzinfo=UTC).date(), months=1)
        for start in range(0, len(self._batch), 100):
            self._rescue_rows(self._batch[start : start + 100])

    def _rescue_rows(self, rows: list[Row]) -> None:
        try:
            self._copy(rows)
        except (DataError, IntegrityError) as error:
            if len(rows) > 1:
                for row in rows:
                    self._rescue_rows([row])
                return
            logger.error("one interaction could not be stored: %s", type(error).__name__)
            self._shed += 1
            self._shed_since = self._shed_since or timezone.now()

    def _note_mailing(self, link: Link) -> None:
        """A mailing that an authentic link names appears by itself."""
        known = (link.brand.id, link.claims.mailing)
        if link.claims.mailing and known not in self._known_mailings:
            if len(self._known_mailings) > 100_000:
                self._known_mailings.clear()
            mailing = Mailing(brand_id=known[0], slug=known[1], channel=link.claims.channel)
            Mailing.objects.bulk_create([mailing], ignore_conflicts=True)
            self._known_mailings.add(known)

    def _note_link(self, link: Link) -> None:
        """So does a target that an authentic link leads to."""
        url = stored_url(link.claims.target)
        known = (link.brand.id, link.claims.mailing, url)
        if known not in self._known_links:
            if len(self._known_links) > 100_000:
                self._known_links.clear()
            row = TrackedLink(brand_id=known[0], mailing=known[1], number=link_number(url), url=url)
            TrackedLink.objects.bulk_create([row], ignore_conflicts=True)
            self._known_links.add(known)

    def _report_shed(self) -> None:
        if not self._shed or self._shed_since is None:
            return
        count, since = self._shed, self._shed_since
        RecordingGap.objects.create(started_at=since, ended_at=timezone.now(), lost_count=count)
        logger.warning("%s interactions were not recorded since %s: the queue was full", count, since.isoformat())
        self._shed -= count
        self._shed_since = None


recorder = Recorder()
