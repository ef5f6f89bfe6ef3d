"""Everyone who visits."""

from __future__ import annotations

from scorecard.http_robots import ROBOTS

CAST = (*ROBOTS.visitors,)
