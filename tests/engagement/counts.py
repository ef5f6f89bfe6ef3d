"""Counting by other means: plain Python over the stored rows, one at a time."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings

from engagement.models import Interaction, PageView, Ranking, Reach, Scanned, Tally, Touch
from preferences.models import PreferenceChange

CLEANED = ("human", "unsure")
UNJUDGED = ("one_click", "conversion")
_AGES = [0, 5, 10, 20, 30, 45, *(60 * m for m in (1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45))]
_AGES += [3600 * hours for hours in (1, 2, 3, 6, 12, 24, 48, 72, 168, 336, 720, 2160)]
_COARSE = (0, 60, 600, 3600, 86400)
_DEEDS = {"open": "opened", "click": "clicked", "visit": "visited", "header_visit": "visited", "arrive": "script"}
_DEEDS |= {"hidden_visit": "hidden"}


@dataclass
class Counts:
    """Cells of tallies, of reach and of each column of a ranking; touches as message, act, link -> (first, cleaned,
    topic, segment)."""

    tally: Counter[Any] = field(default_factory=Counter)
    reach: Counter[Any] = field(default_factory=Counter)
    ranking: Counter[Any] = field(default_factory=Counter)
    touches: dict[Any, Any] = field(default_factory=dict)
    scanned: dict[Any, Any] = field(default_factory=dict)
    views: dict[Any, Any] = field(default_factory=dict)


def stored_counts() -> Counts:
    return Counts(
        Counter({row[:-1]: row[-1] for row in Tally.objects.values_list(*_TALLY, "events")}),
        Counter({row[:-1]: row[-1] for row in Reach.objects.values_list(*_REACH, "messages")}),
        Counter(
            {
                (*row[: len(_RANKING)], name): number
                for row in Ranking.objects.values_list(*_RANKING, *_RANKED)
                for name, number in zip(_RANKED, row[len(_RANKING) :], strict=True)
            }
        ),
        {
            (row.recipient_id, row.mailing, row.act, row.link): (row.first_at, row.cleaned_at, row.topic, row.segment)
            for row in Touch.objects.all()
        },
        {
            (row.brand_id, row.recipient_id): (row.first_at, row.last_at, row.events, row.messages)
            for row in Scanned.objects.all()
        },
        {(row.recipient_id, row.visit): (row.first_at, row.results.split()) for row in PageView.objects.all()},
    )


_TALLY = ("brand_id", "dimension", "level", "start", "mailing", "value", "channel", "record", "verdict", "age")
_REACH = ("brand_id", "dimension", "level", "start", "mailing", "value", "channel", "act", "is_cleaned")

_RANKING = ("brand_id", "dimension", "level", "start", "channel", "value")
_RANKED: tuple[str, ...] = ("everybody", "events", "opened", "clicked", "visited", "script", "hidden")
_RANKED += ("by_agent", "by_learned", "by_behaviour", *(f"soon_{since}" for since in _COARSE))


def recounted(rows: Iterable[Interaction], erased: Collection[UUID] = ()) -> Counts:
    """Count the rows; those of the erased count in cells, but nothing of the person is kept."""
    rows, counts = [*rows], Counts()
    for row in rows:
        for level, dimension, start, *rest in _cells(row):
            counts.tally[(row.brand_id, dimension, level, start, *rest)] += 1
        for level, (dimension, value), name in product(("day", "month"), origins(row), _ranked(row)):
            start = beginning(row.occurred_at, level)
            counts.ranking[row.brand_id, dimension, level, start, row.channel, value, name] += 1
    messages: defaultdict[Any, list[Interaction]] = defaultdict(list)
    for row in rows:
        for act, link in _acts(row):
            messages[row.recipient_id, row.mailing, act, link].append(row)
    for (recipient, mailing, act, link), alike in messages.items():
        first = min(alike, key=lambda row: (row.occurred_at, row.topic.encode(), row.segment.encode()))
        clean = None if act == "scan" else min((row.occurred_at for row in alike if is_cleaned(row)), default=None)
        for at, cleaned in ((first.occurred_at, False), (clean, True)):
            for cell in _reach_cells(first, act, link, at, cleaned) if at else ():
                counts.reach[cell] += 1
        if recipient not in erased:
            counts.touches[recipient, mailing, act, link] = (first.occurred_at, clean, first.topic, first.segment)
    for row in rows:
        if is_machine(row) and row.recipient_id not in erased:
            key = (row.brand_id, row.recipient_id)
            first_at, last_at, events, _ = counts.scanned.get(key, (row.occurred_at, row.occurred_at, 0, 0))
            touched = sum(1 for recipient, _, act, _ in counts.touches if (recipient, act) == (key[1], "scan"))
            times = (min(first_at, row.occurred_at), max(last_at, row.occurred_at))
            counts.scanned[key] = (*times, events + 1, touched)
    _count_views(rows, counts, erased)
    return counts


def _count_views(rows: list[Interaction], counts: Counts, erased: Collection[UUID]) -> None:
    views: defaultdict[Any, list[Interaction]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: (row.occurred_at, row.id)):
        if row.visit is not None and row.kind in ("visit", "header_visit", "arrive", "confirm"):
            views[row.recipient_id, row.visit].append(row)
    for key, alike in views.items():
        if results := _results(alike):
            if key[0] not in erased:
                counts.views[key] = (alike[0].occurred_at, results)
            first = alike[0]
            cells = [("view", ""), ("mailview", first.mailing)] if first.mailing else [("view", "")]
            for result, (dimension, mailing) in product(results, cells):
                for level in ("hour", "day", "month"):
                    start = beginning(first.occurred_at, level)
                    cell = (first.brand_id, dimension, level, start, mailing, "", first.channel, result, "", -1)
                    counts.tally[cell] += 1


def _results(rows: list[Interaction]) -> list[str]:
    """What came of one page view, of its rows in the order of time."""
    calls, pressed = [row for row in rows if row.kind == "arrive"], any(row.kind == "confirm" for row in rows)
    asked, done = (any(row.answer == answer for row in calls) for answer in ("ask", "done"))
    robot = any(
        row.verdict == "machine" and row.facts["request"]["method"] == "GET"
        for row in rows
        if row.kind in ("visit", "header_visit")
    )
    script_robot = any(row.verdict == "machine" for row in calls)
    return [
        *(["robot"] if robot else []),
        *(["robot_left"] if robot and (pressed or done) else []),
        *(["script_robot"] if script_robot else []),
        *(["script_robot_left"] if script_robot and (pressed or done) else []),
        *(["asked"] if asked else []),
        *(["asked_pressed"] if asked and pressed else []),
        *(["asked_needless"] if asked and done and not pressed else []),
        *([f"script_{calls[-1].verdict}"] if calls else []),
    ]


def count_doors(changes: Iterable[PreferenceChange]) -> Counter[Any]:
    """The cells of the ledger's rows."""
    tally: Counter[Any] = Counter()
    rows = sorted(changes, key=lambda row: row.id)
    gone = [row for row in rows if _is_counted(row) and not _stays_off(row, rows)]
    for place, row in enumerate(gone):
        earlier = [other for other in gone[:place] if other.recipient_id == row.recipient_id]
        alike = [other for other in earlier if other.source == row.source]
        is_first = not any(abs(other.changed_at - row.changed_at) < timedelta(hours=1) for other in alike)
        measures = ["opt_out"] if is_first else []
        measures += ["topic"] if row.topic_id else []
        measures += ["view"] if _is_of_page(row) and not any(_is_same_view(row, other) for other in earlier) else []
        cells = [("door", ""), ("maildoor", row.mailing)] if row.mailing else [("door", "")]
        for level, (dimension, mailing), measure in product(("hour", "day", "month"), cells, measures):
            start = beginning(row.changed_at, level)
            about = (mailing, row.source, row.channel, measure, _verdict_of(row), -1)
            tally[row.brand_id, dimension, level, start, *about] += 1
    return tally


