"""What `refuse_tracking` and `allow_tracking` of a recipient do, for many in one statement; `bulk` tells more."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection, transaction

from preferences.bulk import BEGIN, GIVEN, OptOut, Origin, arrays
from preferences.links import Channel
from preferences.models import Brand, Source
from preferences.models.writing import BRAND_LOCK

# Whoever was erased is not recorded as it is, and is not to be stored again.
_CHANGES = """, wanted AS (
    SELECT given.*, suppression.reason AS why, pause.until, coalesce(recipient.is_untracked, false) AS was_untracked,
           (SELECT max(earlier.id) FROM preferences_preferencechange AS earlier
            WHERE earlier.recipient_id = given.id AND earlier.topic_id IS NULL
              AND earlier.is_untracked <> coalesce((earlier.replaced ->> 'is_untracked')::boolean, false)) AS change_id
    FROM given
    LEFT JOIN preferences_recipient AS recipient ON recipient.id = given.id
    LEFT JOIN preferences_suppression AS suppression ON suppression.recipient_id = given.id
    LEFT JOIN preferences_pause AS pause ON pause.recipient_id = given.id
    WHERE coalesce(recipient.is_untracked, false) <> %(untracked)s AND suppression.reason IS DISTINCT FROM 'erased'
), known AS (
    INSERT INTO preferences_recipient (id, brand_id, channel, address, is_untracked)
    SELECT id, %(brand)s, %(channel)s, address, %(untracked)s FROM wanted
    ON CONFLICT (id) DO UPDATE SET is_untracked = EXCLUDED.is_untracked
), change AS (
    INSERT INTO preferences_preferencechange
        (changed_at, brand_id, recipient_id, channel, state, suppression, paused_until, is_untracked, source, reason,
         evidence, mailing, actor, replaced)
    SELECT clock_timestamp(), %(brand)s, id, %(channel)s, CASE WHEN why IS NULL THEN 'default' ELSE 'out' END,
           coalesce(why, ''), until, %(untracked)s, %(source)s, reason, evidence, '', %(actor)s,
           jsonb_build_object('state', CASE WHEN why IS NULL THEN 'default' ELSE 'out' END, 'suppression', why,
                              'change', change_id, 'paused_until', until, 'is_untracked', was_untracked)
    FROM wanted
    RETURNING id
)
SELECT count(*) FROM change
"""
_TRACK = GIVEN + _CHANGES


def track_many(brand: Brand, channel: Channel, rows: Sequence[OptOut], origin: Origin, *, is_tracked: bool) -> int:
    """Refuse or allow tracking for the recipients of `rows`, whose topics do not matter, and return for how many that
    was new. One transaction: all of them or none. Idempotent."""
    values: dict[str, int | str | None] = {
        "brand": brand.id,
        "channel": channel.value,
        "source": Source.IMPORT.value,
        "actor": origin.actor,
        "file": origin.file or None,
        "untracked": not is_tracked,
    }
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(BEGIN, [BRAND_LOCK, brand.id])
        cursor.execute(_TRACK, {**values, **arrays(rows, {})})
        count: int = cursor.fetchone()[0]
        return count
