"""What came of many mailings together: the same numbers for an automation, a segment and a piece of time."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence

from engagement.admin.chart import Piece, across
from engagement.admin.dashboards.comparison import LEGEND
from engagement.admin.dashboards.mailings import Sent, rated, with_opens
from engagement.admin.dashboards.tiles import Reached, Tile, counts, rates, single
from engagement.admin.tables import NOT_KNOWN, share
from engagement.models import Act

COLUMNS = (
    *("Sent", "Delivered", "Opened by people", "Opened, with robots", "Open rate", "Open rate, with robots"),
    *("Clicked by people", "Clicked, with robots", "Click-through", "Click-through, with robots"),
    *("Converted", "Left", "Left, with robots"),
)
HELP = (
    "Messages, each once. Rates are shares of what was delivered in the period, of the mailings of which that is known."
)
__all__ = ["COLUMNS", "HELP", "LEGEND", "bar", "cells", "grouped", "messages", "tiles", "total"]


def cells(found: Iterable[Sent]) -> tuple[int | str, ...]:
    """The numbers for `COLUMNS`."""
    found = list(found)
    known = rated(found)

    def both(act: Act) -> tuple[int | str, ...]:
        return messages(found, act), messages(found, act, is_raw=True)

    def of_delivered(act: Act) -> tuple[str, ...]:
        of = rated(with_opens(found)) if act is Act.OPEN else known
        return share(of.reached.cleaned[act], of.delivered), share(of.reached.raw[act], of.delivered)

    return (
        NOT_KNOWN if known.sent is None else known.sent,
        NOT_KNOWN if known.delivered is None else known.delivered,
        *(*both(Act.OPEN), *of_delivered(Act.OPEN), *both(Act.CLICK), *of_delivered(Act.CLICK)),
        *(messages(found, Act.CONVERSION, is_raw=True), *both(Act.LEFT)),
    )


def messages(found: Iterable[Sent], act: Act, *, is_raw: bool = False) -> int:
    """How many messages got the act, by people or at all."""
    return sum((one.reached.raw if is_raw else one.reached.cleaned)[act] for one in found)


def total(found: Iterable[Sent]) -> Reached:
    """The messages of all of them."""
    sums: dict[str, Counter[str]] = {part: Counter() for part in ("raw", "cleaned", "chosen")}
    for one in found:
        for part, sum_of in sums.items():
            sum_of.update(getattr(one.reached, part))
    return Reached(**sums)


def bar(found: Sequence[Sent], act: Act, most: int) -> tuple[Piece, ...]:
    """People's messages and those of robots alone."""
    people = messages(found, act)
    robots = max(messages(found, act, is_raw=True) - people, 0)
    return across([("human", people), ("machine", robots)], most or 1)


def grouped[K: Hashable](found: Iterable[Sent], key: Callable[[Sent], K]) -> dict[K, list[Sent]]:
    """By a key, the one with the most messages first."""
    groups: defaultdict[K, list[Sent]] = defaultdict(list)
    for one in found:
        groups[key(one)].append(one)
    return dict(sorted(groups.items(), key=lambda item: (-_size(item[1]), str(item[0]))))


def _size(found: list[Sent]) -> int:
    return rated(found).delivered or messages(found, Act.OPEN, is_raw=True)


def tiles(sent: Sequence[Sent]) -> list[Tile]:
    """What matters most of them together."""
    known, opened = rated(sent), rated(with_opens(sent))
    found = total(sent)
    of = (
        f" Of {known.mailing_count - known.unknown_count} of {known.mailing_count} mails."
        if known.unknown_count
        else ""
    )
    return [
        single("Delivered", NOT_KNOWN if known.delivered is None else known.delivered, f"In this period.{of}"),
        counts("Opened", Act.OPEN, found, "Messages, once each however often they were opened."),
        rates("Open rate", Act.OPEN, opened.reached, opened.delivered, f"Messages opened, of those delivered.{of}"),
        rates(
            "Click-through rate",
            Act.CLICK,
            known.reached,
            known.delivered,
            f"Messages clicked, of those delivered.{of}",
        ),
        counts("Converted", Act.CONVERSION, found, "Messages with what the brand calls a success."),
        counts("Left", Act.LEFT, found, "Messages that ended with an opt-out."),
    ]
