"""The contexts of many stored opens and clicks at once: a few queries for all of them, each by index and within bounds
of time and number, and the rest in memory."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from uuid import UUID

from engagement.detection import Context, Trail
from engagement.detection.organisations import is_organisation
from engagement.judging import arrays
from engagement.judging.context import HAND, MACHINE, is_known, program_of, without_redirect
from engagement.judging.crowds import ALONE, Crowds
from engagement.mail_hosts import gateway_of
from engagement.models import Interaction, Kind
from preferences.prepared import fetch_all

_SPAN, _HOUR, _MINUTE = timedelta(hours=1), 3_600.0, 60.0
_MONTH, _WEEK = timedelta(days=30), timedelta(days=7)
_SECONDS_TO_CLICK = 2  # that a reader takes at least from the picture to a link
_OF_NO_LINK = frozenset({Kind.OPEN.value, Kind.CONVERSION.value})

_PAGES = ("unsubscribe ", "preferences ")

type Message = tuple[UUID, str]

# What happened at the mails of each recipient within an hour; a robot that comes on and on is known by its first
# thousand requests. Opens are asked for where a click is looked at, which may follow from one; else those alone that
# prove a robot.
_NEAR = """
SELECT near.*
FROM unnest(%(recipients)s::uuid[], %(firsts)s::timestamptz[], %(lasts)s::timestamptz[], %(have_clicks)s::boolean[])
     AS whom(recipient_id, first_at, last_at, has_click)
CROSS JOIN LATERAL (
    SELECT recipient_id, mailing, id, kind, visitor, left(md5(agent), 12),
           purpose || ' ' || topic || COALESCE(' ' || link, ''), extract(epoch FROM occurred_at)::float, verdict,
           is_hard AND jsonb_path_exists(signals, %(machine)s)
    FROM engagement_interaction
    WHERE recipient_id = whom.recipient_id AND occurred_at BETWEEN whom.first_at AND whom.last_at
      AND (kind <> 'open' OR is_hard OR whom.has_click)
    ORDER BY occurred_at LIMIT 1000
) AS near
"""
# When each message was first opened, by anybody and by nobody's machine; as far as that has been counted.
_OPENED = """
SELECT recipient_id, mailing, extract(epoch FROM first_at)::float, extract(epoch FROM cleaned_at)::float
FROM unnest(%(recipients)s::uuid[], %(mailings)s::text[]) AS message(recipient_id, mailing)
JOIN engagement_touch USING (recipient_id, mailing)
WHERE act = 'open' AND link = 0
"""
# Which mailings carry a picture that counts, as far as somebody's open has shown it.
_PICTURED = """
SELECT sent.brand_id, sent.mailing
FROM unnest(%(brands)s::bigint[], %(mailings)s::text[]) AS sent(brand_id, mailing)
CROSS JOIN LATERAL (
    SELECT FROM engagement_interaction AS opened
    WHERE opened.brand_id = sent.brand_id AND opened.mailing = sent.mailing AND kind = 'open'
      AND occurred_at BETWEEN %(first)s AND %(last)s
    LIMIT 1
) AS opened
"""
# Who came from where and was a person by a hand, in the month before; within the hour it may be the same robot.
_PERSONS = """
SELECT person.*
FROM unnest(%(recipients)s::uuid[], %(firsts)s::timestamptz[], %(lasts)s::timestamptz[])
     AS whom(recipient_id, first_at, last_at)
