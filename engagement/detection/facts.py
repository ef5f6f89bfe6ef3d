"""What is known about one visit. Every field has a value for "not known", and none names a person."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """What the HTTP request shows. Header values are as sent, cut to a sane length; "" means absent."""

    method: str = "GET"
    agent: str = ""
    agent_class: str = ""  # "robot", "preview", "scanner", or "" for nothing known against it
    has_accept_language: bool = False
    fetch_site: str = ""
    fetch_mode: str = ""
    fetch_dest: str = ""
    fetch_user: str = ""
    purpose: str = ""  # Sec-Purpose, Purpose, X-Purpose or X-Moz
    client_hints: str = ""  # Sec-CH-UA
    platform: str = ""  # Sec-CH-UA-Platform
    network: str = ""  # a name from data/networks.json, "" when in none


@dataclass(frozen=True, slots=True)
class Presence:
    """Counts of what a hand did on the page so far, only from events the browser calls trusted.

    `spots` are pointer positions at least 4 px apart, `touches` finger presses, `keys` key presses without
    repeats, `scrolls` wheel turns and finger moves; `untrusted` counts events made by a script.
    """

    spots: int = 0
    touches: int = 0
    keys: int = 0
    scrolls: int = 0
    untrusted: int = 0

    @property
    def is_shown(self) -> bool:
        """Measured: Chromium reports the resting pointer to a new page as one spot, a capture engine makes two."""
        return self.spots >= 3 or self.touches > 0 or self.keys > 0 or self.scrolls > 0


@dataclass(frozen=True, slots=True)
class PageFacts:
    """What the page's script reports."""

    webdriver: bool = False
    framed: bool = False
    prerendered: bool = False
    visible: bool = False
    focused: bool = False
    presence: Presence = field(default_factory=Presence)

    @classmethod
    def from_json(cls, value: Any) -> PageFacts:
        """Read a report leniently: what is missing or of the wrong type is not known, never an error."""
        report: dict[str, Any] = value if isinstance(value, dict) else {}
        counts = report.get("presence")
        counts = counts if isinstance(counts, dict) else {}
        names = ("spots", "touches", "keys", "scrolls", "untrusted")
        presence = Presence(**{name: _count(counts.get(name)) for name in names})
        flags = {
            name: report.get(name) is True for name in ("webdriver", "framed", "prerendered", "visible", "focused")
        }
        return cls(**flags, presence=presence)


def _count(value: object) -> int:
    return min(value, 1000) if type(value) is int and value > 0 else 0


@dataclass(frozen=True, slots=True)
class Context:
    """What the recorded interactions of the last minutes say about the same visitor (message and network).

    `link_gaps` are the seconds between this visit and the visitor's first visit to each other link of the same
    message, nearest first; `recipients_in_minute` counts the recipients whose links this network opened.
    """

    has_visited_hidden_link: bool = False
    link_gaps: tuple[float, ...] = ()
    recipients_in_minute: int = 1


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything `assess` looks at. `send_age` is in seconds since the mail was sent, None when unknown."""

    request: RequestFacts
    send_age: int | None = None
    page: PageFacts | None = None
    context: Context = field(default_factory=Context)
