"""The redirect of a click and the picture of an open, each beside a bare Django view of the same bytes, with the
recorder at work."""

from __future__ import annotations

import time

from bench import traffic
from bench.load import BenchError, Load, load
from bench.report import Line, say
from bench.rows import shed_rows, wait_for_rows
from bench.server import Server, running
from bench.stage import Stage
from preferences.link_urls import url_of
from preferences.links import Channel, Claims, Purpose, seal_many

CONNECTIONS = 32
_AIM = 0.5
_NAMES = {Purpose.CLICK: "Click's redirect, beside a bare view", Purpose.OPEN: "Mail's pixel, beside a bare view"}
_TARGET = "https://shop.example.org/offers?from=mail"
_IMAGE = "Accept: image/*\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: image\r\n"


def measure(stage: Stage) -> list[Line]:
    from engagement.tracking.answers import PIXEL

    (stage.directory / "pixel.gif").write_bytes(PIXEL)
    environment = {"BENCH_TARGET": _TARGET, "BENCH_PIXEL": str(stage.directory / "pixel.gif")}
    with (
        running("config.wsgi:application", stage.threads) as ours,
        running("bench.bare_tracked:application", stage.threads, environment) as bare,
    ):
        return [line for purpose in _NAMES for line in _measure(stage, purpose, ours, bare)]


def _measure(stage: Stage, purpose: Purpose, ours: Server, bare: Server) -> list[Line]:
    requests = _requests(stage, purpose, 5_000)
    rounds, seconds = (2, 2) if stage.is_quick else (7, 4)
    for server in (ours, bare):
        load(requests, server.port, connections=CONNECTIONS, seconds=1)
    before, shed_before = wait_for_rows(stage), shed_rows(stage)
    answered, rates, costs = 0, [], []
    for number in range(rounds):
        say(f"{purpose}: round {number + 1} of {rounds}")
        (mine, my_cost), (other, other_cost) = (_visit(requests, server, seconds) for server in (ours, bare))
        rates.append((mine.rate, other.rate))
        costs.append((my_cost, other_cost))
        answered += mine.answered
    stored, shed = wait_for_rows(stage) - before, shed_rows(stage) - shed_before
    # The generator stops at its time and leaves a request or two of each connection unread.
    if not answered <= stored + shed <= answered + 2 * rounds * CONNECTIONS:
        raise BenchError(f"{answered} {purpose}s were answered, {stored} recorded and {shed} shed")
    recorded = f"{stored:,} interactions stored of {answered:,} answers, {shed:,} shed by a full queue"
    return [
        Line.compared("tracked", _NAMES[purpose], "answers/s", rates, _AIM),
        Line.compared("tracked", "  processor time of its worker", "µs/answer", costs),
        Line("tracked", "  interactions of it shed", 100 * shed / answered, "%", aim=1, is_limit=True, note=recorded),
    ]


def _requests(stage: Stage, purpose: Purpose, number: int) -> list[bytes]:
    """What recipients' browsers send an hour after the mail: each from a network of its own."""
    target = _TARGET if purpose is Purpose.CLICK else ""
    claims = Claims(purpose, Channel.EMAIL, int(time.time()) - 3600, "news", "2026-11", "-", target)
    links = list(seal_many(stage.key, claims, [f"person{n}@example.org" for n in range(number)]))
    ways = [request.partition(b" HTTP/1.1")[2].decode() for request in traffic.landings(stage, number)]
    if purpose is Purpose.OPEN:
        ways = [way.partition("Accept: text/html")[0] + _IMAGE + "\r\n" for way in ways]
    return [f"GET {url_of('', purpose, token)} HTTP/1.1{way}".encode() for token, way in zip(links, ways, strict=True)]


def _visit(requests: list[bytes], server: Server, seconds: int) -> tuple[Load, float]:
    """Load for some seconds; also return the microseconds of processor time that each answer took the worker."""
    before = server.busy_seconds
    result = load(requests, server.port, connections=CONNECTIONS, seconds=seconds)
    return result, (server.busy_seconds - before) / result.answered * 1e6
