"""What the recorded interactions around a visit say about its visitor. Opens and clicks: surroundings.py."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from engagement.detection import Context, Trail
from engagement.detection.browsers import family
from engagement.detection.organisations import is_organisation
from engagement.learning import learned
from engagement.mail_hosts import gateway_of
from engagement.models import Kind
from preferences.prepared import fetch_all

_HOUR, _MINUTE, _MONTH = timedelta(hours=1), timedelta(minutes=1), timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Seen:
    """A page view as its context is looked for: whose link ("purpose topic") of which mail, by which visitor.

    `visitor` is the hash of the network address, `network` that address cut (visitors.py), both empty when unknown;
    `program` stands for the exact agent. `moment` is in seconds since 1970; later interactions count up to `until`.
    """

    brand_id: int
    recipient_id: UUID
    domain: str
    mailing: str
    link: str
    visitor: bytes
    network: str
    program: str
    moment: float
    until: datetime | None = None
    agent: str = ""


@lru_cache(16_384)
def program_of(agent: str) -> str:
    """Return twelve characters that are equal for equal agents; SQL makes the same of a stored one."""
    return hashlib.md5(agent.encode(), usedforsecurity=False).hexdigest()[:12]


# Three looks by index, each bounded in time. What the same network address did at the links of this message within the
# last hour, by program; who came from there before and was a person; and how many recipients' links were opened from
# this network around the visit. `IS TRUE` keeps an index out of the choice: a plan made over a young month, and kept,
# would read all that a gateway's address, or the whole brand, did meanwhile.
_QUERY = """
SELECT 'link', purpose || ' ' || topic || COALESCE(' ' || link, ''), kind = %(hidden)s,
       left(md5(agent), 12) = %(program)s,
       min(abs(extract(epoch FROM occurred_at - %(moment)s)))::float,
       bool_or(is_hard AND jsonb_path_exists(signals, %(machine)s)), NULL::bigint, NULL::bigint, NULL::bigint
FROM engagement_interaction
WHERE recipient_id = %(recipient)s AND mailing = %(mailing)s AND (visitor = %(visitor)s) IS TRUE
  AND occurred_at BETWEEN %(hour_before)s AND %(until)s AND kind NOT IN ('open', 'conversion')
GROUP BY 2, 3, 4
UNION ALL
SELECT * FROM (
    SELECT DISTINCT 'person', agent, NULL::boolean, NULL::boolean, NULL::float, NULL::boolean, NULL::bigint,
           NULL::bigint, NULL::bigint
    FROM engagement_interaction
    WHERE recipient_id = %(recipient)s AND kind NOT IN ('open', 'click', 'conversion')
      AND verdict = 'human' AND signals @> %(hand)s::jsonb
      AND (visitor = %(visitor)s) IS TRUE
      AND occurred_at BETWEEN %(month_before)s AND %(hour_before)s
    LIMIT 5
) AS persons
UNION ALL
SELECT 'crowd', NULL, NULL, NULL, NULL, NULL,
       count(DISTINCT recipient_id) FILTER (WHERE is_own), count(*) FILTER (WHERE is_own AND domain <> %(domain)s),
       count(DISTINCT recipient_id) FILTER (WHERE domain = %(domain)s)
FROM (
    SELECT recipient_id, domain, visitor = %(visitor)s AND left(md5(agent), 12) = %(program)s AS is_own
    FROM engagement_interaction
    WHERE network = %(network)s::inet AND (brand_id = %(brand)s) IS TRUE
      AND occurred_at BETWEEN %(minute_before)s AND %(minute_after)s AND kind NOT IN ('open', 'conversion')
    LIMIT 500
) AS near
"""
# By its request or by its page, not by its context, which is looked at anew here.
MACHINE = '$[*] ? (@.name == "head_request" || @.name == "webdriver" || @.name == "framed")'
HAND = '[{"name": "trusted_input"}]'


def context_of(seen: Seen) -> Context:
    """Return the context of a page view: one query. An unknown network address gives the empty context: nothing is
    held against nobody."""
    if not seen.network:
        return Context(is_learned_agent=learned.is_agent(seen.agent))
    at = datetime.fromtimestamp(seen.moment, UTC)
    rows = fetch_all(
        _QUERY,
        {
            "hidden": Kind.HIDDEN_VISIT.value,
            "machine": MACHINE,
            "hand": HAND,
            "recipient": seen.recipient_id,
            "brand": seen.brand_id,
            "domain": seen.domain,
            "mailing": seen.mailing,
            "visitor": seen.visitor,
            "network": seen.network,
            "program": seen.program,
            "moment": at,
            "hour_before": at - _HOUR,
            "month_before": at - _MONTH,
            "until": seen.until or at + _HOUR,
            "minute_before": at - _MINUTE,
            "minute_after": at + _MINUTE,
        },
    )
    return _context(seen, rows)


def _context(seen: Seen, rows: list[tuple[Any, ...]]) -> Context:
    links = [row for row in rows if row[0] == "link"]
    *_, recipients, strangers, colleagues = next(row for row in rows if row[0] == "crowd")
    is_one = is_organisation(seen.domain)
    return Context(
        own=_trail(seen.link, [row for row in links if row[3]]),
        other=_trail(seen.link, [row for row in links if not row[3] and row[4] <= _MINUTE.total_seconds()]),
        recipient_count=max(1, recipients),
        is_one_organisation=is_one and strangers == 0,
        neighbour_count=max(1, colleagues) if is_one else 1,
        was_human=is_known((row[1] for row in rows if row[0] == "person"), seen.agent),
        is_learned_agent=learned.is_agent(seen.agent),
        is_learned_network=learned.is_network(seen.network),
        mail_gateway=gateway_of(seen.domain) if is_one else "",
    )


def _trail(link: str, rows: list[tuple[Any, ...]]) -> Trail:
    return Trail(
        has_visited_hidden_link=any(is_hidden for _, _, is_hidden, *_ in rows),
        link_gaps=without_redirect(sorted((gap, name) for _, name, _, _, gap, *_ in rows if name != link), "click "),
        was_machine=any(row[5] for row in rows),
    )


_SECONDS_OF_A_REDIRECT = 2  # that a browser takes from a tracked link to the page behind it, at most


def without_redirect(gaps: Iterable[tuple[float, str]], *purposes: str) -> tuple[float, ...]:
    """Return the gaps to other links, without the nearest to one of `purposes` when it is as near as a redirect: who
    follows a tracked link to a page of ours requests both at once, and has followed one link only."""
    gaps = list(gaps)
    near = (at for at, (gap, name) in enumerate(gaps) if gap < _SECONDS_OF_A_REDIRECT and name.startswith(purposes))
    redirect = next(near, None)
    return tuple(gap for at, (gap, _) in enumerate(gaps) if at != redirect)


def is_known(agents: Iterable[str], agent: str) -> bool:
    return bool(own := family(agent)) and any(family(other) == own for other in agents)
