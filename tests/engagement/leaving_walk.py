"""Who left and who stayed, by other means than the counter's: plain Python that walks through the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings

from engagement.figures.leaving import Away, Instead, Kept, Left, LeftAt, Outcome, Returned, Span, Statistics
from engagement.models import Tally
from preferences.models import PreferenceChange, Source
from preferences.models.subscriptions import SuppressionReason
from tests.engagement.counts import beginning


@dataclass(frozen=True)
class Fact:
    """What a row of the ledger counts as."""

    dimension: str
    row: PreferenceChange
    record: str
    verdict: str = ""
    age: int = -1


@dataclass
class Episode:
    """Someone's time out of one topic, or of everything."""

    row: PreferenceChange
    is_leaving: bool
    back: PreferenceChange | None = None
    is_paused: bool = False


class Walk:
    """One recipient's rows walked through, deed by deed."""

    def __init__(self, rows: list[PreferenceChange]) -> None:
        self.rows = rows
        self.episodes: list[Episode] = []
        self.open: dict[int | None, Episode] = {}
        self.returns: dict[int | None, tuple[PreferenceChange, Episode]] = {}
        self.returned: list[tuple[PreferenceChange, Episode]] = []
        self.suppression = ""
        for together in deeds(rows):
            self.step(together)
        self.returned += self.returns.values()

    def step(self, together: list[PreferenceChange]) -> None:
        moves = [row for row in together if row.state != row.replaced["state"]]
        is_of_everything = any(row.topic_id is None for row in moves)
        for row in moves:
            self.settle_return(row)
            is_own = row.topic_id is None or not is_of_everything
            if row.state != "out":
                self.come_back(row, is_own=is_own, is_paused=any(pauses(other) for other in together))
            elif takes_back(row):
                if row.topic_id in self.open:
                    self.open[row.topic_id].back = None
            else:
                episode = Episode(row, is_own and not self.is_out_anyway(row))
                self.episodes.append(episode)
                self.open[row.topic_id] = episode
        for row in together:
            if row.topic_id is None:
                self.suppression = row.suppression

    def settle_return(self, row: PreferenceChange) -> None:
        """The return before this row counts, unless this row takes it back."""
        before = self.returns.pop(row.topic_id, None)
        if before and not takes_back(row):
            self.returned.append(before)

    def come_back(self, row: PreferenceChange, *, is_own: bool, is_paused: bool) -> None:
        if row.replaced["state"] != "out":
            return
        episode = self.open[row.topic_id]
        if episode.back is None:
            episode.back, episode.is_paused = row, is_paused
        if is_own and row.source != Source.REINSTATEMENT:
            self.returns[row.topic_id] = (row, episode)

    def is_out_anyway(self, row: PreferenceChange) -> bool:
        return row.topic is not None and self.suppression not in ("", SuppressionReason.EVERYTHING)

    def outcome(self, episode: Episode) -> Outcome:
        if episode.back is None:
            return Outcome.AWAY
        if episode.back.source == Source.OFFER:
            return Outcome.PAUSED if episode.is_paused else Outcome.FEWER
        named = {Source.UNDO: Outcome.UNDONE, Source.REINSTATEMENT: Outcome.PUT_BACK}
        return named.get(Source(episode.back.source), Outcome.BACK)

    def kept(self) -> set[tuple[Instead, PreferenceChange]]:
        first: dict[Any, tuple[Instead, PreferenceChange]] = {}
        for row in self.rows:
            if row.source != Source.PREFERENCE_PAGE or self.is_undone(row):
                continue
            if row.state == "out" or row.state != row.replaced["state"]:
                continue
            day = row.changed_at.astimezone(ZoneInfo(settings.TIME_ZONE)).date()
            rarer = ["every", "daily", "weekly", "monthly"]
            before, after = row.replaced.get("frequency") or "every", row.frequency or "every"
            if pauses(row):
                first.setdefault((row.topic_id, Instead.PAUSED, day), (Instead.PAUSED, row))
            if rarer.index(after) > rarer.index(before):
                first.setdefault((row.topic_id, Instead.FEWER, day), (Instead.FEWER, row))
        return set(first.values())

    def is_undone(self, row: PreferenceChange) -> bool:
        undos = [undo for undo in self.rows if undo.source == Source.UNDO and undo.id > row.id]
        visit = row.evidence.get("visit")
        return visit is not None and any(
            (undo.topic_id, undo.evidence.get("visit")) == (row.topic_id, visit) for undo in undos
        )


