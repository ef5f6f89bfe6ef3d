"""Everyone who visits. A new visitor is one function in one of these modules."""

from __future__ import annotations

import scorecard.driven_robots  # noqa: F401  (enters its visitors among the robots)
from scorecard.http_robots import ROBOTS
from scorecard.people import PEOPLE
from scorecard.visits import Visitor

CAST: tuple[Visitor, ...] = (*ROBOTS.visitors, *PEOPLE.visitors)


def choose(name: str = "", *, is_quick: bool = False) -> list[Visitor]:
    """Return those whose name contains `name`, and of these the ones that a quick run takes."""
    return [visitor for visitor in CAST if name in visitor.name and (visitor.is_quick or not is_quick)]
