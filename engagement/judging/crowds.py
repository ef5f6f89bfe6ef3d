"""How many recipients the same program, and the same network, came to at once: for many rows, by one query."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from engagement.detection.open_rules import is_proxy_agent
from engagement.judging.context import program_of
from engagement.models import Interaction, Kind
from preferences.prepared import fetch_all

# Rows within half a minute share one look, at the two minutes around. Opens and links are counted apart: an office
# where many open a mail at nine is no robot at its links.
_SLOT, _MARGIN = 30, 45

_QUERY = """
SELECT place.number, crowd.*
FROM unnest(%(numbers)s::int[], %(brands)s::bigint[], %(networks)s::inet[], %(are_opens)s::boolean[],
            %(firsts)s::timestamptz[], %(lasts)s::timestamptz[])
     AS place(number, brand_id, network, is_open, first_at, last_at)
CROSS JOIN LATERAL (
    SELECT visitor, program, domain, count(DISTINCT recipient_id)
    FROM (
        SELECT recipient_id, domain, visitor, left(md5(agent), 12) AS program
        FROM engagement_interaction
        WHERE network = place.network AND (brand_id = place.brand_id) IS TRUE
          AND (kind = 'open') = place.is_open AND kind <> 'conversion'
          AND occurred_at BETWEEN place.first_at AND place.last_at
        LIMIT 2000
    ) AS near
    GROUP BY GROUPING SETS ((visitor, program, domain), (domain))
) AS crowd
"""


@dataclass(frozen=True, slots=True)
class Crowd:
    """`recipients` of one program at one address, whether of several mail domains, and the `colleagues` of one domain
    that its network came to."""

    recipients: int = 1
    has_strangers: bool = False
    colleagues: int = 1


type _Place = tuple[int, str, bool, int]


class Crowds:
    """The crowds around stored rows. A proxy is there for everybody and has none."""

    def __init__(self, rows: Iterable[Interaction]) -> None:
        self._numbers: dict[_Place, int] = {}
        for row in rows:
            if place := _place(row):
                self._numbers.setdefault(place, len(self._numbers))
        self._programs: dict[tuple[int, bytes, str], dict[str, int]] = {}
        self._colleagues: dict[tuple[int, str], int] = {}
        if self._numbers:
            self._look()

    def around(self, row: Interaction) -> Crowd:
        number = self._numbers.get(place) if (place := _place(row)) else None
        if number is None:
            return Crowd()
        domains = self._programs.get((number, bytes(row.visitor), program_of(row.agent)), {})
        return Crowd(
            max(1, sum(domains.values())),
            any(domain != row.domain for domain in domains),
            max(1, self._colleagues.get((number, row.domain), 1)),
        )

    def _look(self) -> None:
        places = list(self._numbers)
        firsts = [datetime.fromtimestamp(slot * _SLOT - _MARGIN, UTC) for *_, slot in places]
        values = {
            "numbers": list(range(len(places))),
            "brands": [brand for brand, *_ in places],
            "networks": [network for _, network, *_ in places],
            "are_opens": [is_open for *_, is_open, _ in places],
            "firsts": firsts,
            "lasts": [first + timedelta(seconds=_SLOT + 2 * _MARGIN) for first in firsts],
        }
        for number, visitor, program, domain, count in fetch_all(_QUERY, values):
            if program is None:
                self._colleagues[number, domain] = count
            else:
                self._programs.setdefault((number, bytes(visitor), program), {})[domain] = count


def _place(row: Interaction) -> _Place | None:
    if not row.network or (row.kind == Kind.OPEN and is_proxy_agent(row.agent)):
        return None
    return (row.brand_id, row.network, row.kind == Kind.OPEN, int(row.occurred_at.timestamp()) // _SLOT)
