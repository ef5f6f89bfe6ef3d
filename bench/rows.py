"""What has reached the database."""

from __future__ import annotations

import time

from bench.stage import Stage

_SECONDS_OF_QUIET = 1.0  # five times as long as the recorder waits before it writes


def stored_rows(stage: Stage) -> int:
    return stage.count("SELECT count(*) FROM engagement_interaction")


def shed_rows(stage: Stage) -> int:
    """The interactions that a recorder had no room for, as it reported them."""
    return stage.count("SELECT coalesce(sum(lost_count), 0) FROM engagement_recordinggap")


def wait_for_rows(stage: Stage) -> int:
    """Wait until the recorder has written all that it holds, and return how many rows are stored."""
    rows = -1
    while rows != (rows := stored_rows(stage)):
        time.sleep(_SECONDS_OF_QUIET)
    return rows