def deeds(rows: list[PreferenceChange]) -> Iterator[list[PreferenceChange]]:
    """Rows of one cause in a row, each less than two seconds from the one before."""
    together: list[PreferenceChange] = []
    for row in rows:
        if together and (
            cause(row) != cause(together[-1]) or abs(row.changed_at - together[-1].changed_at) >= timedelta(seconds=2)
        ):
            yield together
            together = []
        together.append(row)
    if together:
        yield together


def cause(row: PreferenceChange) -> tuple[Any, ...]:
    return row.source, row.mailing, row.reason, row.actor, row.evidence


def takes_back(row: PreferenceChange) -> bool:
    if row.state != "out" or row.source not in (Source.UNDO, Source.REINSTATEMENT):
        return False
    return row.topic_id is None or row.source == Source.REINSTATEMENT or "restored" in row.replaced


def pauses(row: PreferenceChange) -> bool:
    return row.paused_until is not None and row.paused_until.isoformat() != row.replaced.get("paused_until")


def is_in(row: PreferenceChange, span: Span) -> bool:
    is_brand = span.brand_ids is None or row.brand_id in span.brand_ids
    is_topic = row.topic_id is None if span.is_everything else span.topic_id in (None, row.topic_id)
    return span.start <= row.changed_at < span.end and is_brand and is_topic and span.channel in ("", row.channel)


def piece(row: PreferenceChange, span: Span) -> datetime:
    return max(start for start in span.pieces if start <= row.changed_at)


def away(row: PreferenceChange, episode: Episode) -> int:
    hours = (row.changed_at - episode.row.changed_at) / timedelta(hours=1)
    return next((age for age, bound in enumerate((1, 24, 168, 720)) if hours < bound), 4)


def facts(rows: Iterable[PreferenceChange]) -> Iterator[Fact]:
    """What all of these rows count as, and nothing else that is stored."""
    ordered = sorted(rows, key=lambda row: (row.recipient_id, row.id))
    for _, own in groupby(ordered, key=lambda row: row.recipient_id):
        walk = Walk(list(own))
        for one in walk.episodes:
            if one.is_leaving:
                yield Fact("left", one.row, one.row.source, walk.outcome(one).value)
        for choice, row in walk.kept():
            yield Fact("kept", row, choice.value)
        for row, episode in walk.returned:
            yield Fact("returned", row, row.source, age=away(row, episode))


def count_leavings(rows: Iterable[PreferenceChange]) -> Counter[Any]:
    """The cells of the ledger's rows."""
    tally: Counter[Any] = Counter()
    for fact in facts(rows):
        row, topic = fact.row, "" if fact.row.topic_id is None else str(fact.row.topic_id)
        for level in ("hour", "day", "month"):
            start = beginning(row.changed_at, level)
            about = ("", topic, row.channel, fact.record, fact.verdict, fact.age)
            tally[row.brand_id, fact.dimension, level, start, *about] += 1
    return tally


def stored_leavings() -> Counter[Any]:
    cells = Tally.objects.filter(dimension__in=["left", "returned", "kept"])
    keys = ("brand_id", "dimension", "level", "start", "mailing", "value", "channel", "record", "verdict", "age")
    return Counter({row[:-1]: row[-1] for row in cells.values_list(*keys, "events")})


def recount(span: Span) -> Statistics:
    left, left_at, kept, returned = (Counter[Any]() for _ in range(4))
    put_back = 0
    for fact in facts(PreferenceChange.objects.select_related("topic")):
        row = fact.row
        if not is_in(row, span):
            continue
        if fact.dimension == "kept":
            kept[piece(row, span), Instead(fact.record)] += 1
        elif fact.dimension == "returned":
            returned[piece(row, span), Source(fact.record), list(Away)[fact.age]] += 1
        elif (outcome := Outcome(fact.verdict)) is Outcome.PUT_BACK:
            put_back += 1
        else:
            left[row.brand_id, row.topic_id, Source(fact.record), outcome] += 1
            left_at[piece(row, span), outcome] += 1
    return Statistics(
        tuple(Left(*cell) for cell in cells(left)),
        tuple(LeftAt(*cell) for cell in cells(left_at)),
        tuple(Kept(*cell) for cell in cells(kept)),
        tuple(Returned(*cell) for cell in cells(returned)),
        put_back,
    )


def cells(found: Counter[Any]) -> list[Any]:
    return [(*key, number) for key, number in found.items()]
