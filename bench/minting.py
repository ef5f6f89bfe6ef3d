"""Minting and opening links on one core."""

from __future__ import annotations

import time
from statistics import median

from bench.report import Line, say
from bench.stage import Stage
from preferences.links import Channel, Claims, Purpose, seal_many

_AIM = 200_000


def measure(stage: Stage) -> list[Line]:
    from preferences.directory import directory

    rounds, number = (3, 50_000) if stage.is_quick else (7, 200_000)
    claims = Claims(Purpose.UNSUBSCRIBE, Channel.EMAIL, int(time.time()), "news", "2026-11", "-")
    addresses = [f"person{n}@example.org" for n in range(number)]
    minted, opened = [], []
    for turn in range(rounds):
        say(f"minting: round {turn + 1} of {rounds}")
        start = time.perf_counter()
        tokens = list(seal_many(stage.key, claims, addresses))
        minted.append(number / (time.perf_counter() - start))
        sample = tokens[: number // 4]
        start = time.perf_counter()
        for token in sample:
            directory.open(token, Purpose.UNSUBSCRIBE)
        opened.append(len(sample) / (time.perf_counter() - start))
    return [
        Line("minting", "Links minted, one core", median(minted), "links/s", aim=_AIM),
        Line("minting", "Links opened, one core", median(opened), "links/s"),
    ]
