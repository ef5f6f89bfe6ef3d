"""From a stored interaction back to the facts it was judged by, so that it can be judged again.

Read leniently: what is missing, or of another type than the present facts have, is not known.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from functools import lru_cache
from typing import Any

from engagement.detection import Context, Facts, PageFacts, RequestFacts, Trail
from engagement.models import Interaction
from engagement.visitors import agent_class

_SECONDS_OF_A_DAY = 86_400
_SPAN_OF_A_HAND = 80  # milliseconds; what the first version of the page did not measure is taken as it was then


def facts_of(row: Interaction) -> Facts:
    """Return what was known about the row. The agent's class is the present catalogue's."""
    known = row.facts if isinstance(row.facts, dict) else {}
    return Facts(
        request=_request(row.agent, _mapping(known.get("request"))),
        send_age=row.send_age,
        page=_page(_mapping(known["page"])) if "page" in known else None,
        context=context_of_row(row),
        dwell=_seconds(known.get("dwell")),
        day=int(row.occurred_at.timestamp()) // _SECONDS_OF_A_DAY,
        is_press=known.get("press") is True,
    )


def context_of_row(row: Interaction) -> Context:
    known = row.facts if isinstance(row.facts, dict) else {}
    if "context" in known:
        return _read(_NO_CONTEXT, known["context"])
    return _context_of_first_rules(row.signals) if row.rules == _FIRST_RULES else _NO_CONTEXT


_NO_CONTEXT, _FIRST_RULES = Context(), 1


def _seconds(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _request(agent: str, known: Mapping[str, Any]) -> RequestFacts:
    try:
        return _kept_request(agent, tuple((name, type(value), value) for name, value in known.items()))
    except TypeError:  # a value that cannot be a key is none of a request's
        return _new_request(agent, known)


@lru_cache(16_384)
def _kept_request(agent: str, known: tuple[tuple[str, type, Any], ...]) -> RequestFacts:
    """Most requests are like many others, and to read one costs as much as to judge it. The types keep 1 and True
    apart."""
    return _new_request(agent, {name: value for name, _, value in known})


def _new_request(agent: str, known: Mapping[str, Any]) -> RequestFacts:
    request = replace(_read(RequestFacts(), known), agent=agent, agent_class=agent_class(agent))
    if request.network and not request.network_class:
        return replace(request, network_class="mail_filter")  # the first rules knew no others
    return request


def _page(known: Mapping[str, Any]) -> PageFacts:
    page = PageFacts.from_json(known)
    if "span" in _mapping(known.get("presence")):
        return page
    return replace(page, presence=replace(page.presence, span=_SPAN_OF_A_HAND))


def _read[T](empty: T, value: object) -> T:
    """Return the frozen dataclass `empty` with what the mapping `value` knows of its fields, and of theirs."""
    known = _mapping(value)
    read = {
        field.name: _value(getattr(empty, field.name), known[field.name])
        for field in fields(empty)  # type: ignore[arg-type]
        if field.name in known
    }
    return replace(empty, **read)  # type: ignore[type-var]


def _value(empty: Any, value: object) -> Any:
    if is_dataclass(empty):
        return _read(empty, value)
    if isinstance(empty, tuple):
        items = value if isinstance(value, list) else []
        return tuple(float(item) for item in items if type(item) in (int, float))
    return value if type(value) is type(empty) else empty


_BURST = re.compile(r"Opened (\d+) links of the same mail within (\d+) s")
_CROWD = re.compile(r"opened the links of (\d+) recipients")


def _context_of_first_rules(signals: object) -> Context:
    """The first rules looked at the context and did not keep it: what they saw stands in their signals only."""
    rows = [row for row in signals if isinstance(row, dict)] if isinstance(signals, list) else []
    names = {row.get("name") for row in rows}
    text = " ".join(str(row.get("reason", "")) for row in rows)
    gaps: tuple[float, ...] = ()
    if burst := _BURST.search(text):
        gaps = (0.9 * int(burst[2]),) * (int(burst[1]) - 1)
    crowd = _CROWD.search(text)
    return Context(
        own=Trail(has_visited_hidden_link="hidden_link" in names, link_gaps=gaps),
        recipient_count=int(crowd[1]) if crowd else 1,
    )
