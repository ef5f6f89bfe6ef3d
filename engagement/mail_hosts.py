"""Who takes the mail of a recipient's domain: asked of DNS in the background, read from a table by the doors.

Off unless FAREWELL_LOOK_UP_MAIL_HOSTS is set, because the question tells a name server which domains are written to.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic

from django.conf import settings
from django.db import Error, connection, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone
from dns.exception import DNSException
from dns.exception import Timeout as DNSTimeout
from dns.resolver import NXDOMAIN, NoAnswer, NoNameservers, NoResolverConfiguration, Resolver

from engagement.detection.gateways import find_gateway
from engagement.models import MailHost

logger = logging.getLogger(__name__)

RETRY_AFTER = timedelta(days=1)
ASK_AGAIN_AFTER = timedelta(days=30)
_KEPT_SECONDS = 300.0
_KEPT_MOST = 10_000
_LONGEST_DOMAIN = 253
_MOST_HOSTS = 10
_THREADS = 8
_SECONDS_A_TRY, _SECONDS_ALL = 2.0, 4.0

# One round trip: read what is known, and note a domain that nobody has asked about yet.
_READ_OR_NOTE = """
WITH known AS (SELECT gateway FROM engagement_mailhost WHERE domain = %(domain)s),
noted AS (
    INSERT INTO engagement_mailhost (domain, gateway, hosts, problem)
    SELECT %(domain)s, '', '[]', '' WHERE NOT EXISTS (SELECT FROM known)
    ON CONFLICT DO NOTHING
)
SELECT gateway FROM known
"""


class _Kept:
    """What this process has read, for some minutes. Threads share it: each step is one operation on the dict."""

    def __init__(self) -> None:
        self._entries: dict[str, tuple[str, float]] = {}

    def get(self, domain: str) -> str | None:
        gateway, until = self._entries.get(domain, ("", 0.0))
        return gateway if until > monotonic() else None

    def put(self, domain: str, gateway: str) -> None:
        if len(self._entries) >= _KEPT_MOST:
            self._entries = {}
        self._entries[domain] = (gateway, monotonic() + _KEPT_SECONDS)

    def forget(self) -> None:
        self._entries = {}


kept = _Kept()


def gateway_of(domain: str) -> str:
    """Return the known mail gateway of `domain`, "" for none or when it is not known yet.

    Asks no name server: a domain that is new is noted for `look_up_pending`. Never raises.
    """
    if not settings.FAREWELL_LOOK_UP_MAIL_HOSTS or not _is_askable(domain):
        return ""
    domain = domain.lower()
    if (gateway := kept.get(domain)) is None:
        gateway = _read_or_note(domain)
        kept.put(domain, gateway)
    return gateway


def _is_askable(domain: str) -> bool:
    return "." in domain and len(domain) <= _LONGEST_DOMAIN and domain.isprintable() and " " not in domain


def _read_or_note(domain: str) -> str:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_READ_OR_NOTE, {"domain": domain})
            row = cursor.fetchone()
    except Error as error:
        logger.warning("the mail host of a domain could not be read: %s", type(error).__name__)
        return ""
    return str(row[0]) if row else ""


@dataclass(frozen=True, slots=True)
class Finding:
    """What DNS says about one domain; `problem` is why it says nothing."""

    domain: str
    hosts: tuple[str, ...] = ()
    problem: str = ""

    @property
    def gateway(self) -> str:
        return find_gateway(self.hosts)


def make_resolver(nameservers: Sequence[str] = (), port: int = 53) -> Resolver:
    """Return a resolver with short timeouts, by default on the machine's own name servers.

    Raises NoResolverConfiguration when the machine has none.
    """
    resolver = Resolver(configure=not nameservers)
    if nameservers:
        resolver.nameservers = list(nameservers)
        resolver.port = port
    resolver.timeout, resolver.lifetime = _SECONDS_A_TRY, _SECONDS_ALL
    return resolver


def look_up(domain: str, resolver: Resolver) -> Finding:
    """Ask for the MX records of `domain`, the most preferred host first. Never raises."""
    try:
        records = sorted(resolver.resolve(domain, "MX", search=False), key=lambda record: record.preference)
    except NXDOMAIN:
        return Finding(domain, problem="there is no such domain")
    except NoAnswer:
        return Finding(domain, hosts=(domain,))  # RFC 5321, section 5.1: mail then goes to the domain itself
    except NoNameservers:
        return Finding(domain, problem="its name servers failed")
    except DNSTimeout:
        return Finding(domain, problem="no answer in time")
    except (DNSException, UnicodeError, OSError) as error:
        return Finding(domain, problem=f"cannot be asked about ({type(error).__name__})")
    names = [record.exchange.to_text(omit_final_dot=True).lower() for record in records]
    return Finding(domain, tuple(name for name in names if name not in {"", "."})[:_MOST_HOSTS])


def due() -> QuerySet[MailHost, str]:
    """The domains that nobody has looked up yet, then those to be asked again, oldest first."""
    now = timezone.now()
    is_due = (
        Q(looked_up_at=None)
        | Q(looked_up_at__lt=now - ASK_AGAIN_AFTER)
        | ~Q(problem="") & Q(looked_up_at__lt=now - RETRY_AFTER)
    )
    rows = MailHost.objects.filter(is_due).order_by(F("looked_up_at").asc(nulls_first=True), "asked_at", "domain")
    return rows.values_list("domain", flat=True)


def look_up_pending(limit: int = 500, resolver: Resolver | None = None) -> list[Finding]:
    """Look up at most `limit` domains that are due, write what was found, and return it.

    Safe to run twice at once: the same answers are then written twice.
    """
    if not (domains := list(due()[:limit])):
        return []
    try:
        asked = resolver or make_resolver()
    except NoResolverConfiguration:
        findings: Iterable[Finding] = (Finding(domain, problem="this machine has no name server") for domain in domains)
        return [_write(finding) for finding in findings]
    with ThreadPoolExecutor(_THREADS) as threads:
        return [_write(finding) for finding in threads.map(lambda domain: look_up(domain, asked), domains)]


def _write(finding: Finding) -> Finding:
    """A lookup that failed leaves what was known before, and says why."""
    known = {} if finding.problem else {"gateway": finding.gateway, "hosts": list(finding.hosts)}
    MailHost.objects.filter(domain=finding.domain).update(
        looked_up_at=timezone.now(), problem=finding.problem[:200], **known
    )
    return finding
