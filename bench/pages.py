"""The dashboards as an administrator of all brands asks for them: what their queries take, and the whole page.

Each is asked for a month and for a year, first cold (by a new connection, right after everything was made, with the
operating system's cache of the database's files dropped), then warm.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from math import log
from pathlib import Path
from statistics import median
from typing import Any

from bench import year
from bench.report import Line, say
from bench.stage import Stage

LARGEST = 50_000_000
_LIMIT = 1_000  # milliseconds of all queries of a page
_READINGS = 5
_PERIODS = {"30 days": 30, "a year": 365}
_PAGES = {
    "overview": "engagement_overview",
    "comparison": "engagement_comparison",
    "automations": "engagement_automations",
    "segments": "engagement_segments",
    "who scans": "engagement_scanners",
    "behind a scanner": "engagement_behind_scanner",
    "prevented over time": "engagement_prevented_trend",
    "prevented": "engagement_interaction_prevented",
    "who leaves": "engagement_leaving",
}
_TABLES = "engagement_interaction, " + ", ".join(f"engagement_{name}" for name in year.COUNTED)


@dataclass(frozen=True, slots=True)
class Reading:
    """In milliseconds: the queries of a page, first cold and then warm, and the page as a whole when warm."""

    cold: float
    warm: float
    page: float


def readings(stage: Stage) -> dict[str, Reading]:
    """Read every page; by its name and period."""
    from django.db import connection

    stage.database.execute(f"VACUUM ANALYZE {_TABLES}, preferences_preferencechange")
    pages = _requests(stage)
    say("counting: pages, cold")
    cold = {}
    for name, ask in pages.items():
        connection.close()
        _drop_caches(stage)
        cold[name], _ = _timed(ask)
    found = {}
    for name, ask in pages.items():
        say(f"counting: pages, {name}")
        warm = [_timed(ask) for _ in range(_READINGS)]
        found[name] = Reading(cold[name], *(median(times) for times in zip(*warm, strict=True)))
    return found


def growth(stage: Stage, sizes: tuple[int, int], reads: list[dict[str, Reading]]) -> list[Line]:
    """What the pages take at the larger of two sizes, and how that has grown from the smaller one."""
    return [_line(name, sizes, reads[0][name], now, is_quick=stage.is_quick) for name, now in reads[1].items()]


def _line(name: str, sizes: tuple[int, int], before: Reading, now: Reading, *, is_quick: bool) -> Line:
    """With the milliseconds at 50 million by the power that the growth had: an extrapolation, and said so."""
    small, large = sizes
    power = log(now.warm / before.warm) / log(large / small)
    more = {"stored": large, "cold": now.cold, "page": now.page, "stored_before": small, "warm_before": before.warm}
    words = [f"cold {now.cold:,.0f} ms, the whole page {now.page:,.0f} ms; {before.warm:,.1f} ms at {small:,} stored"]
    if is_quick:
        words.append("smaller sizes than a full run measures, and too small to extrapolate from")
    else:
        then = now.warm * (LARGEST / large) ** max(0.0, power)
        words.append(f"grows with the power {power:.2f}; extrapolated, not measured: {then:,.0f} ms at {LARGEST:,}")
        more |= {"power": power, f"extrapolated_to_{LARGEST}": then}
    label = f"Queries of {name}, {large:,} stored, warm"
    return Line("counting", label, now.warm, "ms", aim=_LIMIT, is_limit=True, note="; ".join(words), more=more)


def _requests(stage: Stage) -> dict[str, Callable[[], object]]:
    from django.contrib.auth.models import User
    from django.test import RequestFactory
    from django.urls import resolve, reverse

    from engagement.models import Mailing

    user, _ = User.objects.get_or_create(username="bench", defaults={"is_superuser": True, "is_staff": True})

    def asking(name: str, *args: object, **chosen: str) -> Callable[[], object]:
        path = reverse(f"admin:{name}", args=args)
        view, places, names = resolve(path)

        def ask() -> object:
            request: Any = RequestFactory().get(path, chosen)
            request.user = user
            return view(request, *places, **names).render()

        return ask

    today = year.now().date()
    days = {name: {"since": str(today - timedelta(days=n - 1)), "until": str(today)} for name, n in _PERIODS.items()}
    found = {f"{page}, {name}": asking(url, **chosen) for page, url in _PAGES.items() for name, chosen in days.items()}
    largest = Mailing.objects.filter(brand_id=stage.brand_id, kind="campaign").latest("delivered_count")
    return {"one mailing": asking("engagement_mailing_figures", largest.pk), **found}


def _timed(ask: Callable[[], object]) -> tuple[float, float]:
    """Return the milliseconds of the queries, and of all of it."""
    from django.db import connection

    spent = 0.0

    def measure(execute: Any, *args: Any) -> Any:
        nonlocal spent
        start = time.perf_counter()
        try:
            return execute(*args)
        finally:
            spent += (time.perf_counter() - start) * 1_000

    start = time.perf_counter()
    with connection.execute_wrapper(measure):
        ask()
    return spent, (time.perf_counter() - start) * 1_000


def _drop_caches(stage: Stage) -> None:
    """Where the system can be asked to. What PostgreSQL itself holds (128 MB, what it touched last) stays."""
    stage.database.execute("CHECKPOINT")
    if not hasattr(os, "posix_fadvise"):
        return
    for path in Path(stage.directory, "postgres", "base").glob("*/*"):
        with suppress(OSError), path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
