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


_ENDINGS = {Purpose.OPEN: ".gif"}  # some mail programs fetch a picture only by a picture's name


def url_of(base: str, purpose: Purpose, token: str) -> str:
    """Return the URL of `token` under a brand's `link_base`. Raises KeyError for a purpose without a door."""
    return f"{base}/{DOORS[purpose]}/{token}{_ENDINGS.get(purpose, '')}"


def short_url_of(base: str, code: str) -> str:
    """Return the URL of a short link, which stands for one of the above."""
    return f"{base}/s/{code}"
