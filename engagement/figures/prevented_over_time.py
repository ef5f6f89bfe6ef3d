"""What robots did to the lists over time, and what was put back, by the ledger's index on brand and time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from engagement.figures.opt_outs import Scope, rows_of

# An opt-out at the page that was a robot's by what the ledger says of the visit: one for each page view. The
# pieces are numbered from 1, the whole period has no number.
_STATEMENT = """
SELECT width_bucket(changed_at, %(starts)s::timestamptz[]),
       count(DISTINCT COALESCE(evidence ->> 'visit', id::text)) FILTER (WHERE is_by_robot),
       count(DISTINCT recipient_id) FILTER (WHERE is_put_back)
FROM preferences_preferencechange, LATERAL (SELECT
    source IN ('arrival', 'confirm_button') AND topic_id IS NOT NULL AND evidence ->> 'verdict' = 'machine'
        AND state = 'out' AND replaced ->> 'state' IS DISTINCT FROM 'out',
    source = 'reinstatement' AND state <> 'out' AND replaced ->> 'state' = 'out'
) AS was(is_by_robot, is_put_back)
WHERE changed_at >= %(start)s AND changed_at < %(end)s AND (is_by_robot OR is_put_back)
  AND (%(brands)s::bigint[] IS NULL OR brand_id = ANY(%(brands)s)) AND (%(mailing)s = '' OR mailing = %(mailing)s)
  AND (%(channel)s = '' OR channel = %(channel)s)
GROUP BY GROUPING SETS ((1), ())
"""


@dataclass(frozen=True, slots=True)
class Ended:
    """Page views of robots that ended with an opt-out, and recipients whom a robot had ended and who were put back."""

    views: int = 0
    put_back: int = 0


def ended(scope: Scope, starts: Sequence[datetime]) -> tuple[list[Ended], Ended]:
    """Return one for each of the pieces that begin at `starts`, and the whole period's, where each counts once."""
    found = {
        piece: Ended(views, put_back) for piece, views, put_back in rows_of(_STATEMENT, scope, starts=list(starts))
    }
    return [found.get(number, Ended()) for number in range(1, len(starts) + 1)], found.get(None, Ended())
