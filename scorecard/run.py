"""Sends every visitor of the cast to every model, and judges what came of it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum

from playwright.async_api import TimeoutError as PlaywrightTimeoutError

from scorecard.browsers import Browsers
from scorecard.models import MODELS
from scorecard.networks import Network
from scorecard.visits import AGES, Case, Label, Mail, Result, Trace, Visit, Visitor
from scorecard.world import POLICIES, World

AT_WORK = 6  # visits at a time; on two cores, more would make hands move late
QUICK_POLICIES = ("balanced",)
QUICK_CASES = {
    ("5 s", Network.MAIL_FILTER),
    ("5 s", Network.CONSUMER),
    ("20 min", Network.DATA_CENTRE),
    ("20 min", Network.CONSUMER),
}
OURS = "ours, {}"
_OURS = [OURS.format(policy) for policy in POLICIES]


class Extent(Enum):
    """How much a run does."""

    FULL = "every network, age and policy"
    QUICK = "some networks and ages, one policy"
    OURS = "as the quick one, but nobody goes to the models that are not ours"


@dataclass(frozen=True, slots=True)
class Sent:
    """A visit to our server that has been made."""

    case: Case
    policy: str
    mailing: str
    mails: list[Mail]
    presses: int


@dataclass(slots=True)
class Run:
    """One run of the scorecard over `visitors`."""

    world: World
    browsers: Browsers
    visitors: Sequence[Visitor]
    extent: Extent
    tell: Callable[[int, int], None] = lambda done, total: None
    sent: list[Sent] = field(default_factory=list)
    traces: dict[str, Trace] = field(default_factory=dict)
    repeated: int = 0

    @property
    def visits(self) -> int:
        return len(self.sent) + len(self.traces)

    async def visit_all(self) -> None:
        """Make all visits, some at a time; the same visitor's are spread, as they are at one recipient's link each."""
        jobs: list[tuple[Visitor, Case | None]] = []
        if self.extent is not Extent.OURS:
            jobs += [(visitor, None) for visitor in self.visitors]
        jobs += [(visitor, case) for visitor in self.visitors for case in self.cases(visitor)]
        random.Random(1).shuffle(jobs)
        gate, done = asyncio.Semaphore(AT_WORK), 0

        async def work(visitor: Visitor, case: Case | None) -> None:
            nonlocal done
            async with gate:
                await (self._trace(visitor) if case is None else self._visit(visitor, case))
            done += 1
            self.tell(done, len(jobs))

        async with asyncio.TaskGroup() as group:
            for job in jobs:
                group.create_task(work(*job))

    def cases(self, visitor: Visitor) -> Iterator[Case]:
        for age in AGES:
            for network in visitor.networks:
                if self.extent is Extent.FULL or (age, network) in QUICK_CASES:
                    yield Case(visitor.name, age, network)

    async def _trace(self, visitor: Visitor) -> None:
        """Send the visitor to the page that judges nobody."""
        plain = self.world.plain
        names = [f"{visitor.name}-{number}".replace(" ", "-") for number in range(visitor.recipients)]
        await self._act(visitor, [plain.mail(name) for name in names], visitor.networks[0], "a plain page")
        self.traces[visitor.name] = plain.trace(*(names if visitor.label is Label.ROBOT else names[:1]))

    async def _visit(self, visitor: Visitor, case: Case) -> None:
        """Send the visitor to our server under one policy after the other."""
        for policy in POLICIES if self.extent is Extent.FULL else QUICK_POLICIES:
            try:
                await self._visit_once(visitor, case, policy)
            except (TimeoutError, PlaywrightTimeoutError):  # a machine too busy for the browser: once more, from anew
                self.repeated += 1
                await self._visit_once(visitor, case, policy)

    async def _visit_once(self, visitor: Visitor, case: Case, policy: str) -> None:
        mailing, mails = self.world.mails(policy, AGES[case.age], visitor.recipients)
        visit = await self._act(visitor, mails, Network(case.network), f"{case}, {policy}")
        self.sent.append(Sent(case, policy, mailing, mails, visit.presses))

    async def _act(self, visitor: Visitor, mails: list[Mail], network: Network, where: str) -> Visit:
        address = self.world.addresses.new(network)
        visit = Visit(mails, address, self.browsers, self.world.webmail)
        try:
            await visitor.act(visit)
        except Exception as error:
            error.add_note(f"This was the visitor: {visitor.name} ({where}).")
            raise
        return visit

    def results(self) -> list[Result]:
        """What every model did with every case; call it when all visits were made. Settles."""
        self.world.rest()
        at_once = self.world.left_at_once()
        self.world.settle()
        settled = self.world.are_out()
        by_name = {visitor.name: visitor for visitor in self.visitors}
        ours = [self._result(by_name[sent.case.visitor], sent, at_once, settled) for sent in self.sent]
        others = () if self.extent is Extent.OURS else self._others()
        return [*others, *sorted(ours, key=lambda result: (_OURS.index(result.model), result.case))]

    def _result(self, visitor: Visitor, sent: Sent, at_once: set[str], settled: set[str]) -> Result:
        mails = sent.mails if visitor.label is Label.ROBOT else sent.mails[:1]
        addresses = {mail.address for mail in mails}
        return Result(
            case=sent.case,
            label=visitor.label,
            model=OURS.format(sent.policy),
            at_once=bool(addresses & at_once),
            settled=bool(addresses & settled),
            presses=sent.presses,
            has_script=visitor.has_script,
            has_hand=visitor.has_hand,
            shows=visitor.shows,
            mailing=sent.mailing,
        )

    def _others(self) -> Iterator[Result]:
        for name, model in MODELS.items():
            for visitor in self.visitors:
                for case in self.cases(visitor):
                    answer = model(self.traces[visitor.name], AGES[case.age])
                    yield Result(
                        case=case,
                        label=visitor.label,
                        model=name,
                        at_once=answer.is_off,
                        settled=answer.is_off,
                        presses=int(answer.is_pressed),
                        has_script=visitor.has_script,
                        has_hand=visitor.has_hand,
                        shows=visitor.shows,
                    )
