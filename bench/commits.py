"""Opt-outs by arrival and by one-click, beside plain transactions that write the same rows."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

from bench import traffic
from bench.load import BenchError, Load, load
from bench.report import Line, say
from bench.server import running
from bench.stage import Stage

CONNECTIONS = 16
# An arrival also looks at all that was recorded around the visitor, and is reviewed after it is written: twice what it
# cost without (0.4) is allowed.
_AIMS = {"arrival": 0.2, "one_click": 0.4}
_MOST_PER_SECOND = 6_000  # requests prepared, so that no recipient comes twice
_DOORS: dict[str, tuple[str, Callable[[Stage, int], list[bytes]]]] = {
    "arrival": ("Opt-out on arrival, beside psycopg", traffic.arrivals),
    "one_click": ("Opt-out by one-click, beside psycopg", traffic.one_clicks),
}


def measure(stage: Stage) -> list[Line]:
    with running("config.wsgi:application", stage.threads) as server:
        return [_measure_door(stage, server.port, source) for source in _DOORS]


def _measure_door(stage: Stage, port: int, source: str) -> Line:
    rounds, seconds = (2, 2) if stage.is_quick else (7, 3)
    name, _ = _DOORS[source]
    _opt_out(stage, port, source, 1)
    _write_raw(source, stage.threads, 1)
    pairs = []
    for number in range(rounds):
        say(f"commits by {source}: round {number + 1} of {rounds}")
        pairs.append((_opt_out(stage, port, source, seconds).rate, _write_raw(source, stage.threads, seconds).rate))
    return Line.compared("commits", name, "commits/s", pairs, _AIMS[source])


def _opt_out(stage: Stage, port: int, source: str, seconds: int) -> Load:
    """Send one round and see that each answer was an opt-out: as many changes as answers, by this source."""
    requests = _DOORS[source][1](stage, seconds * _MOST_PER_SECOND)
    query = "SELECT count(*) FROM preferences_preferencechange WHERE source = %s AND state = 'out'"
    before = stage.count(query, source)
    result = load(requests, port, connections=CONNECTIONS, seconds=seconds)
    written = stage.count(query, source) - before
    if not result.answered <= written <= result.answered + 2 * CONNECTIONS:
        raise BenchError(f"{result.answered} {source} requests were answered and {written} changes written")
    return result


def _write_raw(source: str, threads: int, seconds: int) -> Load:
    command = [sys.executable, "-m", "bench.raw", source, str(threads), str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"the plain transactions failed: {done.stderr.strip()}")
    result = json.loads(done.stdout)
    return Load(result["answered"], result["seconds"], 0, 0)
