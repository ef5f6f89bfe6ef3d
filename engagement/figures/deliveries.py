"""How many mails were sent and delivered: what rates are shares of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db import connection

from engagement.counting.periods import zone
from engagement.figures.counted import Counted

_KEYS = ("brand_id", "channel", "mailing", "segment", "sent_on")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRow:
    """`sent` and `delivered` are None when known of nothing here; else sums over what is known. Of `parts` (campaigns,
    days of automations, or with the key segment days of either) the delivered number of `unknown` is not known. What
    was not asked for by key has no meaning."""

    sent: int | None
    delivered: int | None
    parts: int
    unknown: int
    brand_id: int = 0
    channel: str = ""
    mailing: str = ""
    segment: str = ""
    sent_on: date | None = None


# A campaign counts whole, on the day on which it was sent, or first seen; an automation by its days. An automation of
# which no day is known counts as one unknown, as far as it had been seen. A mailing that is named counts whole.
_PARTS = """
WITH mailings AS (
    SELECT id, brand_id, slug, channel, kind, sent_count, delivered_count,
           COALESCE((sent_at AT TIME ZONE %(zone)s)::date,
                    (SELECT min(sent_on) FROM engagement_delivery WHERE mailing_id = mailing.id),
                    (created_at AT TIME ZONE %(zone)s)::date) AS sent_on,
           EXISTS (SELECT FROM engagement_delivery WHERE mailing_id = mailing.id) AS has_days
    FROM engagement_mailing AS mailing
    WHERE (%(brands)s::bigint[] IS NULL OR brand_id = ANY(%(brands)s))
      AND (%(mailings)s::text[] IS NULL OR slug = ANY(%(mailings)s))
      AND (%(channel)s = '' OR channel = %(channel)s)
), days AS (
    SELECT mailings.brand_id, mailings.channel, slug AS mailing, delivery.segment, delivery.sent_on,
           delivery.sent_count AS sent, delivery.delivered_count AS delivered
    FROM mailings JOIN engagement_delivery AS delivery ON delivery.mailing_id = mailings.id
    WHERE CASE WHEN %(is_named)s THEN true WHEN kind = 'campaign' THEN mailings.sent_on >= %(first)s
                    AND mailings.sent_on < %(last)s
               ELSE delivery.sent_on >= %(first)s AND delivery.sent_on < %(last)s END
      AND (kind = 'automation' OR %(has_segments)s)
      AND (%(segments)s::text[] IS NULL OR delivery.segment = ANY(%(segments)s))
), parts AS (
    SELECT * FROM days
    UNION ALL
    SELECT brand_id, channel, slug, '', sent_on, sent_count, delivered_count
    FROM mailings
    WHERE NOT (has_days AND (kind = 'automation' OR %(has_segments)s)) AND %(segments)s::text[] IS NULL
      AND CASE WHEN %(is_named)s THEN true WHEN kind = 'campaign' THEN sent_on >= %(first)s AND sent_on < %(last)s
               ELSE sent_on < %(last)s END
)
"""


def deliveries(scope: Counted, *keys: str) -> list[DeliveryRow]:
    """Return what is known of sent and delivered mails by `keys`: brand_id, channel, mailing, segment, sent_on.

    Campaigns whose day of sending lies in the period, and the days of automations in it; of mailings that the scope
    names everything, whenever it was sent. With the key segment, or `values` of segments, by the days' segments.
    """
    if unknown := set(keys) - set(_KEYS):
        raise ValueError(f"There is no key {', '.join(sorted(unknown))}; there are {', '.join(_KEYS)}.")
    columns = ", ".join(
        [*keys, "sum(sent)::bigint", "sum(delivered)::bigint", "count(*)", "count(*) - count(delivered)"]
    )
    groups = ", ".join(str(number) for number in range(1, len(keys) + 1))
    end = f"GROUP BY {groups} ORDER BY {groups}" if keys else ""
    statement = f"{_PARTS} SELECT {columns} FROM parts {end}"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(statement, _values(scope, keys))
        names = (*keys, "sent", "delivered", "parts", "unknown")
        return [DeliveryRow(**dict(zip(names, row, strict=True))) for row in cursor.fetchall()]


def delivered(scope: Counted) -> DeliveryRow:
    """The sums over the whole scope."""
    return deliveries(scope)[0]


def _values(scope: Counted, keys: tuple[str, ...]) -> dict[str, Any]:
    names = scope.named_mailings
    last = (scope.end - timedelta(microseconds=1)).astimezone(zone()).date() + timedelta(days=1)
    return {
        "zone": zone().key,
        "brands": None if scope.brand_ids is None else sorted(scope.brand_ids),
        "mailings": names,
        "is_named": bool(scope.mailing),
        "channel": scope.channel,
        "first": scope.start.astimezone(zone()).date(),
        "last": last,
        "has_segments": "segment" in keys or scope.values is not None,
        "segments": None if scope.values is None else sorted(scope.values),
    }
