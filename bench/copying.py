"""The recorder beside plain COPY of the very same rows, in turns: what judging, hashing and batching leave of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import psutil

from bench import traffic
from bench.report import Line, say
from bench.stage import Stage
from preferences.links import Purpose

_AIM = 0.5
_ROWS = 20_000
_BATCH = 2_000  # rows of a COPY, as the recorder has it


def measure(stage: Stage) -> list[Line]:
    """Both write from one thread over one connection, from rows in memory to rows that are committed.

    The recorder gets events as a door hands them over. COPY gets the lines that the recorder makes of the same events,
    ready in memory, in transactions of as many. What a turn has stored is taken out again, so that both find the same.
    """
    rounds = 3 if stage.is_quick else 9
    pairs, costs = [], []
    for number in range(rounds + 1):
        say(f"recorder: beside COPY, round {number} of {rounds}")
        mine, other, cost = _round(stage, number)
        if number:  # the first warms both up
            pairs.append((_ROWS / mine, _ROWS / other))
            costs.append(1e6 * cost / _ROWS)
    return [
        Line.compared("recorder", "Rows recorded, beside plain COPY of the same rows", "rows/s", pairs, _AIM),
        Line("recorder", "  processor time of the recorder's process", median(costs), "µs/row"),
    ]


def _round(stage: Stage, number: int) -> tuple[float, float, float]:
    """Return the seconds of the recorder and of COPY, who take turns at being first, and the recorder's processor time.
    The events have more network addresses than are kept in memory: none is known when its turn comes."""
    from engagement.recording.recorder import Recorder
    from engagement.recording.rows import copy_row

    events = _events(stage, number)
    lines = [copy_row(event).line for event in events]
    recorder = Recorder()
    turns = [lambda: _record(recorder, events), lambda: _copy(stage, lines)]
    order = (0, 1) if number % 2 else (1, 0)
    spent = {turn: _timed(stage, turns[turn]) for turn in order}
    recorder.stop()
    return spent[0][0], spent[1][0], spent[0][1]


def _events(stage: Stage, round: int) -> list[Any]:
    from engagement.models import Kind
    from engagement.recording.recorder import Event
    from engagement.visitors import Sighting
    from preferences.directory import directory

    links = [directory.open(token, Purpose.UNSUBSCRIBE) for token in traffic.tokens(stage, Purpose.UNSUBSCRIBE, _ROWS)]
    headers = [
        ("GET", agent, "en", "cross-site", "navigate", "document", "?1", *[None] * 6) for agent in traffic.AGENTS
    ]
    return [
        Event(link, Kind.VISIT, "page", Sighting(headers[n % len(headers)], f"10.{round}.{n // 250}.{n % 250}"), n)
        for n, link in enumerate(links)
    ]


def _record(recorder: Any, events: list[Any]) -> None:
    for event in events:
        recorder.record(event)
    recorder.flush()


def _copy(stage: Stage, lines: list[str]) -> None:
    from engagement.recording.rows import COLUMNS

    statement: Any = f"COPY engagement_interaction ({', '.join(COLUMNS)}) FROM STDIN"
    for start in range(0, len(lines), _BATCH):
        with stage.database.transaction(), stage.database.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write("".join(lines[start : start + _BATCH]).encode())


def _timed(stage: Stage, work: Callable[[], None]) -> tuple[float, float]:
    """Return the seconds by the clock, and of this process's processor time. The rows are stored, and go again."""
    last = stage.count("SELECT COALESCE(max(xid), 0) FROM engagement_interaction")
    own = psutil.Process()
    busy, start = own.cpu_times(), time.perf_counter()
    work()
    seconds, done = time.perf_counter() - start, own.cpu_times()
    stored = stage.database.execute("DELETE FROM engagement_interaction WHERE xid > %s", [last]).rowcount
    assert stored == _ROWS, f"{stored} rows of {_ROWS} were stored"
    return seconds, (done.user + done.system) - (busy.user + busy.system)
