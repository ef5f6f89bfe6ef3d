"""Mailings and how many of them were sent and delivered, brought in by the thousand from a mail system's own list.

What a row says takes the place of what was known, what it leaves open stays. The same rows twice change nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date

from django.db import connection, transaction
from django.utils import timezone

from engagement.mailings.rows import MailingRow, MailingRowError
from engagement.models import Delivery, Mailing
from preferences.models import Brand, Topic

BATCH_SIZE = 1_000
_DETAILS = ["name", "kind", "automation", "channel", "sent_at"]

type Problem = tuple[int, str]  # a line and its reason
type MailingKey = tuple[int, str]
type DeliveryKey = tuple[int, str, str, date]

# A total of which a part is not known is not known; what somebody wrote by hand stays as long as no part is.
_TOTALS = """
UPDATE engagement_mailing AS mailing SET sent_count = sums.sent, delivered_count = CASE
    WHEN sums.known = 0 THEN mailing.delivered_count WHEN sums.known = sums.parts THEN sums.delivered END
FROM (
    SELECT mailing_id, sum(sent_count) AS sent, sum(delivered_count) AS delivered, count(delivered_count) AS known,
           count(*) AS parts
    FROM engagement_delivery WHERE mailing_id = ANY(%s) GROUP BY 1
) AS sums
WHERE mailing.id = sums.mailing_id
"""


@dataclass(slots=True)
class Result:
    """What came of some rows."""

    new_count: int = 0
    changed_count: int = 0
    delivery_count: int = 0
    problems: list[Problem] = field(default_factory=list)

    def add(self, other: Result) -> None:
        self.new_count += other.new_count
        self.changed_count += other.changed_count
        self.delivery_count += other.delivery_count
        self.problems += other.problems


class MailingImport:
    """Brings rows in. With `brand`, those of another are refused, and those that name none are that brand's."""

    def __init__(self, brand: Brand | None = None) -> None:
        self._brand = brand
        self._brands = {row.slug: row.pk for row in ([brand] if brand else Brand.objects.all())}
        topics = Topic.objects.filter(brand__in=self._brands.values())
        self._topics = {(row.brand_id, row.slug): row.pk for row in topics}

    def write(self, rows: Sequence[MailingRow]) -> Result:
        """Write what the rows say, in one transaction; those that cannot be taken are told and change nothing."""
        with transaction.atomic():
            batch = _Batch(self._known(rows), self._topics)
            result = Result()
            for row in rows:
                try:
                    batch.take(row, self._brand_of(row))
                except MailingRowError as error:
                    result.problems.append((row.line, str(error)))
            batch.save(result)
        return result

    def _known(self, rows: Sequence[MailingRow]) -> list[Mailing]:
        brands = {self._brands.get(row.brand) or (self._brand and self._brand.pk) for row in rows}
        slugs = {row.mailing for row in rows}
        # In one order, so that two imports never wait for each other.
        found = Mailing.objects.select_for_update().filter(brand__in=brands - {None}, slug__in=slugs)
        return list(found.order_by("pk"))

    def _brand_of(self, row: MailingRow) -> int:
        if not row.brand and self._brand:
            return self._brand.pk
        if not row.brand:
            raise MailingRowError("no brand: add a column, or name it with --brand")
        if row.brand not in self._brands and self._brand:
            raise MailingRowError(f"brand is {row.brand[:40]!r}, and only those of {self._brand.slug!r} are brought in")
        if row.brand not in self._brands:
            raise MailingRowError(f"there is no brand {row.brand[:40]!r}")
        return self._brands[row.brand]


