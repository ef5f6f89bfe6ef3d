"""The lines of the feed of interactions, as JSON and as cells of CSV. docs/feeds.md describes every column."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from preferences.csv_rows import harmless
from preferences.feed import utc

COLUMNS = (
    *("type", "action", "cursor", "id", "occurred_at", "brand", "channel", "mailing", "segment", "topic", "purpose"),
    *("kind", "answer", "record", "verdict", "old_record", "old_verdict", "revised_at", "score", "hard", "signals"),
    *("rules", "recipient", "visit", "network", "agent", "send_age", "link"),
)
_CURSOR = COLUMNS.index("cursor")
_KNOWN_OF_A_SIGNAL = ("name", "points", "hard", "reason")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the feed: the values of `COLUMNS`."""

    values: tuple[Any, ...]

    @property
    def cursor(self) -> str:
        return str(self.values[_CURSOR])

    def as_json(self) -> str:
        return json.dumps(dict(zip(COLUMNS, self.values, strict=True)), ensure_ascii=False, separators=(",", ":"))

    def cells(self) -> list[str]:
        return [_cell(value) for value in self.values]


def interaction_line(cursor: str, judged: tuple[Any, ...]) -> Line:
    """A row as it stands at this place of the feed; `judged` are the columns that both statements have."""
    return _line("interaction", "add", cursor, ("", "", None), judged)


def revision_line(cursor: str, action: str, before: tuple[Any, ...], judged: tuple[Any, ...]) -> Line:
    """A row that is judged differently now; `before` is its old record and verdict, and when that was changed."""
    return _line("revision", action, cursor, before, judged)


def cursor_line(cursor: str) -> Line:
    """Nothing but where to go on: what came before it was of other brands or kinds."""
    return Line(tuple({"type": "cursor", "cursor": cursor}.get(name) for name in COLUMNS))


def erasure_line(cursor: str, moment: datetime, brand: str, channel: str, recipient: UUID) -> Line:
    """Whose rows are to be deleted, up to which moment."""
    about = {"brand": brand, "channel": channel, "recipient": str(recipient), "occurred_at": utc(moment)}
    values = {"type": "erasure", "action": "remove", "cursor": cursor} | about
    return Line(tuple(values.get(name) for name in COLUMNS))


def _line(kind_of_line: str, action: str, cursor: str, before: tuple[Any, ...], judged: tuple[Any, ...]) -> Line:
    id, occurred_at, kind, recipient, verdict, record, score, is_hard, signals, rules, *about = judged
    brand, channel, mailing, segment, topic, purpose, answer, visit, network, agent, send_age, link = about
    old_record, old_verdict, revised_at = before
    return Line(
        (
            *(kind_of_line, action, cursor, id, utc(occurred_at), brand, channel, mailing, segment, topic, purpose),
            *(kind, answer, record, verdict, old_record or None, old_verdict or None, utc(revised_at)),
            *(score, is_hard, _signals(signals), rules, str(recipient), visit, network, agent, send_age, link),
        )
    )


def _signals(text: str | None) -> list[dict[str, Any]] | None:
    rows = json.loads(text) if text else None
    if not isinstance(rows, list):
        return None
    return [{name: row.get(name) for name in _KNOWN_OF_A_SIGNAL} for row in rows if isinstance(row, dict)]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return " ".join(str(signal["name"]) for signal in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return harmless(value) if isinstance(value, str) else str(value)
