"""An existing suppression list read as opt-outs: which column is what, and what each row says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from django.core.exceptions import ValidationError

from preferences import addresses
from preferences.addresses import AddressError
from preferences.bulk import OptOut
from preferences.csv_rows import DELIMITERS, Row, cells_of, plain
from preferences.links import Channel
from preferences.models import Brand
from preferences.models.brands import slug_validator

MAX_REASON_LENGTH = 200
MAX_DATE_LENGTH = 40
_NOT_IN_A_NAME = re.compile(r"[\W_]+")
# Names as the exports of mail systems have them, without case, spaces and punctuation; the first found counts.
_EMAIL_NAMES = ("email", "emailaddress", "mail", "mailaddress", "emails", "subscriberemail", "recipientemail")
_PHONE_NAMES = ("phone", "phonenumber", "mobile", "mobilephone", "mobilenumber", "msisdn", "telephone", "cell", "tel")
_ADDRESS_NAMES = ("address", "recipient", "contact")
_TOPIC_NAMES = ("topic", "topicslug")
_REASON_NAMES = ("reason", "unsubreason", "unsubscribereason", "optoutreason")
_DATE_NAMES = (
    "date",
    "unsubtime",
    "unsubscribedat",
    "unsubscribedate",
    "optoutdate",
    "optedoutat",
    "createdat",
    "created",
)
# A date is kept as the file has it. Nothing that could be somebody's address passes for one.
_DATE = re.compile(r"[\w :/.,+-]+\Z", re.ASCII)


class ImportFileError(Exception):
    """The file cannot be read as a list of opt-outs; the message says what to do."""


class RowError(ValueError):
    """This row is no opt-out; the message says why."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Where in a row each thing stands, None where the file does not have it."""

    delimiter: str
    names: Sequence[str]
    has_header: bool
    address: int
    topic: int | None = None
    reason: int | None = None
    date: int | None = None


def find_columns(first_line: str, channel: Channel) -> Columns:
    """Return the columns named in a file's first line. Raises ImportFileError when it names no address.

    A file of nothing but addresses needs no header.
    """
    readings = [cells_of(first_line, delimiter) for delimiter in DELIMITERS]
    columns = [_named(names, delimiter, channel) for names, delimiter in zip(readings, DELIMITERS, strict=True)]
    if found := [each for each in columns if each]:
        return max(found, key=lambda each: len(each.names))
    names = max(readings, key=len)
    if not any(name.strip() for name in names):
        raise ImportFileError("The file is empty.")
    if len(names) == 1 and _is_address(channel, names[0]):
        return Columns(",", ["address"], has_header=False, address=0)
    wanted = "email" if channel is Channel.EMAIL else "phone"
    shown = ", ".join(repr(name.strip()[:40]) for name in names[:20])
    raise ImportFileError(f"No column holds the addresses: name one {wanted!r} in the first line. Found: {shown}.")


def _named(names: Sequence[str], delimiter: str, channel: Channel) -> Columns | None:
    plain_names = [_NOT_IN_A_NAME.sub("", name).lower() for name in names]

    def place(*known: str) -> int | None:
        return next((plain_names.index(name) for name in known if name in plain_names), None)

    address = place(*(_EMAIL_NAMES if channel is Channel.EMAIL else _PHONE_NAMES), *_ADDRESS_NAMES)
    if address is None:
        return None
    places = {"topic": place(*_TOPIC_NAMES), "reason": place(*_REASON_NAMES), "date": place(*_DATE_NAMES)}
    return Columns(delimiter, [name.strip() for name in names], has_header=True, address=address, **places)


def _is_address(channel: Channel, text: str) -> bool:
    try:
        addresses.validate(channel, plain(text.strip()))
    except AddressError:
        return False
    return True


class RowReader:
    """Reads rows as opt-outs of a brand; a row without a topic of its own leaves `topic`, or everything if "".

    It needs no database, so that rows can be read while others are written.
    """

    def __init__(self, brand: Brand, channel: Channel, columns: Columns, topic: str) -> None:
        self._channel = channel
        self._hash_of = addresses.recipient_hasher(brand.id, channel)
        self._columns = columns
        self._topic = topic
        self._checked = {""}

    def read(self, row: Row) -> OptOut:
        """Return what the row says. Raises RowError."""
        if row.problem:
            raise RowError(row.problem)
        columns, cells = self._columns, row.cells
        text = plain(_cell(cells, columns.address))
        if not text:
            raise RowError("no address")
        try:
            address = addresses.validate(self._channel, text)
        except AddressError as error:
            raise RowError(str(error).rstrip(".")) from None
        topic = self._checked_topic(_cell(cells, columns.topic).lower()) or self._topic
        reason = _printable(_cell(cells, columns.reason))[:MAX_REASON_LENGTH]
        date = _cell(cells, columns.date)[:MAX_DATE_LENGTH]
        address = addresses.canonical(self._channel, address)
        return OptOut(self._hash_of(address), address, row.line, topic, reason, date if _DATE.match(date) else "")

    def _checked_topic(self, slug: str) -> str:
        if slug not in self._checked:
            try:
                slug_validator(slug)
            except ValidationError:
                raise RowError("not a topic's slug: 1 to 64 of a-z 0-9 _ -, first a letter or digit") from None
            self._checked.add(slug)
        return slug


def _cell(cells: Sequence[str], place: int | None) -> str:
    return cells[place].strip() if place is not None and place < len(cells) else ""


def _printable(text: str) -> str:
    return text if text.isprintable() else "".join(letter if letter.isprintable() else " " for letter in text)
