"""The landing page beside a bare Django view of the same bytes, with the recorder at work."""

from __future__ import annotations

from bench import traffic
from bench.load import BenchError, load
from bench.report import Line, say
from bench.rows import shed_rows, stored_rows, wait_for_rows
from bench.server import running
from bench.stage import Stage

CONNECTIONS = 32
_AIM = 0.5


def measure(stage: Stage) -> list[Line]:
    requests = traffic.landings(stage, 5_000)
    rounds, seconds = (2, 2) if stage.is_quick else (7, 4)
    page = stage.directory / "page.html"
    with running("config.wsgi:application", stage.threads) as ours:
        page.write_bytes(ours.get(requests[0].split()[1].decode()))
        with running("bench.bare:application", stage.threads, {"BENCH_PAGE": str(page)}) as bare:
            for server in (ours, bare):
                load(requests, server.port, connections=CONNECTIONS, seconds=1)
            before = wait_for_rows(stage)
            answered, pairs = 0, []
            for number in range(rounds):
                say(f"landing: round {number + 1} of {rounds}")
                mine = load(requests, ours.port, connections=CONNECTIONS, seconds=seconds)
                other = load(requests, bare.port, connections=CONNECTIONS, seconds=seconds)
                pairs.append((mine.rate, other.rate))
                answered += mine.answered
            stored = wait_for_rows(stage) - before
    # The generator stops at its time and leaves a request or two of each connection unread.
    if not answered <= stored + shed_rows(stage) <= answered + 2 * rounds * CONNECTIONS:
        raise BenchError(f"{answered} landings were answered, {stored} recorded and {shed_rows(stage)} shed")
    return [
        Line.compared("landing", "Landing page, beside a bare view", "pages/s", pairs, _AIM),
        Line(
            "landing",
            "  interactions of it not stored",
            max(0, answered - stored),
            "rows",
            aim=0,
            is_limit=True,
            note=f"{stored:,} stored of {answered:,} answered; {stored_rows(stage):,} in all",
        ),
    ]
