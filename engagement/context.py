"""What the recorded interactions of the last minutes say about one visitor."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from django.db import connection

from engagement.detection import Context
from engagement.models import Kind
from engagement.visitors import visitor_address
from preferences.addresses import network_hash

# Two looks by index, each bounded in time: the same message from the same network address within the last hour,
# and how many recipients' links this address opened around the visit.
_QUERY = """
SELECT purpose || ' ' || topic, kind = %(hidden)s,
       extract(epoch FROM min(abs(extract(epoch FROM occurred_at - %(moment)s)) * interval '1 second'))::float, NULL
FROM engagement_interaction
WHERE recipient_id = %(recipient)s AND mailing = %(mailing)s AND visitor = %(visitor)s
  AND occurred_at BETWEEN %(moment)s - interval '1 hour' AND %(moment)s + interval '1 hour'
GROUP BY 1, 2
UNION ALL
SELECT '', false, NULL, count(DISTINCT recipient_id)
FROM (
    SELECT recipient_id FROM engagement_interaction
    WHERE visitor = %(visitor)s AND brand_id = %(brand)s
      AND occurred_at BETWEEN %(moment)s - interval '1 minute' AND %(moment)s + interval '1 minute'
    LIMIT 500
) AS near
"""


def context_of(*, brand_id: int, recipient_id: UUID, mailing: str, link: str, address: str, moment: float) -> Context:
    """Return the context of a visit at `moment` (seconds since 1970) to `link` ("purpose topic") of a message.

    One query. An unknown network address gives the empty context: nothing is held against nobody.
    """
    if not address:
        return Context()
    with connection.cursor() as cursor:
        cursor.execute(
            _QUERY,
            {
                "hidden": Kind.HIDDEN_VISIT.value,
                "recipient": recipient_id,
                "brand": brand_id,
                "mailing": mailing,
                "visitor": network_hash(visitor_address(address)),
                "moment": datetime.fromtimestamp(moment, UTC),
            },
        )
        *links, (_, _, _, recipients) = cursor.fetchall()
    return Context(
        has_visited_hidden_link=any(is_hidden for _, is_hidden, _, _ in links),
        link_gaps=tuple(sorted(gap for name, _, gap, _ in links if name != link)),
        recipients_in_minute=max(1, recipients),
    )
