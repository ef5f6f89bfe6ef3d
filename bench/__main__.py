"""Measures Farewell beside plain programs on this machine, and says where an aim is missed.

Each server is granian with one worker; PostgreSQL is one of its own in a temporary directory, with full durability.
What is compared is measured in turns, one right after the other, and the table shows medians. docs/performance.md
explains the figures.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from pathlib import Path

from bench.load import NO_WRK, WRK, BenchError
from bench.report import Line, say, table

PARTS = ("landing", "commits", "recounting", "counting", "detection", "memory", "minting", "recorder", "tracked")


def main() -> int:
    options = _options()
    if not WRK:
        print(NO_WRK, file=sys.stderr)
    from bench.stage import set_stage

    say("preparing the database")
    stage = set_stage(options.threads, is_quick=options.quick)
    from bench import commits, counting, detecting, landing, memory, minting, recording, recounting, tracked

    modules = {
        "landing": landing,
        "commits": commits,
        "recounting": recounting,
        "counting": counting,
        "detection": detecting,
        "memory": memory,
        "minting": minting,
        "recorder": recording,
        "tracked": tracked,
    }
    lines: list[Line] = []
    started, problem = time.monotonic(), ""
    try:
        for part in options.parts or PARTS:
            lines += modules[part].measure(stage)
    except (BenchError, KeyboardInterrupt) as error:
        problem = str(error) or "stopped"
    say("")
    about = {
        "python": platform.python_version(),
        "postgresql": stage.database.info.server_version // 10_000,
        "threads": options.threads,
        "generator": "wrk" if WRK else "python",
        "seconds": round(time.monotonic() - started),
    }
    print(table(lines))
    print("\n" + ", ".join(f"{name} {value}" for name, value in about.items()))
    if options.json:
        options.json.write_text(json.dumps({**about, "lines": [line.as_json() for line in lines]}, indent=1) + "\n")
    if problem:
        print(f"bench: {problem}", file=sys.stderr)
        return 2
    return 0 if all(line.is_met for line in lines) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"what to measure: {', '.join(PARTS)}; all by default")
    parser.add_argument("--quick", action="store_true", help="few and short rounds: to see that it works")
    parser.add_argument("--threads", type=int, default=4, help="granian's blocking threads (4)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    options = parser.parse_args()
    if unknown := sorted(set(options.parts) - set(PARTS)):
        parser.error(f"there is no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    return options


if __name__ == "__main__":
    sys.exit(main())
