"""From which networks, and by which programs, robots come to the recipients of one mail domain.

What is counted keeps domains, networks and programs apart: each with each would be as long as what is stored. So the
events themselves are read, the newest of the recipients that robots were seen at last. Of a small domain that is
everything; of a large one it is as much as shows who scans it. What it costs depends on neither.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

from django.db import connection

from engagement.counting.ages import COARSE
from engagement.counting.origins import COARSE_PACES
from engagement.figures.counted import UNJUDGED, Counted, TallyRow
from engagement.figures.scanning import Scanner, cut_agent, scanners

RECIPIENTS, EVENTS = 100, 100  # the most that are read: recipients of the domain, and events of each

_EVENTS = """
WITH seen AS (
    SELECT brand_id, recipient_id FROM engagement_scanned
    WHERE brand_id = ANY(%(brands)s) AND domain = %(domain)s AND last_at >= %(start)s AND first_at < %(end)s
    ORDER BY last_at DESC, recipient_id LIMIT %(recipients)s + 1
)
SELECT seen.recipient_id,
       COALESCE(NULLIF(event.facts -> 'request' ->> 'network', ''),
                host(event.network) || '/' || CASE family(event.network) WHEN 4 THEN '24' ELSE '48' END, ''),
       event.agent, event.record,
       COALESCE((%(classes)s::int[])[width_bucket(event.send_age, %(ages)s::bigint[])], -1)
FROM seen
LEFT JOIN LATERAL (
    SELECT facts, network, agent, record, send_age FROM engagement_interaction
    WHERE recipient_id = seen.recipient_id AND brand_id = seen.brand_id AND verdict = 'machine'
      AND record <> ALL(%(unjudged)s) AND occurred_at >= %(start)s AND occurred_at < %(end)s
      AND (%(channel)s = '' OR channel = %(channel)s)
    ORDER BY occurred_at DESC LIMIT %(events)s + 1
) AS event ON true
"""


@dataclass(frozen=True, slots=True)
class AtDomain:
    """Who came to a domain, the busiest first, in `events` events at `recipients` recipients; whether that is all."""

    networks: list[Scanner]
    programs: list[Scanner]
    events: int
    recipients: int
    is_all: bool


def at_domain(scope: Counted, domain: str) -> AtDomain:
    """Return who scans the domain's recipients in the period."""
    values: dict[str, Any] = {
        **{"brands": scope.brands, "domain": domain, "start": scope.start, "end": scope.end},
        **{"channel": scope.channel, "unjudged": list(UNJUDGED), "recipients": RECIPIENTS, "events": EVENTS},
        **{"classes": list(COARSE), "ages": list(COARSE_PACES)},
    }
    found: defaultdict[Any, list[tuple[str, str, str, int]]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(_EVENTS, values)
        for recipient, *event in cursor.fetchall():
            found[recipient].append((*event,))
    return _added_up(list(found.values()))


def _added_up(found: list[list[Any]]) -> AtDomain:
    shown = [[event for event in events if event[2] is not None] for events in found[:RECIPIENTS]]
    is_all = len(found) <= RECIPIENTS and all(len(events) <= EVENTS for events in shown)
    events = [event for one in shown for event in one[:EVENTS]]
    return AtDomain(
        _by(Counter((network, record, age) for network, _, record, age in events)),
        _by(Counter((cut_agent(agent), record, age) for _, agent, record, age in events)),
        len(events),
        sum(bool(one) for one in shown),
        is_all,
    )


def _by(counts: Counter[tuple[str, str, int]]) -> list[Scanner]:
    rows = [
        TallyRow(events=count, value=value, record=record, verdict="machine", age=age)
        for (value, record, age), count in counts.items()
    ]
    return sorted(scanners(rows).values(), key=lambda one: (-one.events, one.name))
