"""Whether a worker's memory stays flat while visit follows visit."""

from __future__ import annotations

from bench import traffic
from bench.landing import CONNECTIONS
from bench.load import load
from bench.report import Line, say
from bench.rows import wait_for_rows
from bench.server import running
from bench.stage import Stage

_STEPS = (20_000, 50_000, 100_000, 200_000)
_QUICK_STEPS = (5_000, 10_000, 20_000)
_MOST_PER_SECOND = 12_000
_AIM = 16.0  # MiB after the second step, when all that is kept by design is kept


def measure(stage: Stage) -> list[Line]:
    steps, visits, memory = (_QUICK_STEPS if stage.is_quick else _STEPS), 0, {}
    with running("config.wsgi:application", stage.threads) as server:
        for step in steps:
            while visits < step:
                say(f"memory: {visits:,} of {steps[-1]:,} visits")
                requests = traffic.landings(stage, 2 * _MOST_PER_SECOND)
                visits += load(requests, server.port, connections=CONNECTIONS, seconds=2).answered
            wait_for_rows(stage)
            memory[visits] = server.memory
    figures = list(memory.values())
    note = ", ".join(f"{size:.0f} MiB after {number:,} visits" for number, size in memory.items())
    growth = figures[-1] - figures[1]
    return [
        Line("memory", "Memory of a worker at the end", figures[-1], "MiB", note=note),
        Line("memory", "  growth once warm", growth, "MiB", aim=_AIM, is_limit=True),
    ]
