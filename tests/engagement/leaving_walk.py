"""Who left and who stayed, by other means than the page's: plain Python that walks through the ledger."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from engagement.figures.leaving import Away, Instead, Kept, Left, Outcome, Returned, Span, Statistics
from preferences.models import PreferenceChange, Source
from preferences.models.subscriptions import SuppressionReason


@dataclass
class Episode:
    """Someone's time out of one topic, or of everything."""

    row: PreferenceChange
    is_leaving: bool
    back: PreferenceChange | None = None


class Walk:
    """One recipient's rows walked through, transaction by transaction."""

    def __init__(self, rows: list[PreferenceChange]) -> None:
        self.rows = rows
        self.episodes: list[Episode] = []
        self.open: dict[int | None, Episode] = {}
        self.returns: dict[int | None, tuple[PreferenceChange, Episode]] = {}
        self.returned: list[tuple[PreferenceChange, Episode]] = []
        self.suppression = ""
        for _, together in groupby(rows, key=lambda row: row.xid):
            self.step(list(together))
        self.returned += self.returns.values()

    def step(self, together: list[PreferenceChange]) -> None:
        moves = [row for row in together if row.state != row.replaced["state"]]
        is_of_everything = any(row.topic_id is None for row in moves)
        for row in moves:
            self.settle_return(row)
            is_own = row.topic_id is None or not is_of_everything
            if row.state != "out":
                self.come_back(row, is_own=is_own)
            elif takes_back(row):
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

    def come_back(self, row: PreferenceChange, *, is_own: bool) -> None:
        if row.replaced["state"] != "out":
            return
        self.open[row.topic_id].back = row
        if is_own and row.source != Source.REINSTATEMENT:
            self.returns[row.topic_id] = (row, self.open[row.topic_id])

    def is_out_anyway(self, row: PreferenceChange) -> bool:
        if row.topic is None or not self.suppression:
            return False
        return not (row.topic.is_required and self.suppression == SuppressionReason.EVERYTHING)

    def outcome(self, episode: Episode) -> Outcome:
        if episode.back is None:
            return Outcome.AWAY
        if episode.back.source != Source.OFFER:
            named = {Source.UNDO: Outcome.UNDONE, Source.REINSTATEMENT: Outcome.PUT_BACK}
            return named.get(Source(episode.back.source), Outcome.BACK)
        together = [row for row in self.rows if row.xid == episode.back.xid]
        return Outcome.PAUSED if any(pauses(row) for row in together) else Outcome.FEWER

    def kept(self, scope: Span) -> set[tuple[int | None, Instead, PreferenceChange]]:
        first: dict[tuple[int | None, Instead], PreferenceChange] = {}
        for row in self.rows:
            if not is_in(row, scope) or row.source != Source.PREFERENCE_PAGE or self.is_undone(row):
                continue
            if row.state == "out" or row.state != row.replaced["state"]:
                continue
            rarer = ["every", "daily", "weekly", "monthly"]
            before, after = row.replaced.get("frequency") or "every", row.frequency or "every"
            if pauses(row):
                first.setdefault((row.topic_id, Instead.PAUSED), row)
            if rarer.index(after) > rarer.index(before):
                first.setdefault((row.topic_id, Instead.FEWER), row)
        return {(*key, row) for key, row in first.items()}

    def is_undone(self, row: PreferenceChange) -> bool:
        undos = [undo for undo in self.rows if undo.source == Source.UNDO and undo.id > row.id]
        return any((undo.topic_id, undo.evidence) == (row.topic_id, row.evidence) for undo in undos)


def takes_back(row: PreferenceChange) -> bool:
    if row.topic is None:
        return row.state == "out" and row.source == Source.UNDO
    return row.state == "out" and row.source in (Source.UNDO, Source.REINSTATEMENT) and "restored" in row.replaced


def pauses(row: PreferenceChange) -> bool:
    return row.paused_until is not None and row.paused_until.isoformat() != row.replaced.get("paused_until")


def is_in(row: PreferenceChange, span: Span) -> bool:
    is_brand = span.brand_ids is None or row.brand_id in span.brand_ids
    is_topic = row.topic_id is None if span.is_everything else span.topic_id in (None, row.topic_id)
    return span.start <= row.changed_at < span.end and is_brand and is_topic and span.channel in ("", row.channel)


def piece(row: PreferenceChange, span: Span) -> datetime:
    return max(start for start in span.pieces if start <= row.changed_at)


def away(row: PreferenceChange, episode: Episode) -> Away:
    hours = (row.changed_at - episode.row.changed_at) / timedelta(hours=1)
    steps = {1: Away.HOUR, 24: Away.DAY, 168: Away.WEEK, 720: Away.MONTH}
    return next((name for bound, name in steps.items() if hours < bound), Away.LONGER)


def recount(span: Span) -> Statistics:
    rows = PreferenceChange.objects.select_related("topic").order_by("recipient_id", "id")
    walks = [Walk(list(own)) for _, own in groupby(rows, key=lambda row: row.recipient_id)]
    left: Counter[Any] = Counter()
    kept: Counter[Any] = Counter()
    returned: Counter[Any] = Counter()
    people, put_back = set(), 0
    for walk in walks:
        for episode in walk.episodes:
            row = episode.row
            if not episode.is_leaving or not is_in(row, span):
                continue
            if (outcome := walk.outcome(episode)) is Outcome.PUT_BACK:
                put_back += 1
                continue
            people.add(row.recipient_id)
            left[row.brand_id, row.topic_id, Source(row.source), outcome, piece(row, span)] += 1
        for topic_id, choice, row in walk.kept(span):
            kept[topic_id, choice, piece(row, span)] += 1
        for row, episode in walk.returned:
            if is_in(row, span):
                returned[row.topic_id, Source(row.source), away(row, episode), piece(row, span)] += 1
    return Statistics(
        tuple(Left(*cell) for cell in cells(left)),
        tuple(Kept(*cell) for cell in cells(kept)),
        tuple(Returned(*cell) for cell in cells(returned)),
        len(people),
        put_back,
    )


def cells(found: Counter[Any]) -> list[Any]:
    return [(*key, number) for key, number in found.items()]
