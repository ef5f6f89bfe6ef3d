"""Where a token's door is."""

from __future__ import annotations

from preferences.links import Purpose

DOORS = {
    Purpose.UNSUBSCRIBE: "u",
    Purpose.ONE_CLICK: "o",
    Purpose.PREFERENCES: "p",
    Purpose.HIDDEN: "h",
    Purpose.OPT_IN: "j",
    Purpose.ACCESS: "d",
    Purpose.CLICK: "c",
    Purpose.OPEN: "i",
}


def url_of(base: str, purpose: Purpose, token: str) -> str:
    """Return the URL of `token` under a brand's `link_base`. Raises KeyError for a purpose without a door."""
    return f"{base}/{DOORS[purpose]}/{token}"
