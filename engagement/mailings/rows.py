"""Rows of a file of mailings: which column is what, and what each row says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.utils import timezone

from engagement.models import Mailing
from preferences.csv_rows import DELIMITERS, Row, cells_of, plain
from preferences.links import MAX_MAILING_LENGTH, Channel

MAX_COUNT = 10**12
_NOT_IN_A_NAME = re.compile(r"[\W_]+")
_COUNT = re.compile(r"[0-9]{1,13}\Z", re.ASCII)
# Names as mail systems export them, without case, spaces and punctuation.
NAMES = {
    "brand": ("brand", "brandslug"),
    "mailing": ("mailing", "mailingslug", "mailingid", "campaign", "campaignid"),
    "name": ("name", "mailingname", "campaignname", "subject", "title"),
    "kind": ("kind", "type", "mailingtype"),
    "automation": ("automation", "flow", "journey"),
    "channel": ("channel", "medium"),
    "topics": ("topics", "topic"),
    "sent_at": ("sentat", "sendtime", "senttime", "sendat"),
    "segment": ("segment", "segmentname"),
    "sent_on": ("senton", "sentdate", "senddate", "day", "date"),
    "sent": ("sent", "sentto", "sentcount", "recipients"),
    "delivered": ("delivered", "deliveredcount", "deliveries"),
}
_TEXTS = ("brand", "mailing", "name", "automation", "segment")
_LONGEST = {"mailing": MAX_MAILING_LENGTH, "name": 200, "automation": 100, "segment": 100}


class MailingFileError(Exception):
    """The file cannot be read as a list of mailings; the message says what to do."""


class MailingRowError(ValueError):
    """This row cannot be taken; the message says why."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The delimiter, and where in a row each thing stands."""

    delimiter: str
    places: dict[str, int]


@dataclass(frozen=True, slots=True)
class MailingRow:
    """What one row says of a mailing and of what was sent of it; "" and None where it says nothing."""

    line: int
    brand: str
    mailing: str
    name: str
    kind: str
    automation: str
    channel: str
    topics: tuple[str, ...]
    sent_at: datetime | None
    segment: str
    sent_on: date | None
    sent: int | None
    delivered: int | None


def find_columns(first_line: str) -> Columns:
    """Return the columns named in a file's first line. Raises MailingFileError when none names the mailing."""
    readings = [_places(cells_of(first_line, delimiter)) for delimiter in DELIMITERS]
    best = max(range(len(DELIMITERS)), key=lambda number: len(readings[number]))
    if not first_line.strip():
        raise MailingFileError("The file is empty.")
    if "mailing" not in readings[best]:
        shown = ", ".join(repr(name.strip()[:40]) for name in cells_of(first_line, DELIMITERS[best])[:20])
        raise MailingFileError(f"No column names the mailings: call one 'mailing' in the first line. Found: {shown}.")
    return Columns(DELIMITERS[best], readings[best])


def _places(names: Sequence[str]) -> dict[str, int]:
    told = [_NOT_IN_A_NAME.sub("", name).lower() for name in names]
    found = {field: next((told.index(name) for name in known if name in told), None) for field, known in NAMES.items()}
    return {field: place for field, place in found.items() if place is not None}


def read_row(row: Row, columns: Columns) -> MailingRow:
    """Return what a row says. Raises MailingRowError."""
    if row.problem:
        raise MailingRowError(row.problem)
    cells = {field: _cell(row.cells, place) for field, place in columns.places.items()}
    texts = {field: _text(field, cells.get(field, "")) for field in _TEXTS}
    if not texts["mailing"]:
        raise MailingRowError("no mailing")
    return MailingRow(
        line=row.line,
        **texts,
        kind=_one_of("kind", cells, Mailing.Kind.values),
        channel=_one_of("channel", cells, [channel.value for channel in Channel]),
        topics=tuple(slug.strip().lower() for slug in cells.get("topics", "").split(";") if slug.strip()),
        sent_at=_moment(cells.get("sent_at", "")),
        sent_on=_day(cells.get("sent_on", "")),
        sent=_count("sent", cells),
        delivered=_count("delivered", cells),
    )


def _cell(cells: Sequence[str], place: int) -> str:
    return plain(cells[place].strip()) if place < len(cells) else ""


def _text(field: str, text: str) -> str:
    if len(text) > (longest := _LONGEST.get(field, 100)):
        raise MailingRowError(f"{field} is longer than {longest} characters")
    if not text.isprintable():
        raise MailingRowError(f"{field} has characters that do not print")
    if "#" in text and field == "mailing":
        raise MailingRowError("a mailing has no # in its name: the segment has a column of its own")
    return text


def _one_of(field: str, cells: dict[str, str], known: Sequence[str]) -> str:
    word = cells.get(field, "").lower().replace("e-mail", "email")
    if word and word not in known:
        raise MailingRowError(f"{field} is {' or '.join(known)}, not {word[:40]!r}")
    return word


def _count(field: str, cells: dict[str, str]) -> int | None:
    if not (text := cells.get(field, "")):
        return None
    if not _COUNT.match(text) or (count := int(text)) > MAX_COUNT:
        raise MailingRowError(f"{field} is a number such as 12500, not {text[:40]!r}")
    return count


def _moment(text: str) -> datetime | None:
    """A moment without an offset is one of the server's time zone."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo else timezone.make_aware(moment)
    except (ValueError, OverflowError):
        raise MailingRowError(f"sent_at is a moment such as 2026-11-03T09:00:00+01:00, not {text[:40]!r}") from None


def _day(text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise MailingRowError(f"sent_on is a day such as 2026-11-03, not {text[:40]!r}") from None
