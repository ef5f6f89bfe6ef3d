"""The words of the scorecard: visitors, the mails they got, and what one of them did and met."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from scorecard.networks import Network
from tests.browser.programs import Form, Reply, request

if TYPE_CHECKING:
    from scorecard.browsers import Browsers
    from tests.browser.webmail import Webmail

# Seconds since sending, by the name they have in the table.
AGES = {"5 s": 5, "45 s": 45, "4 min": 240, "20 min": 1200, "5 h": 18_000}


class Label(StrEnum):
    """What a visitor really is. Only the scorecard knows; the server never sees it."""

    ROBOT = "robot"
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class Mail:
    """One recipient's mail: the links that stand in it and in its header."""

    address: str
    leave: str
    header: str
    preferences: str
    hidden: str

    @property
    def links(self) -> tuple[str, str]:
        """What stands in the mail's text, in order, but for the hidden one."""
        return self.leave, self.preferences


@dataclass(slots=True)
class Visit:
    """One visitor at work. `presses` counts what a person had to press beyond the click in the mail."""

    mails: list[Mail]
    address: str
    browsers: Browsers
    webmail: Webmail
    presses: int = 0

    @property
    def mail(self) -> Mail:
        return self.mails[0]

    @property
    def network(self) -> dict[str, str]:
        """The header by which the server sees the visitor's address."""
        return {"X-Forwarded-For": self.address}

    async def fetch(self, url: str, agent: Mapping[str, str], method: str = "GET", *, body: str | None = None) -> Reply:
        """One request of an HTTP program that sends the headers of `agent` and follows nothing."""
        return await asyncio.to_thread(request, url, method, body=body, headers={**agent, **self.network})

    async def submit(self, form: Form, page: str, agent: Mapping[str, str], pressing: int | None) -> Reply:
        """Send a form that was read in the page at the URL `page`, with one of its buttons or with none."""
        return await asyncio.to_thread(form.send, page, {**agent, **self.network}, pressing=pressing)


type Act = Callable[[Visit], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Visitor:
    """One of the cast. To add a visitor, write what it does as a function and enter that in its cast.

    `shows` says in words what an observer of the visit could hold against a robot, apart from its network and the
    mail's age; "" when nothing. `has_script` is False where no script runs, so that a click alone can never be enough;
    `has_hand` is True of a person who moves the pointer or touches the page without being asked to.
    """

    name: str
    label: Label
    act: Act
    shows: str = ""
    networks: tuple[Network, ...] = ()
    has_script: bool = True
    has_hand: bool = False
    recipients: int = 1
    is_quick: bool = True  # whether --quick takes it too


@dataclass(frozen=True, slots=True)
class Cast:
    """All visitors of one label, in the order in which they are entered."""

    label: Label
    networks: tuple[Network, ...]
    visitors: list[Visitor] = field(default_factory=list)

    def enter(self, name: str, **about: Any) -> Callable[[Act], Act]:
        """Enter the decorated function as a visitor; `about` are fields of Visitor."""

        def enter(act: Act) -> Act:
            self.visitors.append(Visitor(name, self.label, act, **{"networks": self.networks, **about}))
            return act

        return enter


@dataclass(frozen=True, slots=True)
class Trace:
    """What a visitor did at a page that judges nobody: a button, and a script that reports that it runs.

    `looked` is a GET or HEAD at the link, `ran` the script at DOMContentLoaded, `pressed` the button or its form.
    """

    looked: bool = False
    ran: bool = False
    pressed: bool = False


@dataclass(frozen=True, slots=True, order=True)
class Case:
    """A visitor at one age of the mail from one network."""

    visitor: str
    age: str
    network: str

    def __str__(self) -> str:
        return f"{self.visitor}, {self.age}, {self.network}"


@dataclass(frozen=True, slots=True)
class Sighting:
    """An interaction as the server recorded it, with the names of its signals."""

    kind: str
    answer: str
    verdict: str
    score: int
    signals: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.kind} {self.verdict} {self.score}, {self.answer}: {', '.join(self.signals) or 'nothing'}"


@dataclass(frozen=True, slots=True)
class Result:
    """What one model did with one case.

    `at_once`: someone was taken off the list; `settled`: someone still is off after settling; `presses`: beyond the
    click in the mail; `mailing`: where the server recorded it, when it was ours.
    """

    case: Case
    label: Label
    model: str
    at_once: bool
    settled: bool
    presses: int = 0
    has_script: bool = True
    has_hand: bool = False
    shows: str = ""
    mailing: str = ""

    @property
    def is_served(self) -> bool:
        """A person who left with the click in the mail alone."""
        return self.label is Label.PERSON and self.at_once and not self.presses

    @property
    def is_asked(self) -> bool:
        return self.label is Label.PERSON and self.presses > 0

    @property
    def is_lost(self) -> bool:
        """A person who left and is still, or again, on the list."""
        return self.label is Label.PERSON and not self.settled
