"""What it takes to judge one set of facts, in processor time, once everything is warm."""

from __future__ import annotations

import time
from statistics import median

from bench import traffic
from bench.report import Line, say
from bench.stage import Stage

_AIM = 50  # microseconds
_VISITS = 20_000


def measure(stage: Stage) -> list[Line]:
    from engagement.detection import Context, Facts, PageFacts, Presence, Trail, assess, may_commit
    from engagement.networks import network_of
    from engagement.visitors import request_facts

    agent = traffic.AGENTS[0]
    headers = ("POST", agent, "en", "cross-site", "navigate", "document", "?1", None, None, None, None, None, None)
    request = request_facts(headers, network_of("73.0.0.1"))
    page = PageFacts(visible=True, focused=True, styled=True, elapsed=900, presence=Presence(spots=9, span=300))
    context = Context(own=Trail(link_gaps=(40.0, 90.0)), recipient_count=2, was_human=True)
    facts = Facts(request, 3600, page, context, dwell=1.0, day=20_778)
    rounds = 3 if stage.is_quick else 9
    judging, looking = [], []
    for number in range(rounds):
        say(f"detection: round {number + 1} of {rounds}")
        start = time.process_time()
        for _ in range(_VISITS):
            may_commit("balanced", facts, assess(facts))
        judging.append((time.process_time() - start) / _VISITS * 1e6)
        addresses = [f"{n % 200 + 11}.{n // 200 % 250}.{number}.9" for n in range(_VISITS)]
        start = time.process_time()
        for address in addresses:
            network_of(address)
        looking.append((time.process_time() - start) / _VISITS * 1e6)
    return [
        Line("detection", "One set of facts judged", median(judging), "\N{MICRO SIGN}s", aim=_AIM, is_limit=True),
        Line("detection", "A network looked up, none twice", median(looking), "\N{MICRO SIGN}s"),
    ]
