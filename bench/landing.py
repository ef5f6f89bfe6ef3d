"""The landing page beside a bare Django view of the same bytes, with the recorder at work."""

from __future__ import annotations

from bench import traffic
from bench.load import BenchError, Load, load
from bench.report import Line, say
from bench.rows import shed_rows, wait_for_rows
from bench.server import Server, running
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
            answered, rates, costs = 0, [], []
            for number in range(rounds):
                say(f"landing: round {number + 1} of {rounds}")
                (mine, my_cost), (other, other_cost) = (_visit(requests, server, seconds) for server in (ours, bare))
                rates.append((mine.rate, other.rate))
                costs.append((my_cost, other_cost))
                answered += mine.answered
            stored = wait_for_rows(stage) - before
    shed = shed_rows(stage)
    # The generator stops at its time and leaves a request or two of each connection unread.
    if not answered <= stored + shed <= answered + 2 * rounds * CONNECTIONS:
        raise BenchError(f"{answered} landings were answered, {stored} recorded and {shed} shed")
    recorded = f"{stored:,} interactions stored of {answered:,} pages answered, {shed:,} shed by a full queue"
    return [
        Line.compared("landing", "Landing page, beside a bare view", "pages/s", rates, _AIM),
        Line.compared("landing", "  processor time of its worker", "µs/page", costs),
        Line("landing", "  interactions of it shed", 100 * shed / answered, "%", aim=1, is_limit=True, note=recorded),
    ]


def _visit(requests: list[bytes], server: Server, seconds: int) -> tuple[Load, float]:
    """Load for some seconds; also return the microseconds of processor time that each page took the worker."""
    before = server.busy_seconds
    result = load(requests, server.port, connections=CONNECTIONS, seconds=seconds)
    return result, (server.busy_seconds - before) / result.answered * 1e6
