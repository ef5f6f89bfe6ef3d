"""How long something takes: by the clock, and by the processor time of this process and of its database connection,
which other programs on the machine do not lengthen much."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil


@dataclass(slots=True)
class Spent:
    """In seconds."""

    wall: float = 0.0
    python: float = 0.0
    database: float = 0.0

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.wall + other.wall, self.python + other.python, self.database + other.database)

    def rate(self, count: int) -> float:
        return count / self.wall

    def words(self, count: int) -> str:
        """What `count` rows cost the processors."""
        python, database = (1e6 * part / count for part in (self.python, self.database))
        rate = 1e6 / max(python + database, 0.001)
        return f"{rate:,.0f} rows/s by processor time: {python:.0f} µs a row in Python, {database:.0f} in PostgreSQL"


@contextmanager
def clock() -> Iterator[Spent]:
    """Measure what runs inside, with Django's connection; the result is filled in at the end."""
    from django.db import connection

    connection.ensure_connection()
    own, backend = psutil.Process(), psutil.Process(connection.connection.info.backend_pid)
    spent = Spent()
    start, python, database = time.perf_counter(), _busy(own), _busy(backend)
    yield spent
    spent.wall = time.perf_counter() - start
    spent.python, spent.database = _busy(own) - python, _busy(backend) - database


def _busy(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
