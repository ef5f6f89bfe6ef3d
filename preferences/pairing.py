"""Companions by the thousand: which e-mail address and which phone number are one person's, as the brand says."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q, QuerySet

from preferences import addresses
from preferences.addresses import AddressError
from preferences.csv_rows import Row, plain
from preferences.imports import Columns, ImportFileError, RowError, find_columns
from preferences.links import Channel
from preferences.models import Brand, Companions, Recipient, Suppression
from preferences.models.subscriptions import SuppressionReason
from preferences.models.writing import BRAND_LOCK

BATCH_SIZE = 1_000


@dataclass(frozen=True, slots=True)
class Pair:
    email: Recipient
    phone: Recipient
    line: int


@dataclass(frozen=True, slots=True)
class PairColumns:
    """Where in a row the two addresses stand."""

    delimiter: str
    email: int
    phone: int


def find_pair_columns(first_line: str) -> PairColumns:
    """Return the columns named in a file's first line. Raises ImportFileError when it does not name both."""
    email, phone = (find_columns(first_line, channel) for channel in (Channel.EMAIL, Channel.SMS))
    if not (email.has_header and phone.has_header) or email.address == phone.address:
        raise ImportFileError("Name two columns in the first line: 'email' and 'phone'.")
    return PairColumns(_delimiter(email, phone), email.address, phone.address)


def _delimiter(email: Columns, phone: Columns) -> str:
    return max((email, phone), key=lambda columns: len(columns.names)).delimiter


def read_pair(brand: Brand, columns: PairColumns, row: Row) -> Pair:
    """Return what the row says. Raises RowError."""
    if row.problem:
        raise RowError(row.problem)
    email, phone = _address(Channel.EMAIL, row, columns.email), _address(Channel.SMS, row, columns.phone)
    return Pair(Recipient.at(brand.id, Channel.EMAIL, email), Recipient.at(brand.id, Channel.SMS, phone), row.line)


def _address(channel: Channel, row: Row, place: int) -> str:
    text = plain(row.cells[place].strip()) if place < len(row.cells) else ""
    if not text:
        raise RowError("no e-mail address" if channel is Channel.EMAIL else "no phone number")
    try:
        return addresses.validate(channel, text)
    except AddressError as error:
        raise RowError(str(error).rstrip(".")) from None


def pair_many(brand: Brand, pairs: Iterable[Pair]) -> tuple[int, list[Pair]]:
    """Store the pairs, each in place of what either side was paired with before; of two in one batch the later counts.
    Return how many are new, and those that were left out because one of the two was erased. Idempotent."""
    with transaction.atomic(durable=True):
        _take_turn(brand)
        wanted = _last_of_each(pairs)
        erased = _erased(wanted)
        left_out = [pair for pair in wanted if {pair.email.id, pair.phone.id} & erased]
        wanted = [pair for pair in wanted if not {pair.email.id, pair.phone.id} & erased]
        there = set(_touching(wanted).values_list("email_id", "phone_id"))
        new = [pair for pair in wanted if (pair.email.id, pair.phone.id) not in there]
        _touching(new).delete()
        Recipient.objects.bulk_create([one for pair in new for one in (pair.email, pair.phone)], ignore_conflicts=True)
        Companions.objects.bulk_create(
            Companions(email_id=pair.email.id, phone_id=pair.phone.id, brand=brand) for pair in new
        )
    return len(new), left_out


def part_many(brand: Brand, pairs: Collection[Pair]) -> int:
    """Drop exactly these pairs; return how many there were. Idempotent."""
    with transaction.atomic(durable=True):
        _take_turn(brand)
        wanted = {(pair.email.id, pair.phone.id) for pair in pairs}
        found = [pair for pair in _touching(pairs) if (pair.email_id, pair.phone_id) in wanted]
        Companions.objects.filter(email_id__in=[pair.email_id for pair in found]).delete()
    return len(found)


def _take_turn(brand: Brand) -> None:
    """Alone with the brand, so that nobody is erased meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [BRAND_LOCK, brand.id])


def _last_of_each(pairs: Iterable[Pair]) -> list[Pair]:
    by_email: dict[UUID, Pair] = {}
    by_phone: dict[UUID, Pair] = {}
    for pair in pairs:
        for former in (by_email.get(pair.email.id), by_phone.get(pair.phone.id)):
            if former is not None:
                by_email.pop(former.email.id, None)
                by_phone.pop(former.phone.id, None)
        by_email[pair.email.id] = by_phone[pair.phone.id] = pair
    return list(by_email.values())


def _touching(pairs: Iterable[Pair]) -> QuerySet[Companions]:
    emails, phones = [], []
    for pair in pairs:
        emails.append(pair.email.id)
        phones.append(pair.phone.id)
    return Companions.objects.filter(Q(email_id__in=emails) | Q(phone_id__in=phones))


def _erased(pairs: Iterable[Pair]) -> set[UUID]:
    ids = [one.id for pair in pairs for one in (pair.email, pair.phone)]
    rows = Suppression.objects.filter(recipient_id__in=ids, reason=SuppressionReason.ERASED)
    return set(rows.values_list("recipient_id", flat=True))
