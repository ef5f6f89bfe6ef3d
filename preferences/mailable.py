"""May mail go to these addresses? Asked for whole mailings, so set-based: one query for thousands."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection, transaction

from preferences.addresses import recipient_hasher
from preferences.links import Channel
from preferences.models import Topic

# Why an address may get the topic's mails, or may not. The words are an interface: docs/commands.md lists them.
SUBSCRIBED = "subscribed"
DEFAULT_IN = "default_in"
DEFAULT_OUT = "default_out"
BAD_ADDRESS = "bad_address"
MAY_MAIL = frozenset({SUBSCRIBED, DEFAULT_IN})

# Ids come as one array literal, which costs less than ten thousand parameters; only those answer of whom something
# is known, by reason. A suppression stands above the topic. The switches keep each batch's cost to its own size: left
# alone, the planner reads a whole large table for every batch (measured with a million rows: seven times the time).
_PLAN = "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL enable_seqscan = off"
_KNOWN = """
SELECT CASE WHEN suppression.reason IS NOT NULL THEN 'suppressed_' || suppression.reason
            WHEN subscription.state = 'in' THEN 'subscribed'
            WHEN subscription.settles_at > now() THEN 'unsubscribed_provisional'
            ELSE 'unsubscribed' END AS why, array_agg(asked.position - 1)
FROM unnest(%(ids)s::uuid[]) WITH ORDINALITY AS asked (id, position)
LEFT JOIN preferences_suppression suppression ON suppression.recipient_id = asked.id
LEFT JOIN preferences_subscription subscription ON subscription.recipient_id = asked.id
     AND subscription.topic_id = %(topic)s AND subscription.channel = %(channel)s AND subscription.state <> 'default'
WHERE suppression.recipient_id IS NOT NULL OR subscription.recipient_id IS NOT NULL
GROUP BY why
"""


def reasons(topic: Topic, channel: Channel, addresses: Sequence[str]) -> list[str]:
    """Return why each of `addresses` may get mails of `topic` or may not, in their order; "" is a bad address."""
    unknown = DEFAULT_IN if topic.is_default_in else DEFAULT_OUT
    answers = [unknown if address else BAD_ADDRESS for address in addresses]
    hash_of = recipient_hasher(topic.brand_id, channel)
    places = [place for place, address in enumerate(addresses) if address]
    ids = "{" + ",".join([hash_of(addresses[place]) for place in places]) + "}"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_PLAN)
        cursor.execute(_KNOWN, {"ids": ids, "topic": topic.id, "channel": channel.value})
        for reason, positions in cursor.fetchall():
            for position in positions:
                answers[places[position]] = reason
    return answers
