"""A signal: one observed fact that leans to human or machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from engagement.detection.facts import Facts


@dataclass(frozen=True, slots=True)
class Signal:
    """One observed fact that leans to human or machine, with its reason in a marketer's words."""

    name: str
    points: int
    reason: str
    is_hard: bool = False


type Rule = Callable[[Facts], Signal | None]
