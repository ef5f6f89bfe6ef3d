from __future__ import annotations

import time

from psycopg import Connection
from psycopg_pool import ConnectionPool

_SECONDS_TRUSTED = 1.0


def check_when_idle(connection: Connection) -> None:
    """Ask a connection for a sign of life, unless it gave one within the last second.

    The pool calls this before each use. A restarted database is so noticed before an opt-out meets a dead connection,
    and under load nobody pays a round trip for it.
    """
    now = time.monotonic()
    if now - getattr(connection, "farewell_seen_at", 0.0) > _SECONDS_TRUSTED:
        ConnectionPool.check_connection(connection)
    connection.farewell_seen_at = now  # type: ignore[attr-defined]
