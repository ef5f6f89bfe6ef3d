"""What the recorded interactions of the last minutes say about one visitor."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from engagement.detection import Context
from engagement.models import Kind
from engagement.visitors import visitor_address
from preferences.addresses import network_hash
from preferences.prepared import fetch_all

_HOUR, _MINUTE = timedelta(hours=1), timedelta(minutes=1)
# Two looks by index, each bounded in time: the same message from the same network address within the last hour,
# and how many recipients' links this address opened around the visit. `IS TRUE` keeps an index out of the choice: a
# plan made over a young month, and kept, would read all that a gateway's address, or the whole brand, did meanwhile.
_QUERY = """
SELECT purpose || ' ' || topic, kind = %(hidden)s, min(abs(extract(epoch FROM occurred_at - %(moment)s)))::float, NULL
FROM engagement_interaction
WHERE recipient_id = %(recipient)s AND mailing = %(mailing)s AND (visitor = %(visitor)s) IS TRUE
  AND occurred_at BETWEEN %(hour_before)s AND %(hour_after)s
GROUP BY 1, 2
UNION ALL
SELECT '', false, NULL, count(DISTINCT recipient_id)
FROM (
    SELECT recipient_id FROM engagement_interaction
    WHERE visitor = %(visitor)s AND (brand_id = %(brand)s) IS TRUE
      AND occurred_at BETWEEN %(minute_before)s AND %(minute_after)s
    LIMIT 100
) AS near
"""


def context_of(*, brand_id: int, recipient_id: UUID, mailing: str, link: str, address: str, moment: float) -> Context:
    """Return the context of a visit at `moment` (seconds since 1970) to `link` ("purpose topic") of a message.

    One query. An unknown network address gives the empty context: nothing is held against nobody.
    """
    if not address:
        return Context()
    at = datetime.fromtimestamp(moment, UTC)
    *links, (_, _, _, recipients) = fetch_all(
        _QUERY,
        {
            "hidden": Kind.HIDDEN_VISIT.value,
            "recipient": recipient_id,
            "brand": brand_id,
            "mailing": mailing,
            "visitor": network_hash(visitor_address(address)),
            "moment": at,
            "hour_before": at - _HOUR,
            "hour_after": at + _HOUR,
            "minute_before": at - _MINUTE,
            "minute_after": at + _MINUTE,
        },
    )
    return Context(
        has_visited_hidden_link=any(is_hidden for _, is_hidden, _, _ in links),
        link_gaps=tuple(sorted(gap for name, _, gap, _ in links if name != link)),
        recipients_in_minute=max(1, recipients),
    )