def _is_counted(row: PreferenceChange) -> bool:
    was = row.replaced.get("state")
    if row.source in ("undo", "reinstatement"):
        return row.state != "out" and was == "out"
    return row.state == "out" and was != "out"


def _stays_off(row: PreferenceChange, rows: Iterable[PreferenceChange]) -> bool:
    """Whether it was written down because a suppression gave way to another topic."""
    lifts = [
        other
        for other in rows
        if (other.recipient_id, other.source, other.topic_id) == (row.recipient_id, row.source, None)
        and other.state != "out"
        and other.replaced.get("state") == "out"
    ]
    seconds = [(row.changed_at - other.changed_at).total_seconds() for other in lifts]
    return row.topic_id is not None and row.state == "out" and any(0 <= number <= 2 for number in seconds)


def _verdict_of(row: PreferenceChange) -> str:
    if row.source not in ("arrival", "confirm_button"):
        return ""
    verdict = row.evidence.get("verdict")
    return verdict if verdict in ("human", "machine") else "unsure"


def _is_of_page(row: PreferenceChange) -> bool:
    return row.source in ("arrival", "confirm_button") and row.topic_id is not None


def _is_same_view(row: PreferenceChange, other: PreferenceChange) -> bool:
    visit = row.evidence.get("visit")
    if visit is None or not _is_of_page(other):
        return False
    return other.evidence.get("visit") == visit and _verdict_of(other) == _verdict_of(row)


