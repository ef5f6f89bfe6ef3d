"""The recorder: how fast it stores interactions, and what `kill -9` takes from it and from the ledger."""

from __future__ import annotations

import time
from statistics import median

from bench import copying, traffic
from bench.landing import CONNECTIONS
from bench.load import BenchError, Load, loading, read
from bench.report import Line, say
from bench.rows import stored_rows
from bench.server import running
from bench.stage import Stage
from preferences.links import Purpose

_SECONDS_BEFORE_KILL = 5


def measure(stage: Stage) -> list[Line]:
    kills = 2 if stage.is_quick else 5
    lines = copying.measure(stage)
    rows, milliseconds, opt_outs, acknowledged = [], [], 0, 0
    for number in range(kills):
        say(f"recorder: kill {number + 1} of {kills}")
        lost, after = _kill_under_landings(stage)
        rows.append(lost)
        milliseconds.append(after)
        lost, taken = _kill_under_opt_outs(stage)
        opt_outs += lost
        acknowledged += taken
    note = f"median of {kills} kills; at most {max(rows):,} rows, {max(milliseconds):,.0f} ms"
    return [
        *lines,
        Line("recorder", "Interactions that kill -9 loses", median(rows), "rows", note=note),
        Line("recorder", "  as milliseconds of traffic", median(milliseconds), "ms"),
        Line(
            "recorder",
            "Acknowledged opt-outs that kill -9 loses",
            opt_outs,
            "opt-outs",
            aim=0,
            is_limit=True,
            note=f"of {acknowledged:,} acknowledged",
        ),
    ]


def _kill_under_landings(stage: Stage) -> tuple[int, float]:
    """Return how many answered landings left no row, and how many milliseconds of the traffic that is."""
    requests = traffic.landings(stage, 5_000)
    before = stored_rows(stage)
    with (
        running("config.wsgi:application", stage.threads) as server,
        loading(requests, server.port, connections=CONNECTIONS, seconds=_SECONDS_BEFORE_KILL + 1) as generator,
    ):
        time.sleep(_SECONDS_BEFORE_KILL)
        server.kill()
        answered = _without_refusals(read(generator)).answered
    lost = max(0, answered - (_settled_rows(stage) - before))
    return lost, lost / answered * _SECONDS_BEFORE_KILL * 1000


def _kill_under_opt_outs(stage: Stage) -> tuple[int, int]:
    """Return how many acknowledged opt-outs are not in the ledger and the state, and how many there were."""
    from preferences.directory import directory

    requests = traffic.one_clicks(stage, 20_000)
    with (
        running("config.wsgi:application", stage.threads) as server,
        loading(requests, server.port, connections=16, seconds=60, is_exact=True) as generator,
    ):
        time.sleep(_SECONDS_BEFORE_KILL)
        server.kill()
        acknowledged = _without_refusals(read(generator)).acknowledged
    tokens = [requests[position].split()[1].decode().removeprefix("/o/") for position in acknowledged]
    wanted = [directory.open(token, Purpose.ONE_CLICK).recipient_id for token in tokens]
    kept = stage.count(
        "SELECT count(*) FROM preferences_subscription AS present"
        " JOIN preferences_preferencechange AS change ON change.id = present.change_id"
        " WHERE present.recipient_id = ANY(%s) AND present.state = 'out' AND change.source = 'one_click'",
        wanted,
    )
    return len(wanted) - kept, len(wanted)


def _without_refusals(result: Load) -> Load:
    """What was killed breaks connections off, but answers nobody with an error."""
    if result.refused or not result.answered:
        raise BenchError(f"{result.refused} of {result.answered} answers before the kill were errors")
    return result


def _settled_rows(stage: Stage) -> int:
    """A COPY whose client was killed ends within moments, and is rolled back unless it had committed."""
    time.sleep(0.5)
    return stored_rows(stage)
