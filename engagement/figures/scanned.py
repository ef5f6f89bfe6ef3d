"""Recipients behind a scanner: those at whose messages robots were seen, by domain, and asked for by address.

Of most recipients no address is stored, only the keyed id that an address gives. So nobody can list their addresses:
who has a list of addresses asks for each of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, Max, QuerySet, Sum

from engagement.models import MailHost, Scanned
from preferences.addresses import domain, recipient_hasher
from preferences.links import Channel


@dataclass(frozen=True, slots=True)
class Domain:
    """How many recipients of a mail domain robots were seen at ("" for phones), with what these did, ever. `gateway`
    is the known one that takes the domain's mail."""

    name: str
    recipients: int
    messages: int
    events: int
    last_at: datetime
    gateway: str = ""


@dataclass(frozen=True, slots=True)
class Behind:
    """What is known of one address. `last_at` is None where no robot was seen since then."""

    last_at: datetime | None = None
    messages: int = 0
    gateway: str = ""

    @property
    def word(self) -> str:
        """`yes` when robots were seen, `likely` when a known gateway takes the mail, which may not have shown yet."""
        return "yes" if self.last_at else "likely" if self.gateway else "no"


def between(brand_ids: Collection[int], start: datetime, end: datetime) -> QuerySet[Scanned]:
    """Those at whom robots were seen last at `start` or later, and first before `end`: up to now these are all at whom
    they were seen in between; up to an earlier `end` some may be among them who had a pause then."""
    return Scanned.objects.filter(brand_id__in=brand_ids, last_at__gte=start, first_at__lt=end)


def recipients(rows: QuerySet[Scanned], names: Collection[str]) -> Counter[str]:
    """Return how many of these recipients are at each of these domains. An index has all that is asked."""
    counts = rows.filter(domain__in=names).values("domain").annotate(count=Count("*"))
    return Counter(dict(counts.values_list("domain", "count")))


def by_domain(rows: QuerySet[Scanned]) -> list[Domain]:
    """Return the domains of these recipients, those with the most first."""
    sums = rows.values("domain").annotate(
        count=Count("*"), message_count=Sum("messages"), event_count=Sum("events"), newest=Max("last_at")
    )
    found = list(sums.order_by("-count", "domain"))
    known = gateways(row["domain"] for row in found)
    return [
        Domain(
            row["domain"],
            row["count"],
            row["message_count"],
            row["event_count"],
            row["newest"],
            known.get(row["domain"], ""),
        )
        for row in found
    ]


def has_gateways() -> bool:
    """Whether it is looked up who takes a domain's mail."""
    return bool(settings.FAREWELL_LOOK_UP_MAIL_HOSTS)


def gateways(domains: Iterable[str]) -> dict[str, str]:
    """Return the known gateways of these domains; none while they are not looked up."""
    if not has_gateways():
        return {}
    known = MailHost.objects.filter(domain__in=list(domains)).exclude(gateway="")
    return dict(known.values_list("domain", "gateway"))


# Each is looked up by its key: left alone, the planner reads all of a large table for every batch.
_PLAN = "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL enable_seqscan = off"
_SEEN = """
SELECT asked.position - 1, scanned.last_at, scanned.messages
FROM unnest(%(ids)s::uuid[]) WITH ORDINALITY AS asked (id, position)
CROSS JOIN LATERAL (
    SELECT last_at, messages FROM engagement_scanned
    WHERE brand_id = %(brand)s AND recipient_id = asked.id AND last_at >= %(since)s
) AS scanned
"""


def answers(brand_id: int, channel: Channel, addresses: Sequence[str], since: datetime) -> list[Behind]:
    """Return what is known of each of `addresses` since then, in their order; nothing of "", a bad address."""
    hash_of = recipient_hasher(brand_id, channel)
    places = [place for place, address in enumerate(addresses) if address]
    ids = "{" + ",".join(hash_of(addresses[place]) for place in places) + "}"
    values: dict[str, Any] = {"ids": ids, "brand": brand_id, "since": since}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_PLAN)
        cursor.execute(_SEEN, values)
        seen = {places[position]: (last_at, messages) for position, last_at, messages in cursor.fetchall()}
    names = [domain(channel, address) for address in addresses]
    known = gateways({name for name in names if name})
    return [Behind(*seen.get(place, (None, 0)), known.get(name, "")) for place, name in enumerate(names)]
