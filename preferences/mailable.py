"""May mail go to these addresses? Asked for whole mailings, so set-based: one query for thousands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

from preferences.addresses import recipient_hasher
from preferences.links import Channel
from preferences.models import Topic
from preferences.models.subscriptions import SPARING_REQUIRED

# Why an address may get the topic's mails, or may not. The words are an interface: docs/commands.md lists them.
SUBSCRIBED = "subscribed"
DEFAULT_IN = "default_in"
DEFAULT_OUT = "default_out"
REQUIRED = "required"
PAUSED = "paused"
BAD_ADDRESS = "bad_address"
MAY_MAIL = frozenset({SUBSCRIBED, DEFAULT_IN, REQUIRED})

# Ids come as one array literal, which costs less than ten thousand parameters; only those answer of whom something
# is known, by reason. A suppression stands above the topic. The switches keep each batch's cost to its own size: left
# alone, the planner reads a whole large table for every batch (measured with a million rows: seven times the time).
_PLAN = "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL enable_seqscan = off"
_KNOWN = """
SELECT CASE WHEN suppression.reason IS NOT NULL
                 AND NOT (%(required)s AND suppression.reason = ANY(%(sparing)s))
            THEN 'suppressed_' || suppression.reason
            WHEN subscription.state = 'out' AND subscription.settles_at > now() THEN 'unsubscribed_provisional'
            WHEN subscription.state = 'out' THEN 'unsubscribed'
            WHEN subscription.state IS DISTINCT FROM 'in' AND %(unknown)s = 'default_out' THEN 'default_out'
            WHEN %(required)s THEN 'required'
            WHEN subscription.paused_until > current_date OR pause.until > current_date THEN 'paused'
            WHEN subscription.state = 'in' THEN 'subscribed'
            ELSE %(unknown)s END AS why,
       coalesce(subscription.frequency, '') AS often,
       array_agg(asked.position - 1)
FROM unnest(%(ids)s::uuid[]) WITH ORDINALITY AS asked (id, position)
LEFT JOIN preferences_suppression suppression ON suppression.recipient_id = asked.id
LEFT JOIN preferences_pause pause ON pause.recipient_id = asked.id
LEFT JOIN preferences_subscription subscription ON subscription.recipient_id = asked.id
     AND subscription.topic_id = %(topic)s AND subscription.channel = %(channel)s
WHERE suppression.recipient_id IS NOT NULL OR subscription.recipient_id IS NOT NULL OR pause.recipient_id IS NOT NULL
GROUP BY why, often
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """Why an address may get mails of a topic or may not, and how often its reader wants them: a word of `Frequency`,
    "" where nothing was chosen."""

    reason: str
    frequency: str = ""


def answers(topic: Topic, channel: Channel, addresses: Sequence[str]) -> list[Answer]:
    """Return the answer for each of `addresses`, in their order; "" is a bad address."""
    unknown = Answer(_unknown(topic))
    found = [unknown if address else Answer(BAD_ADDRESS) for address in addresses]
    hash_of = recipient_hasher(topic.brand_id, channel)
    places = [place for place, address in enumerate(addresses) if address]
    values: dict[str, Any] = {
        "ids": "{" + ",".join([hash_of(addresses[place]) for place in places]) + "}",
        "topic": topic.id,
        "channel": channel.value,
        "required": topic.is_required,
        "sparing": sorted(SPARING_REQUIRED),
        "unknown": DEFAULT_IN if topic.is_default_in or topic.is_required else DEFAULT_OUT,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_PLAN)
        cursor.execute(_KNOWN, values)
        for reason, frequency, positions in cursor.fetchall():
            for position in positions:
                found[places[position]] = Answer(reason, frequency)
    return found


def _unknown(topic: Topic) -> str:
    """Of whom nothing is known: what is required by a contract goes to whoever has one."""
    if topic.is_required:
        return REQUIRED
    return DEFAULT_IN if topic.is_default_in else DEFAULT_OUT
