"""Robots that are known by what they did: programs, and networks, learned once a week from the interactions.

The rule for programs is Webex Campaign's: an agent with more than ten visits to the same link, or clicks on it, within
an hour is a robot from then on. A sealed link belongs to one recipient, so that nobody else shares its count. What
keeps a program that people use from being learned stands beside each guard below; what is learned can be refused.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from ipaddress import ip_address
from threading import Lock, Thread
from typing import Any

from django.conf import settings
from django.db import Error, connection, transaction

from engagement.detection.browsers import family
from engagement.detection.openers import find_opener
from engagement.models import Learned
from engagement.visitors import agent_class

logger = logging.getLogger(__name__)

# A week is looked at, and a day more for a run that comes late; what people do, over a month.
_LOOK_BACK, _PEOPLE_LOOK_BACK, _NETWORK_LOOK_BACK = timedelta(days=8), timedelta(days=30), timedelta(days=7)
MORE_THAN = 10  # visits to one link within an hour, as Webex Campaign has it
# Chrome, Firefox and Safari have frozen their agents but for the version (Chromium: User-Agent Reduction, 2022), so
# millions of people share one text. One person who reloads a page again and again says nothing against all of them:
# an agent that reads like a browser's wants as much at the links of three recipients,
RELOADING_RECIPIENTS = 3
# and none is learned that so many other recipients seem to use: by a human verdict, or, when it reads like a browser's,
# also by an unsure one, as a click with a still hand gets. To miss a robot costs little, the other rules are there; to
# learn a browser would cost each of its users a press.
PEOPLE_RECIPIENTS = 5
NETWORK_VISITS, NETWORK_RECIPIENTS, NETWORK_SHARE = 20, 10, 0.9


@dataclass(frozen=True, slots=True)
class Finding:
    """A program or network that the rule met, and what came of it. `reason` says why it was not learned, "" if it
    was; `evidence` is what `Learned` keeps."""

    kind: Learned.Kind
    value: str
    evidence: dict[str, Any]
    reason: str = ""


# What opens a link. Calls of the page's script do not: a page that stays open makes many. Nor does an open: a mail that
# lies open shows its picture again and again, and a proxy shows everybody's.
VISITS = ["visit", "header_visit", "hidden_visit", "prefs_visit", "join_visit", "click"]
_AGENTS = """
WITH visits AS NOT MATERIALIZED (
    SELECT agent, brand_id, recipient_id, mailing, topic, purpose, COALESCE(link, 0) AS link, network, occurred_at
    FROM engagement_interaction
    WHERE occurred_at >= %(since)s AND occurred_at < %(now)s AND agent <> '' AND kind = ANY(%(kinds)s)
), busy AS (
    SELECT agent, brand_id, recipient_id, mailing, topic, purpose, link
    FROM visits
    GROUP BY 1, 2, 3, 4, 5, 6, 7
    HAVING count(*) > %(more_than)s
), hourly AS (
    SELECT *, count(*) OVER (
               PARTITION BY agent, brand_id, recipient_id, mailing, topic, purpose, link ORDER BY occurred_at
               RANGE BETWEEN INTERVAL '1 hour' PRECEDING AND CURRENT ROW
           ) AS in_hour
    FROM visits JOIN busy USING (agent, brand_id, recipient_id, mailing, topic, purpose, link)
), bursts AS (
    SELECT agent, brand_id, recipient_id, mailing, topic, purpose, link, max(in_hour) AS most,
           min(occurred_at) AS first_at, max(occurred_at) AS last_at, array_agg(DISTINCT host(network)) AS networks
    FROM hourly
    GROUP BY 1, 2, 3, 4, 5, 6, 7
    HAVING max(in_hour) > %(more_than)s
)
SELECT agent, count(*), count(DISTINCT recipient_id), max(most), min(first_at), max(last_at),
       (array_agg(jsonb_strip_nulls(jsonb_build_object('brand', brand_id, 'recipient', recipient_id, 'mailing', mailing,
                                                       'topic', topic, 'purpose', purpose, 'link', NULLIF(link, 0)))
                  ORDER BY most DESC, recipient_id, link))[1]::text,
       array_agg(DISTINCT recipient_id),
       (SELECT array_agg(DISTINCT name) FROM bursts AS own, unnest(own.networks) AS name
        WHERE own.agent = bursts.agent AND name IS NOT NULL)
