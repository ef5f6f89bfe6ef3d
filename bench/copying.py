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
_EVENTS_OF_A_VISITOR = 3  # as a message has that gets any
_BATCH = 2_000  # rows of a COPY, as the recorder has it


def measure(stage: Stage) -> list[Line]:
    """Both write from one thread over one connection, from rows in memory to rows that are committed.

    The recorder gets events as a door hands them over, three of each visitor. COPY gets what the recorder has stored of
    them, read back and ready in memory, in transactions of as many. What a turn has stored is taken out again.
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
    """Return the seconds of the recorder and of COPY, and the recorder's processor time. None of a round's visitors was
    seen before."""
    from engagement.recording.recorder import Recorder

    events, recorder, lines = _events(stage, number), Recorder(), list[bytes]()
    mine, cost = _timed(stage, lambda: _record(recorder, events), lines)
    recorder.stop()
    other, _ = _timed(stage, lambda: _copy(stage, list(lines)), [])
    return mine, other, cost


def _events(stage: Stage, round: int) -> list[Any]:
    from engagement.models import Kind
    from engagement.recording.recorder import Event
    from engagement.visitors import Sighting
    from preferences.directory import directory

    links = [directory.open(token, Purpose.UNSUBSCRIBE) for token in traffic.tokens(stage, Purpose.UNSUBSCRIBE, _ROWS)]
    headers = [
        ("GET", agent, "en", "cross-site", "navigate", "document", "?1", *[None] * 6) for agent in traffic.AGENTS
    ]
    visitors = [n // _EVENTS_OF_A_VISITOR for n in range(_ROWS)]
    sightings = [Sighting(headers[n % len(headers)], f"10.{round}.{n // 250}.{n % 250}") for n in visitors]
    return [
        Event(link, Kind.VISIT, "page", sighting, n)
        for n, (link, sighting) in enumerate(zip(links, sightings, strict=True))
    ]


def _record(recorder: Any, events: list[Any]) -> None:
    for event in events:
        recorder.record(event)
    recorder.flush()


def _copy(stage: Stage, lines: list[bytes]) -> None:
    statement: Any = f"COPY engagement_interaction ({_columns()}) FROM STDIN"
    for start in range(0, len(lines), _BATCH):
        with stage.database.transaction(), stage.database.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write(b"".join(lines[start : start + _BATCH]))


def _columns() -> str:
    from engagement.recording.rows import COLUMNS

    return ", ".join(COLUMNS)


def _timed(stage: Stage, work: Callable[[], None], lines: list[bytes]) -> tuple[float, float]:
    """Return the seconds by the clock, and of this process's processor time. The rows that were stored are put into
    `lines`, and taken out of the table again."""
    last = stage.count("SELECT COALESCE(max(xid), 0) FROM engagement_interaction")
    own = psutil.Process()
    busy, start = own.cpu_times(), time.perf_counter()
    work()
    seconds, done = time.perf_counter() - start, own.cpu_times()
    statement: Any = f"COPY (SELECT {_columns()} FROM engagement_interaction WHERE xid > {last}) TO STDOUT"
    with stage.database.cursor() as cursor, cursor.copy(statement) as copy:
        text = b"".join(bytes(block) for block in copy)
    lines += text.splitlines(keepends=True)
    stored = stage.database.execute("DELETE FROM engagement_interaction WHERE xid > %s", [last]).rowcount
    assert stored == _ROWS, f"{stored} rows of {_ROWS} were stored"
    return seconds, (done.user + done.system) - (busy.user + busy.system)