class _Batch:
    """The mailings of some rows and what was sent of them, as they are and as they will be."""

    def __init__(self, mailings: Iterable[Mailing], topics: dict[tuple[int, str], int]) -> None:
        self._topics = topics
        self._mailings: dict[MailingKey, Mailing] = {(row.brand_id, row.slug): row for row in mailings}
        self._known = set(self._mailings)
        found = Delivery.objects.filter(mailing__in=[row.pk for row in self._mailings.values()])
        self._deliveries: dict[DeliveryKey, Delivery] = {
            (row.mailing.brand_id, row.mailing.slug, row.segment, row.sent_on): row
            for row in found.select_related("mailing")
        }
        self._changed: set[MailingKey] = set()
        self._counted: set[DeliveryKey] = set()
        self._topic_ids: dict[MailingKey, set[int]] = {}

    def take(self, row: MailingRow, brand_id: int) -> None:
        """Raises MailingRowError, and then has changed nothing."""
        key = (brand_id, row.mailing)
        mailing = self._mailings.get(key) or Mailing(brand_id=brand_id, slug=row.mailing)
        if unknown := [slug for slug in row.topics if (brand_id, slug) not in self._topics]:
            raise MailingRowError(f"the brand has no topic {unknown[0][:64]!r}")
        if row.sent is not None or row.delivered is not None:
            self._take_counts(row, mailing)
        elif row.segment or row.sent_on:
            raise MailingRowError("neither sent nor delivered is given for this segment and day")
        self._mailings[key] = mailing
        if row.topics:
            self._topic_ids[key] = {self._topics[brand_id, slug] for slug in row.topics}
        for name, value in self._details(row):
            if getattr(mailing, name) != value:
                setattr(mailing, name, value)
                self._changed.add(key)

    def _details(self, row: MailingRow) -> list[tuple[str, object]]:
        kind = row.kind or (Mailing.Kind.AUTOMATION.value if row.automation else "")
        values = (row.name, kind, row.automation, row.channel, row.sent_at)
        return [(name, value) for name, value in zip(_DETAILS, values, strict=True) if value]

    def _take_counts(self, row: MailingRow, mailing: Mailing) -> None:
        sent_at = row.sent_at or mailing.sent_at
        sent_on = row.sent_on or (timezone.localdate(sent_at) if sent_at else None)
        if sent_on is None:
            raise MailingRowError("it is not known when this was sent: give sent_on, or sent_at")
        key = (mailing.brand_id, mailing.slug, row.segment, sent_on)
        delivery = self._deliveries.get(key)
        sent = row.sent if row.sent is not None else delivery.sent_count if delivery else None
        delivered = row.delivered if row.delivered is not None else delivery.delivered_count if delivery else None
        if sent is None:
            to = f" to the segment {row.segment!r}" if row.segment else ""
            raise MailingRowError(f"delivered, but nothing is known to have been sent{to} on {sent_on}: give sent")
        if delivered is not None and delivered > sent:
            raise MailingRowError(f"more were delivered ({delivered}) than sent ({sent})")
        if delivery is None or (delivery.sent_count, delivery.delivered_count) != (sent, delivered):
            delivery = delivery or Delivery(mailing=mailing, segment=row.segment, sent_on=sent_on)
            delivery.sent_count, delivery.delivered_count = sent, delivered
            self._deliveries[key] = delivery
            self._counted.add(key)

    def save(self, result: Result) -> None:
        new = [row for key, row in self._mailings.items() if key not in self._known]
        changed = [self._mailings[key] for key in sorted(self._changed & self._known)]
        # Where a link has named one meanwhile, nothing more is known of it than that.
        unique = ["brand", "slug"]
        Mailing.objects.bulk_create(new, update_conflicts=True, unique_fields=unique, update_fields=_DETAILS)
        Mailing.objects.bulk_update(changed, _DETAILS)
        deliveries = [self._deliveries[key] for key in sorted(self._counted)]
        for delivery in deliveries:
            delivery.mailing_id = delivery.mailing.pk
        Delivery.objects.bulk_create(
            [Delivery(**{name: getattr(row, name) for name in _DELIVERY}) for row in deliveries],
            update_conflicts=True,
            unique_fields=["mailing", "segment", "sent_on"],
            update_fields=["sent_count", "delivered_count"],
        )
        self._save_topics()
        with connection.cursor() as cursor:
            cursor.execute(_TOTALS, [sorted({row.mailing_id for row in deliveries})])
        result.new_count += len(new)
        result.changed_count += len(changed)
        result.delivery_count += len(deliveries)

    def _save_topics(self) -> None:
        through = Mailing.topics.through
        wanted = {self._mailings[key].pk: topics for key, topics in self._topic_ids.items()}
        there = through.objects.filter(mailing_id__in=wanted)
        through.objects.filter(pk__in=[row.pk for row in there if row.topic_id not in wanted[row.mailing_id]]).delete()
        rows = [through(mailing_id=mailing, topic_id=topic) for mailing, topics in wanted.items() for topic in topics]
        through.objects.bulk_create(rows, ignore_conflicts=True)


_DELIVERY = ("mailing_id", "segment", "sent_on", "sent_count", "delivered_count")
