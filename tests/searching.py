"""How far property tests look: at the same examples in each run, so that a change alone can turn it red; with
FAREWELL_SEARCH=20, as `make search` sets it, at new ones each time, and twenty times as many."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

_TIMES = int(os.environ.get("FAREWELL_SEARCH") or 0)


def examples(number: int) -> settings:
    """Return settings for a test that looks at `number` examples. A busy machine is no fault of what is tested, and
    each example makes what it needs anew."""
    return settings(max_examples=number * (_TIMES or 1), deadline=None, suppress_health_check=list(HealthCheck))


def load() -> None:
    """Let this be so for tests that do not say their number."""
    same = not _TIMES
    settings.register_profile("farewell", examples(100), derandomize=same, database=None, print_blob=not same)
    settings.load_profile("farewell")