CROSS JOIN LATERAL (
    SELECT recipient_id, visitor, agent, extract(epoch FROM occurred_at)::float
    FROM engagement_interaction
    WHERE recipient_id = whom.recipient_id AND occurred_at BETWEEN whom.first_at AND whom.last_at
      AND kind <> ALL('{open,click,conversion}') AND verdict = 'human' AND signals @> %(hand)s::jsonb
    LIMIT 20
) AS person
"""


@dataclass(slots=True)
class _Program:
    """What one program did at one message from one network address. Moments come sorted."""

    links: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    hidden: list[float] = field(default_factory=list)
    machine_ids: list[int] = field(default_factory=list)

    def gaps(self, own_link: str, moment: float, within: float) -> Iterable[float]:
        found = ((_gap(moments, moment), link) for link, moments in self.links.items() if link != own_link)
        near = sorted((gap, link) for gap, link in found if gap <= within)
        return without_redirect(near, *_PAGES) if own_link.startswith("click ") else (gap for gap, _ in near)


@dataclass(slots=True)
class _Mail:
    """What happened at one message."""

    opens: list[tuple[float, str]] = field(default_factory=list)
    visitors: defaultdict[bytes, defaultdict[str, _Program]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(_Program))
    )


def _gap(moments: Sequence[float], moment: float) -> float:
    """Return the seconds to the nearest of the sorted `moments`."""
    at = bisect_left(moments, moment)
    return min((abs(one - moment) for one in moments[max(0, at - 1) : at + 1]), default=float("inf"))


class Surroundings:
    """What the interactions around a batch of stored opens and clicks say, for each of them."""

    def __init__(self, rows: Sequence[Interaction]) -> None:
        clicks = [row for row in rows if row.kind == Kind.CLICK]
        self._mails = _mails(rows)
        self._crowds = Crowds(rows)
        self._opened = _opened(clicks)
        self._pictured = _pictured(clicks)
        self._persons = _persons(clicks)

    def context(self, row: Interaction, before: Context) -> Context:
        """Return the context of one of the rows. What had been learned stays as it was known when it was recorded."""
        moment, link, is_click = row.occurred_at.timestamp(), _link(row), row.kind == Kind.CLICK
        crowd = self._crowds.around(row)
        programs, own = self._programs(row)
        if not is_click and own is _NOTHING and crowd is ALONE:
            return _alone(before)
        is_one = is_organisation(row.domain)
        opened = self._has_been_opened(row, moment) if is_click else ()
        return Context(
            own=_own(own, row.id, link, moment),
            other=_other([one for one in programs.values() if one is not own], link, moment) if is_click else _NO_TRAIL,
            recipient_count=crowd.recipients,
            is_one_organisation=is_one and crowd is not ALONE and not crowd.has_strangers,
            neighbour_count=crowd.colleagues if is_one else 1,
            was_human=is_click and self._is_known(row, moment),
            is_learned_agent=before.is_learned_agent,
            is_learned_network=before.is_learned_network,
            mail_gateway=gateway_of(row.domain) if is_one and is_click else "",
            was_opened="cleaned" in opened,
            lacks_open=self._counts_opens(row) and not opened,
        )

    def _programs(self, row: Interaction) -> tuple[Mapping[str, _Program], _Program]:
        mail = self._mails.get((row.recipient_id, row.mailing))
        programs = mail.visitors.get(bytes(row.visitor)) if mail and row.network else None
        if programs is None:
            return {}, _NOTHING
        return programs, programs.get(program_of(row.agent), _NOTHING)

    def _has_been_opened(self, row: Interaction, moment: float) -> set[str]:
        """How the message was opened before the click: "raw" by anybody, "cleaned" by no machine and in time."""
        message = (row.recipient_id, row.mailing)
        opens = self._mails[message].opens if message in self._mails else []
        seen = {"raw" for at, _ in opens if at <= moment}
        seen |= {"cleaned" for at, verdict in opens if verdict in _CLEANED and at <= moment - _SECONDS_TO_CLICK}
        first_at, cleaned_at = self._opened.get(message, (None, None))
        if first_at is not None and first_at <= moment:
            seen.add("raw")
        if cleaned_at is not None and cleaned_at <= moment - _SECONDS_TO_CLICK:
            seen.add("cleaned")
        return seen

    def _counts_opens(self, row: Interaction) -> bool:
        return row.kind == Kind.CLICK and row.channel == "email" and (row.brand_id, row.mailing) in self._pictured

    def _is_known(self, row: Interaction, moment: float) -> bool:
        visitor = bytes(row.visitor)
        agents = (
            agent
            for known, agent, at in self._persons.get(row.recipient_id, ())
            if known == visitor and at <= moment - _HOUR
        )
        return bool(row.network) and is_known(agents, row.agent)


_NOTHING, _NO_TRAIL, _NO_CONTEXT = _Program(), Trail(), Context()
_CLEANED = frozenset({"human", "unsure"})


def _alone(before: Context) -> Context:
    if not (before.is_learned_agent or before.is_learned_network):
        return _NO_CONTEXT
    return Context(is_learned_agent=before.is_learned_agent, is_learned_network=before.is_learned_network)


def _link(row: Interaction) -> str:
    return f"{row.purpose} {row.topic}" + ("" if row.link is None else f" {row.link}") if row.kind != Kind.OPEN else ""


def _own(program: _Program, id: int, link: str, moment: float) -> Trail:
    if program is _NOTHING:
        return _NO_TRAIL
    return Trail(
        has_visited_hidden_link=_gap(program.hidden, moment) <= _HOUR,
        link_gaps=tuple(sorted(program.gaps(link, moment, _HOUR))[:_GAPS]),
        was_machine=any(other != id for other in program.machine_ids[:2]),
    )


def _other(programs: Sequence[_Program], link: str, moment: float) -> Trail:
    if not programs:
        return _NO_TRAIL
    gaps = chain.from_iterable(program.gaps(link, moment, _MINUTE) for program in programs)
    return Trail(
        has_visited_hidden_link=any(_gap(program.hidden, moment) <= _MINUTE for program in programs),
        link_gaps=tuple(sorted(gaps)[:_GAPS]),
    )


_GAPS = 5  # more than any rule asks for


def _mails(rows: Iterable[Interaction]) -> dict[Message, _Mail]:
    mails: defaultdict[Message, _Mail] = defaultdict(_Mail)
    clicked = {row.recipient_id for row in rows if row.kind == Kind.CLICK}
    spans = _spans(rows, before=_SPAN, after=_SPAN, clicked=clicked)
    for recipient, mailing, id, kind, visitor, program, link, at, verdict, is_machine in fetch_all(
        _NEAR, {**spans, "machine": MACHINE}
    ):
        mail = mails[recipient, mailing]
        if kind == Kind.OPEN:
            mail.opens.append((at, verdict))
            if not is_machine:
                continue
        did = mail.visitors[bytes(visitor)][program]
        if kind not in _OF_NO_LINK:
            did.links[link].append(at)
        if kind == Kind.HIDDEN_VISIT:
            did.hidden.append(at)
        if is_machine:
            did.machine_ids.append(id)
    return dict(mails)


def _spans(
    rows: Iterable[Interaction], before: timedelta, after: timedelta, clicked: Collection[UUID] = ()
) -> dict[str, str]:
    """The recipients of the rows, each once, with the time that is looked at, and whether they are among `clicked`."""
    spans: dict[UUID, tuple[datetime, datetime]] = {}
    for row in rows:
        recipient, at = row.recipient_id, row.occurred_at
        if (span := spans.get(recipient)) is None:
            spans[recipient] = at, at
        elif not span[0] <= at <= span[1]:
            spans[recipient] = min(span[0], at), max(span[1], at)
    return {
        "recipients": arrays.uuids(spans),
        "firsts": arrays.moments(first - before for first, _ in spans.values()),
        "lasts": arrays.moments(last + after for _, last in spans.values()),
        "have_clicks": arrays.plain(recipient in clicked for recipient in spans),
    }


def _opened(clicks: Sequence[Interaction]) -> dict[Message, tuple[float, float | None]]:
    messages = list({(row.recipient_id, row.mailing) for row in clicks})
    values = {
        "recipients": arrays.uuids(one for one, _ in messages),
        "mailings": arrays.texts(mailing for _, mailing in messages),
    }
    rows = fetch_all(_OPENED, values) if messages else []
    return {(recipient, mailing): (first, cleaned) for recipient, mailing, first, cleaned in rows}


def _pictured(clicks: Sequence[Interaction]) -> set[tuple[int, str]]:
    if not clicks:
        return set()
    sent = list({(row.brand_id, row.mailing) for row in clicks})
    moments = [row.occurred_at for row in clicks]
    values = {
        "brands": [brand for brand, _ in sent],
        "mailings": [mailing for _, mailing in sent],
        "first": min(moments) - _WEEK,
        "last": max(moments),
    }
    return {(brand, mailing) for brand, mailing in fetch_all(_PICTURED, values)}


def _persons(clicks: Sequence[Interaction]) -> dict[UUID, list[tuple[bytes, str, float]]]:
    persons: defaultdict[UUID, list[tuple[bytes, str, float]]] = defaultdict(list)
    values = {**_spans(clicks, before=_MONTH, after=-_SPAN), "hand": HAND}
    for recipient, visitor, agent, at in fetch_all(_PERSONS, values) if clicks else []:
        persons[recipient].append((bytes(visitor), agent, at))
    return persons
