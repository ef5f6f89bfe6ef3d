"""What is known about one visit. Every field has a value for "not known", and none names a person."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
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
    network: str = ""  # the name of whom the address belongs to, "" when not known
    network_class: str = ""  # "mail_filter", "mail_security", "gateway", "data_centre", "consumer"; see catalogue


@dataclass(frozen=True, slots=True)
class Presence:
    """Counts of what a hand did on the page so far, only from events the browser calls trusted.

    `spots` are pointer positions at least 4 px apart, seen over `span` milliseconds; `touches` finger presses and
    `keys` key presses that were held for as long as a finger needs; `scrolls` wheel turns and finger moves that went
    on for a while; `presses` clicks on a button; `untrusted` counts events made by a script. docs/detection.md says
    what is measured, and static/hands.js how.
    """

    spots: int = 0
    span: int = 0
    touches: int = 0
    keys: int = 0
    scrolls: int = 0
    presses: int = 0
    instants: int = 0
    untrusted: int = 0

    @property
    def is_shown(self) -> bool:
        """Measured: Chromium reports the resting pointer to a new page as one spot, a capture engine makes two, and a
        program that is not told to wait makes any number within a few milliseconds."""
        is_pressing = self.presses > self.instants
        return self.is_moving or self.touches > 0 or self.keys > 0 or self.scrolls > 0 or is_pressing

    @property
    def is_moving(self) -> bool:
        return self.spots >= 3 and self.span >= 80


@dataclass(frozen=True, slots=True)
class PageFacts:
    """What the page's script reports. `elapsed` is in milliseconds since the page's first byte, by the page's clock.

    None means that the page did not say.
    """

    webdriver: bool = False
    framed: bool = False
    prerendered: bool = False
    visible: bool = False
    focused: bool = False
    styled: bool | None = None
    elapsed: int | None = None
    presence: Presence = field(default_factory=Presence)

    @classmethod
    def from_json(cls, value: Any) -> PageFacts:
        """Read a report leniently: what is missing or of the wrong type is not known, never an error."""
        report: dict[str, Any] = value if isinstance(value, dict) else {}
        counts = report.get("presence")
        counts = counts if isinstance(counts, dict) else {}
        presence = Presence(**{field.name: _count(counts.get(field.name)) for field in fields(Presence)})
        flags = {
            name: report.get(name) is True for name in ("webdriver", "framed", "prerendered", "visible", "focused")
        }
        styled, elapsed = report.get("styled"), report.get("elapsed")
        return cls(
            **flags,
            styled=styled if isinstance(styled, bool) else None,
            elapsed=_count(elapsed, 10**9) if type(elapsed) is int else None,
            presence=presence,
        )


def _count(value: object, most: int = 1000) -> int:
    return min(value, most) if type(value) is int and value > 0 else 0


@dataclass(frozen=True, slots=True)
class Trail:
    """What a visitor did at the links of the same message, around the visit.

    `link_gaps` are the seconds between this visit and the first visit to each other link, nearest first.
    """

    has_visited_hidden_link: bool = False
    link_gaps: tuple[float, ...] = ()
    was_machine: bool = False  # another visit of it was beyond doubt a machine's, by its request or its page


@dataclass(frozen=True, slots=True)
class Context:
    """What the recorded interactions around a visit say.

    `own` is what the same program did from the same network address, `other` what another program did there within
    a minute: it may be the same robot under another name, or an office's scanner beside a person.
    `recipient_count` counts the recipients whose links the same program opened from this address within a minute,
    `is_one_organisation` says that their mail domain is one and belongs to an organisation. `neighbour_count` counts
    the recipients of this recipient's organisation whose links this network (/24, /48) opened within a minute.
    """

    own: Trail = field(default_factory=Trail)
    other: Trail = field(default_factory=Trail)
    recipient_count: int = 1
    is_one_organisation: bool = False
    neighbour_count: int = 1
    was_human: bool = False  # earlier, from the same address, with a browser of the same family
    was_opened: bool = False  # a click's message: before it, by a person or by nobody knows whom
    lacks_open: bool = False  # a click's message: not opened before, in a mailing of which others' opens are known
    is_learned_agent: bool = False
    is_learned_network: bool = False
    mail_gateway: str = ""  # who takes the mail of the recipient's domain, when that is a known gateway


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything `assess` looks at. `send_age` is in seconds since the mail was sent, `dwell` in seconds since this
    page was served, by the server's clock, `day` the day of the visit in days since 1970; None when unknown."""

    request: RequestFacts
    send_age: int | None = None
    page: PageFacts | None = None
    context: Context = field(default_factory=Context)
    dwell: float | None = None
    day: int | None = None
    is_press: bool = False  # the button, not an arrival
    is_afterwards: bool = False  # judged again by what came later, when a wish is taken back and not only asked for