FROM bursts
GROUP BY agent
ORDER BY agent
"""
# People with that agent: the recipients whose visits were no machine's, without those whose links it hammered, and
# whether a hand was seen on a page from a network that the hammering did not come from: no robot vouches for itself.
_PEOPLE = """
SELECT count(DISTINCT recipient_id) FILTER (
           WHERE verdict = ANY(%(verdicts)s) AND recipient_id <> ALL(%(recipients)s::uuid[])
       ),
       bool_or(verdict = 'human' AND signals @> '[{"name": "trusted_input"}]'
               AND host(network) <> ALL(%(networks)s::text[]))
FROM engagement_interaction
WHERE occurred_at >= %(since)s AND occurred_at < %(now)s AND agent = %(agent)s
"""


def learn_agents(now: datetime) -> list[Finding]:
    """Learn the programs that hammered links in the week before `now`; return all that the rule met. Idempotent: what
    is known stays as it is, refused or not."""
    if not settings.FAREWELL_LEARN_AGENTS:
        return []
    since = now - _LOOK_BACK
    rows = _rows(_AGENTS, {"since": since, "now": now, "more_than": MORE_THAN, "kinds": VISITS})
    return [_learn(_agent_finding(row, now)) for row in rows]


def _agent_finding(row: tuple[Any, ...], now: datetime) -> Finding:
    agent, links, recipients, most, first_at, last_at, link, ids, networks = row
    evidence = {
        "most_in_an_hour": most,
        "links": links,
        "recipients": recipients,
        "networks": networks or [],
        "first_at": first_at.isoformat(),
        "last_at": last_at.isoformat(),
        "link": json.loads(link),
    }
    return Finding(Learned.Kind.AGENT, agent, evidence, _why_not(agent, recipients, ids, networks or [], now))


def _why_not(agent: str, recipients: int, ids: list[Any], networks: list[str], now: datetime) -> str:
    """Return why an agent is no robot's for all that it did, "" when nothing speaks for it."""
    if agent_class(agent):
        return "It says itself what it is and is known without being learned."
    if find_opener(agent):
        return "People read their mail with it, or through it."
    verdicts = ["human", "unsure"] if family(agent) else ["human"]
    values = {"verdicts": verdicts, "recipients": ids, "networks": networks, "agent": agent}
    [(people, has_hand)] = _rows(_PEOPLE, {**values, "since": now - _PEOPLE_LOOK_BACK, "now": now})
    if has_hand:
        return "A person used a browser of this name, from another network: a hand was seen on a page."
    if people >= PEOPLE_RECIPIENTS:
        return f"Visits to the links of {people} other people by this name were no machine's: it may be their browser."
    if family(agent) and recipients < RELOADING_RECIPIENTS:
        return "It reads like a browser's name, and one person may have reloaded a page again and again."
    return ""


_NETWORKS = """
SELECT host(network), count(*) FILTER (WHERE is_visit), count(DISTINCT recipient_id) FILTER (WHERE is_visit),
       count(*) FILTER (WHERE is_visit AND is_hard), count(*) FILTER (WHERE verdict = 'human'),
       bool_or(network_class = 'mail_filter'), min(occurred_at), max(occurred_at)
FROM (
    SELECT network, recipient_id, is_hard, verdict, occurred_at,
           facts -> 'request' ->> 'network_class' AS network_class,
           kind = ANY(%(kinds)s) AS is_visit
    FROM engagement_interaction
    WHERE occurred_at >= %(since)s AND occurred_at < %(now)s AND network IS NOT NULL
) AS seen
GROUP BY network
HAVING count(*) FILTER (WHERE is_visit) >= %(visits)s
   AND count(DISTINCT recipient_id) FILTER (WHERE is_visit) >= %(recipients)s
   AND count(*) FILTER (WHERE is_visit AND is_hard) >= %(share)s * count(*) FILTER (WHERE is_visit)
ORDER BY network
"""


def learn_networks(now: datetime) -> list[Finding]:
    """Learn the networks (/24, /48) from which in the week before `now` nearly all visits were a machine's by hard
    evidence, and none a person's; return all that the rule met. Off unless FAREWELL_LEARN_NETWORKS is set."""
    if not settings.FAREWELL_LEARN_NETWORKS:
        return []
    values = {"since": now - _NETWORK_LOOK_BACK, "now": now, "visits": NETWORK_VISITS, "kinds": VISITS}
    rows = _rows(_NETWORKS, {**values, "recipients": NETWORK_RECIPIENTS, "share": NETWORK_SHARE})
    return [_learn(_network_finding(row)) for row in rows]