def is_cleaned(row: Interaction) -> bool:
    return row.verdict in CLEANED or row.kind in UNJUDGED


def is_machine(row: Interaction) -> bool:
    return row.verdict == "machine" and row.kind not in UNJUDGED


def _cells(row: Interaction) -> Iterator[tuple[Any, ...]]:
    """Level, dimension, start, mailing, value, channel, record, verdict and age of each cell."""
    age = -1 if row.send_age is None else bisect_right(_AGES, max(0, row.send_age)) - 1
    cells = [("brand", "", "", -1)]
    if row.mailing:
        cells += [("mailing", row.mailing, "", -1), ("pace", row.mailing, "", age)]
        cells += [("segment", row.mailing, row.segment, -1)] if row.segment else []
        cells += [("link", row.mailing, str(row.link), -1)] if row.link is not None else []
    cells += [("topic", "", row.topic, -1)] if row.topic else []
    for (dimension, mailing, value, number), level in product(cells, ("hour", "day", "month")):
        start = beginning(row.occurred_at, level)
        yield level, dimension, start, mailing, value, row.channel, row.record, row.verdict, number


def origins(row: Interaction) -> list[tuple[str, str]]:
    """The rankings that an event counts in, and its value in each."""
    found = [("domain", row.domain)] if row.domain else []
    if is_machine(row):
        owner = row.facts["request"].get("network") or (f"{row.network}/24" if row.network else "")
        found += [("network", owner)] if owner else []
        found += [("agent", re.sub(r"(\d+)(?:[._]\d+)+", r"\1", row.agent)[:120])]
        pace = "" if row.send_age is None else str(max(s for s in (0, 10, *_COARSE) if s <= row.send_age))
        found += [("pace", pace)] if row.mailing else []
    return found


def _ranked(row: Interaction) -> Iterator[str]:
    yield "everybody"
    if not is_machine(row):
        return
    yield "events"
    if row.kind in _DEEDS:
        yield _DEEDS[row.kind]
    if "_machine_" in row.record:
        yield f"by_{row.record.rpartition('_')[2]}"
    if row.send_age is not None:
        yield f"soon_{max(since for since in _COARSE if since <= row.send_age)}"


def _acts(row: Interaction) -> Iterator[tuple[str, int]]:
    if not row.mailing:
        return
    names = {"visit": "visit", "header_visit": "visit", "arrive": "script", "open": "open", "click": "click"}
    if act := (names | {"conversion": "conversion"}).get(row.kind):
        yield act, 0
    if row.kind in ("click", "conversion") and row.link:
        yield row.kind, row.link
    if row.kind in ("arrive", "confirm", "one_click") and row.answer == "done":
        yield "left", 0
    if is_machine(row):
        yield "scan", 0


def _reach_cells(row: Interaction, act: str, link: int, at: datetime, cleaned: bool) -> Iterator[tuple[Any, ...]]:
    cells = [("link", row.mailing, str(link))]
    if not link:
        cells = [("brand", "", ""), ("mailing", row.mailing, "")]
        cells += [("segment", row.mailing, row.segment)] if row.segment else []
        cells += [("topic", "", row.topic)] if row.topic else []
    for dimension, mailing, value in cells:
        for level in ("hour", "day", "month"):
            start = beginning(at, level)
            yield row.brand_id, dimension, level, start, mailing, value, row.channel, act, cleaned


def beginning(at: datetime, level: str) -> datetime:
    local = at.astimezone(ZoneInfo(settings.TIME_ZONE)).replace(minute=0, second=0, microsecond=0)
    if level != "hour":
        local = local.replace(hour=0, day=local.day if level == "day" else 1, fold=0)
    return local.astimezone(UTC)
