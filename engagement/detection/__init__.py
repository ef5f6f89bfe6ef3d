"""Was it a person? Facts go in, signals and a verdict come out.

A pure leaf: the standard library and data files, no Django, no database, no settings. `assess` never raises and
what it does not know makes it `unsure`, which by itself opts nobody out.
"""

from __future__ import annotations

from engagement.detection.facts import Context, Facts, PageFacts, Presence, RequestFacts, Trail
from engagement.detection.policy import may_commit
from engagement.detection.rules import Signal
from engagement.detection.verdict import (
    RULES_VERSION,
    Value,
    Verdict,
    assess,
    assess_click,
    assess_open,
    judge_facts,
    refute,
)

__all__ = [
    "RULES_VERSION",
    "Context",
    "Facts",
    "PageFacts",
    "Presence",
    "RequestFacts",
    "Signal",
    "Trail",
    "Value",
    "Verdict",
    "assess",
    "assess_click",
    "assess_open",
    "judge_facts",
    "may_commit",
    "refute",
]