def _network_finding(row: tuple[Any, ...]) -> Finding:
    network, visits, recipients, machines, people, is_known, first_at, last_at = row
    reason = "It is a mail filter's, and known without being learned." if is_known else ""
    if people:
        reason = f"{people} visits from it were a person's."
    evidence = {
        "visits": visits,
        "machines": machines,
        "recipients": recipients,
        "first_at": first_at.isoformat(),
        "last_at": last_at.isoformat(),
    }
    return Finding(Learned.Kind.NETWORK, str(ip_address(network)), evidence, reason)


def _learn(finding: Finding) -> Finding:
    if finding.reason:
        return finding
    row, is_new = Learned.objects.get_or_create(
        kind=finding.kind, value=finding.value, defaults={"evidence": finding.evidence}
    )
    if is_new:
        learned.forget()
        return finding
    reason = f"{row.decided_by or 'Somebody'} refused it." if row.is_refused else "It was learned before."
    return replace(finding, reason=reason)


def _rows(statement: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL work_mem = '64MB'")  # a week's visits are grouped in memory
        cursor.execute(statement, values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def sentence(kind: str, evidence: Mapping[str, Any]) -> str:
    """Return the evidence of a learned robot as a sentence; what is missing there is left out."""
    last = f", last on {str(evidence['last_at'])[:10]}" if evidence.get("last_at") else ""
    recipients = evidence.get("recipients", 1)
    people = f"{recipients} {'person' if recipients == 1 else 'people'}"
    if kind == Learned.Kind.NETWORK:
        visits = f"{evidence.get('machines')} of {evidence.get('visits')} visits"
        return f"{visits}, at the links of {people}, were robots{last}."
    count = evidence.get("links", 1)
    links = f"at {count} {'link' if count == 1 else 'links'} of {people}"
    return f"Opened the same link {evidence.get('most_in_an_hour')} times within an hour, {links}{last}."


_NEVER = float("-inf")


class LearnedRobots:
    """What is in force, as each process holds it: one small query each FAREWELL_KEYRING_REFRESH_SECONDS.

    A snapshot that is too old keeps answering while a thread loads the next, and goes on answering when the database
    is away; a process that could never load any takes nothing as learned.
    """

    def __init__(self) -> None:
        self._agents: frozenset[str] = frozenset()
        self._networks: frozenset[str] = frozenset()
        self._generation = 0
        self._loaded_at = _NEVER
        self._lock = Lock()
        self._is_refreshing = False

    def is_agent(self, agent: str) -> bool:
        """Return whether programs of this name (cut as interactions keep it) are robots."""
        self._refresh_if_old()
        return agent in self._agents and bool(settings.FAREWELL_LEARN_AGENTS)

    def is_network(self, network: str) -> bool:
        """Return whether only robots come from the network, given as `engagement.visitors.truncated` does."""
        self._refresh_if_old()
        return network in self._networks and bool(settings.FAREWELL_LEARN_NETWORKS)

    @property
    def generation(self) -> int:
        """A number that is another one when what is in force has changed."""
        self._refresh_if_old()
        return self._generation

    def forget(self) -> None:
        """Load anew at the next question."""
        self._loaded_at = _NEVER

    def _refresh_if_old(self) -> None:
        age = time.monotonic() - self._loaded_at
        if age <= settings.FAREWELL_KEYRING_REFRESH_SECONDS or self._is_refreshing:
            return
        if self._loaded_at == _NEVER:
            self._load_or_keep()
            return
        self._is_refreshing = True
        Thread(target=self._refresh, name="farewell-learned", daemon=True).start()

    def _refresh(self) -> None:
        try:
            self._load_or_keep()
        finally:
            connection.close()
            self._is_refreshing = False

    def _load_or_keep(self) -> None:
        with self._lock:
            try:
                rows = list(Learned.objects.in_force().values_list("kind", "value"))
            except Error as error:
                logger.warning("learned robots not refreshed: %s", type(error).__name__)
            else:
                self._take(rows)
            self._loaded_at = time.monotonic()

    def _take(self, rows: list[tuple[str, str]]) -> None:
        agents = frozenset(value for kind, value in rows if kind == Learned.Kind.AGENT)
        networks = frozenset(value for kind, value in rows if kind == Learned.Kind.NETWORK)
        if (agents, networks) != (self._agents, self._networks):
            self._agents, self._networks = agents, networks
            self._generation += 1


learned = LearnedRobots()
