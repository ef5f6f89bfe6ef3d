"""How many recipients the same program, and the same network, came to at once: for many rows, by one query."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from engagement.detection.open_rules import is_proxy_agent
from engagement.judging import arrays
from engagement.judging.context import program_of
from engagement.models import Interaction, Kind
from preferences.prepared import fetch_all

# Rows within half a minute share one look, at the two minutes around. Opens and links are counted apart: an office
# where many open a mail at nine is no robot at its links.
_SLOT, _MARGIN = 30, 45

# Who was alone comes back as nothing. Two domains are the least and the greatest of any that there are.
_QUERY = """
SELECT number, visitor, left(md5(agent), 12), domain, count(DISTINCT recipient_id), min(from_domain), max(from_domain)
FROM (
    SELECT place.number, near.*, near.domain AS from_domain
    FROM unnest(%(numbers)s::int[], %(brands)s::bigint[], %(networks)s::inet[], %(are_opens)s::boolean[],
                %(firsts)s::timestamptz[], %(lasts)s::timestamptz[])
         AS place(number, brand_id, network, is_open, first_at, last_at)
    CROSS JOIN LATERAL (
        SELECT recipient_id, domain, visitor, agent
        FROM engagement_interaction
        WHERE network = place.network AND (brand_id = place.brand_id) IS TRUE
          AND (kind = 'open') = place.is_open AND kind <> 'conversion'
          AND occurred_at BETWEEN place.first_at AND place.last_at
        LIMIT 2000
    ) AS near
) AS around
GROUP BY GROUPING SETS ((number, visitor, agent), (number, domain))
HAVING count(DISTINCT recipient_id) > 1
"""


@dataclass(frozen=True, slots=True)
class Crowd:
    """`recipients` of one program at one address, whether of several mail domains, and the `colleagues` of one domain
    that its network came to."""

    recipients: int = 1
    has_strangers: bool = False
    colleagues: int = 1


ALONE = Crowd()

type _Place = tuple[int, str, bool, int]


class Crowds:
    """The crowds around stored rows. A proxy is there for everybody and has none."""

    def __init__(self, rows: Iterable[Interaction]) -> None:
        numbers: dict[_Place, int] = {}
        self._numbers = {row.id: numbers.setdefault(place, len(numbers)) for row in rows if (place := _place(row))}
        self._programs: dict[tuple[int, bytes, str], tuple[int, str, str]] = {}
        self._colleagues: dict[tuple[int, str], int] = {}
        if numbers:
            self._look(list(numbers))

    def around(self, row: Interaction) -> Crowd:
        """Return the crowd around one of the rows, `ALONE` where there is none."""
        number = self._numbers.get(row.id)
        if number is None:
            return ALONE
        colleagues = self._colleagues.get((number, row.domain), 1)
        found = self._programs.get((number, bytes(row.visitor), program_of(row.agent))) if self._programs else None
        if found is None:
            return ALONE if colleagues == 1 else Crowd(colleagues=colleagues)
        recipients, *domains = found
        return Crowd(recipients, any(domain != row.domain for domain in domains), colleagues)

    def _look(self, places: list[_Place]) -> None:
        firsts = [datetime.fromtimestamp(slot * _SLOT - _MARGIN, UTC) for *_, slot in places]
        values = {
            "numbers": arrays.plain(range(len(places))),
            "brands": arrays.plain(brand for brand, *_ in places),
            "networks": arrays.plain(network for _, network, *_ in places),
            "are_opens": arrays.plain(is_open for *_, is_open, _ in places),
            "firsts": arrays.moments(firsts),
            "lasts": arrays.moments(first + timedelta(seconds=_SLOT + 2 * _MARGIN) for first in firsts),
        }
        for number, visitor, program, domain, count, *domains in fetch_all(_QUERY, values):
            if program is None:
                self._colleagues[number, domain] = count
            else:
                self._programs[number, bytes(visitor), program] = (count, *domains)


def _place(row: Interaction) -> _Place | None:
    if not row.network or (row.kind == Kind.OPEN and is_proxy_agent(row.agent)):
        return None
    return (row.brand_id, row.network, row.kind == Kind.OPEN, int(row.occurred_at.timestamp()) // _SLOT)
