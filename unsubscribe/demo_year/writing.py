"""Writes the year: interactions with COPY in the order of sending, and the farewells through the domain's verbs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import batched
from random import Random

from django.db import connection, transaction

from engagement.counting import position
from engagement.models import Conversion, Delivery, Kind, Mailing, TrackedLink
from engagement.recording import partitions
from engagement.recording.recorder import Event
from engagement.recording.rows import COLUMNS, copy_row
from engagement.recording.targets import link_number, stored_url
from preferences.directory import BrandEntry, entry_of
from preferences.links import Channel
from preferences.models import Brand, Cause, PreferenceChange, Recipient, Source, Subscription
from unsubscribe.demo_year.behaviour import Farewell, Message
from unsubscribe.demo_year.plan import Sending, plan
from unsubscribe.demo_year.readers import Reader, make_phones, make_readers

_COPY = f"COPY engagement_interaction ({', '.join(COLUMNS)}) FROM STDIN"
_BATCH = 5_000
_TRIED = 300  # readers whose year is played first, to see how many events one makes
_PHONES = 0.2  # of as many as there are readers of mail
_BOUNCE = 0.02
_PUT_BACK_AFTER = timedelta(minutes=50)


@dataclass(frozen=True, slots=True)
class Written:
    events: int
    readers: int
    mailings: int
    farewells: int


def write_year(brand: Brand, events: int, end: datetime, seed: int, progress: Callable[[int], object] = int) -> Written:
    """Write about `events` interactions of the year before `end`. `progress` is told the number of each batch.

    The same `seed` gives the same year. What is written stays when it is stopped: mailing after mailing.
    """
    partitions.make_partitions((end - timedelta(days=366)).date(), months=15)
    entry, sendings = entry_of(brand), plan(end)
    readers, phones = _audience(entry, sendings, events, seed)
    chance, farewells, count = Random(seed), list[Farewell](), 0  # noqa: S311
    sent: Counter[tuple[str, str, date]] = Counter()
    for batch in batched(_events(entry, sendings, readers, phones, chance, farewells, sent, end), _BATCH):
        _copy(batch)
        _write_conversions(batch, chance)
        count += len(batch)
        progress(len(batch))
    _write_mailings(brand, sendings, sent, chance)
    _write_farewells(brand, farewells)
    return Written(count, len(readers), len(sendings), len(farewells))


def _audience(entry: BrandEntry, sendings: list[Sending], events: int, seed: int) -> tuple[list[Reader], list[Reader]]:
    """As many readers as make about that many events in the year, by trying a few first."""
    chance = Random(seed)  # noqa: S311
    readers, phones = make_readers(_TRIED, chance), make_phones(int(_TRIED * _PHONES), chance)
    tried = sum(1 for _ in _events(entry, sendings, readers, phones, chance, [], Counter(), sendings[-1].at))
    number = max(20, round(_TRIED * events / max(tried, 1)))
    chance = Random(seed)  # noqa: S311
    return make_readers(number, chance), make_phones(int(number * _PHONES), chance)


def _events(
    entry: BrandEntry,
    sendings: list[Sending],
    readers: list[Reader],
    phones: list[Reader],
    chance: Random,
    farewells: list[Farewell],
    sent: Counter[tuple[str, str, date]],
    end: datetime,
) -> Iterator[Event]:
    latest = end.timestamp()
    for sending in sendings:
        audience = phones if sending.channel is Channel.SMS else readers
        found: list[Event] = []
        for reader in audience:
            if sending.topic in reader.left or chance.random() > sending.share:
                continue
            sent[sending.slug, reader.segment, sending.at.date()] += 1
            message = Message(entry, sending, reader, chance)
            found += [event for event in message if event.occurred_at < latest]
            if message.farewell and message.farewell.at < latest:
                farewells.append(message.farewell)
        yield from sorted(found, key=lambda event: event.occurred_at)


def _copy(events: Iterable[Event]) -> None:
    lines = "".join([copy_row(event).line for event in events])  # before the COPY: judging may ask the database
    with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
        copy.write(lines.encode())


def _write_conversions(events: Iterable[Event], chance: Random) -> None:
    Conversion.objects.bulk_create(
        [
            Conversion(
                brand_id=event.link.brand.id,
                recipient_id=event.link.recipient_id,
                mailing=event.link.claims.mailing,
                segment=event.link.claims.segment,
                topic=event.link.claims.topic,
                link=link_number(stored_url(event.link.claims.target)),
                name="order",
                key=chance.randbytes(32),
                value=Decimal(chance.randrange(900, 24_000)) / 100,
                currency="EUR",
                occurred_at=datetime.fromtimestamp(event.occurred_at, UTC),
            )
            for event in events
            if event.kind == Kind.CONVERSION
        ]
    )


def _write_mailings(
    brand: Brand, sendings: list[Sending], sent: Counter[tuple[str, str, date]], chance: Random
) -> None:
    firsts = {sending.slug: sending for sending in reversed(sendings)}
    for sending in firsts.values():
        days = {key: count for key, count in sent.items() if key[0] == sending.slug}
        rows = [
            Delivery(segment=segment, sent_on=day, sent_count=count, delivered_count=_delivered(count, chance))
            for (_, segment, day), count in sorted(days.items())
        ]
        kind = Mailing.Kind.AUTOMATION if sending.automation else Mailing.Kind.CAMPAIGN
        mailing, _ = Mailing.objects.update_or_create(
            brand=brand,
            slug=sending.slug,
            defaults={
                "name": sending.name,
                "kind": kind,
                "automation": sending.automation,
                "channel": sending.channel.value,
                "sent_at": sending.at,
                "sent_count": sum(row.sent_count for row in rows),
                "delivered_count": sum(row.delivered_count or 0 for row in rows),
            },
        )
        mailing.topics.set([brand.topic_for(sending.topic)])
        for row in rows:
            row.mailing = mailing
        Delivery.objects.bulk_create(rows)
        TrackedLink.objects.bulk_create(
            [
                TrackedLink(brand=brand, mailing=sending.slug, number=link_number(stored_url(url)), url=stored_url(url))
                for url in sending.links
            ],
            ignore_conflicts=True,
        )


def _delivered(count: int, chance: Random) -> int:
    return sum(chance.random() > _BOUNCE for _ in range(count)) if count < 1000 else round(count * (1 - _BOUNCE))


def _write_farewells(brand: Brand, farewells: list[Farewell]) -> None:
    """Through the verbs, so that ledger and state agree; then each change is moved to its moment. What a counter has
    found meanwhile it found in the wrong hour, so the ledger is counted anew."""
    moments: dict[int, datetime] = {}
    for farewell in farewells:
        reader, at = farewell.reader, datetime.fromtimestamp(farewell.at, UTC)
        recipient = Recipient.at(brand.id, reader.channel, reader.address)
        topic_id = brand.topic_for(farewell.topic).id
        outcome = recipient.opt_out(topic_id, Cause(farewell.source, farewell.mailing))
        moments |= dict.fromkeys(outcome.change_ids, at)
        if farewell.is_robots and outcome.change_ids:
            reason = "The same visitor followed the link that no person can see."
            cause = Cause(Source.REINSTATEMENT, farewell.mailing, reason)
            back = recipient.undo_change(outcome.change_ids[0], topic_id, cause)
            moments |= dict.fromkeys(back.change_ids, at + _PUT_BACK_AFTER)
    with transaction.atomic():
        position.lock()
        position.forget_ledger()
        for batch in batched(moments, 500):
            _move(list(PreferenceChange.objects.filter(id__in=batch)), moments)


def _move(rows: list[PreferenceChange], moments: dict[int, datetime]) -> None:
    for row in rows:
        row.changed_at = moments[row.id]
    PreferenceChange.objects.bulk_update(rows, ["changed_at"])
    for row in rows:
        Subscription.objects.filter(change_id=row.id).update(changed_at=row.changed_at)
