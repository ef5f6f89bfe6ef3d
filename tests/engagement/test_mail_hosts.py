from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from django.db import connection
from django.utils import timezone
from dns.resolver import Resolver
from pytest_django import DjangoAssertNumQueries, Settings

from engagement import mail_hosts
from engagement.detection import gateways
from engagement.detection.gateways import find_gateway
from engagement.mail_hosts import gateway_of, kept, look_up, look_up_pending, make_resolver
from engagement.models import MailHost
from tests.commands import run

pytestmark = pytest.mark.django_db


@dataclass
class NameServer:
    """A DNS server on the loopback address that knows a few domains and remembers what it was asked."""

    records: dict[str, list[str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    socket: socket.socket = field(default_factory=lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))

    @property
    def port(self) -> int:
        return int(self.socket.getsockname()[1])

    def serve(self) -> None:
        while True:
            data, sender = self.socket.recvfrom(4096)
            if not data:
                return
            query = dns.message.from_wire(data)
            name = query.question[0].name.to_text(omit_final_dot=True)
            self.asked.append(name)
            if name != "silent.example.org":
                self.socket.sendto(self._answer(query, name).to_wire(), sender)

    def _answer(self, query: dns.message.Message, name: str) -> dns.message.Message:
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        if name == "broken.example.org":
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif name not in self.records:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        elif self.records[name]:
            answer.answer.append(dns.rrset.from_text_list(f"{name}.", 60, "IN", "MX", self.records[name]))
        return answer


@pytest.fixture
def server() -> Iterator[NameServer]:
    server = NameServer(
        {
            "filtered.example.org": ["20 mx2.example.org.", "10 mx1-us1.PPE-hosted.com."],
            "own.example.org": ["10 mx.example.org."],
            "hostless.example.org": [],
            "mailless.example.org": ["0 ."],
        }
    )
    server.socket.bind(("127.0.0.1", 0))
    thread = threading.Thread(target=server.serve)
    thread.start()
    yield server
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.sendto(b"", ("127.0.0.1", server.port))
    thread.join()
    server.socket.close()


@pytest.fixture
def resolver(server: NameServer) -> Resolver:
    return make_resolver(["127.0.0.1"], server.port)


@pytest.fixture(autouse=True)
def switched_on(settings: Settings) -> Iterator[None]:
    settings.FAREWELL_LOOK_UP_MAIL_HOSTS = True
    kept.forget()
    yield
    kept.forget()


def make_host(domain: str = "filtered.example.org", days: float | None = None, **values: object) -> MailHost:
    looked_up_at = None if days is None else timezone.now() - timedelta(days=days)
    return MailHost.objects.create(domain=domain, looked_up_at=looked_up_at, **values)


def looked_up_at(domain: str) -> datetime | None:
    return MailHost.objects.get(domain=domain).looked_up_at


@pytest.mark.parametrize(
    ("hosts", "gateway"),
    [
        (["mxa-001.pphosted.com"], "Proofpoint"),
        (["MX1-US1.PPE-HOSTED.COM."], "Proofpoint"),
        (["eu-smtp-inbound-1.mimecast.com"], "Mimecast"),
        (["d1.ess.uk.barracudanetworks.com"], "Barracuda"),
        (["esa1.example.iphmx.com"], "Cisco Secure Email"),
        (["cluster1.eu.messagelabs.com"], "Symantec Email Security.cloud"),
        (["example.in.tmes.trendmicro.eu"], "Trend Micro"),
        (["mx23a.antispameurope.com"], "Hornetsecurity"),
        (["mx-01-eu-central-1.prod.hydra.sophos.com"], "Sophos"),
        (["mx.example.org", "cust1.mailcontrol.com"], "Forcepoint"),
        (["example-org.mail.protection.outlook.com"], ""),  # everybody with Microsoft 365
        (["aspmx.l.google.com"], ""),
        (["notpphosted.com"], ""),
        (["pphosted.com.example.org"], ""),
        (["www.sophos.com"], ""),
        ([""], ""),
        ([], ""),
    ],
)
def test_a_gateway_is_known_by_its_hosts(hosts: list[str], gateway: str) -> None:
    assert find_gateway(hosts) == gateway


def test_every_gateway_has_hosts_and_a_source() -> None:
    rows = json.loads(gateways._FILE.read_text())["gateways"]
    assert all(row["hosts"] and row["source"] for row in rows.values())
    hosts = [host for row in rows.values() for host in row["hosts"]]
    assert len(hosts) == len(set(hosts)) == len(gateways.gateways())
    assert all(len(name) <= 50 for name in rows)


def test_nothing_is_noted_while_it_is_off(settings: Settings) -> None:
    settings.FAREWELL_LOOK_UP_MAIL_HOSTS = False
    make_host(gateway="Proofpoint")
    assert [gateway_of("filtered.example.org"), gateway_of("new.example.org")] == ["", ""]
    assert MailHost.objects.count() == 1


def test_a_new_domain_is_noted_and_no_name_server_is_asked(server: NameServer) -> None:
    assert gateway_of("Filtered.Example.org") == ""
    assert MailHost.objects.get().domain == "filtered.example.org"
    assert looked_up_at("filtered.example.org") is None
    assert server.asked == []


def test_a_known_gateway_is_read_once(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    make_host(gateway="Proofpoint", days=1)
    assert gateway_of("filtered.example.org") == "Proofpoint"
    with django_assert_num_queries(0):
        assert gateway_of("FILTERED.example.org") == "Proofpoint"


def test_what_was_read_is_read_again_after_some_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    host = make_host(gateway="Proofpoint", days=1)
    gateway_of(host.domain)
    MailHost.objects.update(gateway="Mimecast")
    assert gateway_of(host.domain) == "Proofpoint"
    later = monotonic() + 301
    monkeypatch.setattr(mail_hosts, "monotonic", lambda: later)
    assert gateway_of(host.domain) == "Mimecast"


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail_hosts, "_KEPT_MOST", 3)
    for number in range(5):
        kept.put(f"{number}.example.org", "")
    assert len(kept._entries) <= 3


@pytest.mark.parametrize("domain", ["", "localhost", "a b.example.org", "x\x00.example.org", f"{'a' * 250}.org"])
def test_what_is_no_domain_is_not_noted(domain: str) -> None:
    assert gateway_of(domain) == ""
    assert not MailHost.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_database_that_fails_is_no_gateway() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE engagement_mailhost RENAME TO engagement_elsewhere")
        try:
            assert gateway_of("filtered.example.org") == ""
        finally:
            cursor.execute("ALTER TABLE engagement_elsewhere RENAME TO engagement_mailhost")


def test_a_failure_spoils_no_transaction() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE engagement_mailhost RENAME COLUMN gateway TO elsewhere")
        assert gateway_of("filtered.example.org") == ""
        cursor.execute("ALTER TABLE engagement_mailhost RENAME COLUMN elsewhere TO gateway")
    assert MailHost.objects.count() == 0


@pytest.mark.parametrize(
    ("domain", "gateway", "hosts", "problem"),
    [
        ("filtered.example.org", "Proofpoint", ["mx1-us1.ppe-hosted.com", "mx2.example.org"], ""),
        ("own.example.org", "", ["mx.example.org"], ""),
        ("hostless.example.org", "", ["hostless.example.org"], ""),
        ("mailless.example.org", "", [], ""),
        ("absent.example.org", "", [], "there is no such domain"),
        ("broken.example.org", "", [], "its name servers failed"),
        ("bad..example.org", "", [], "cannot be asked about (EmptyLabel)"),
        (f"{'a' * 64}.example.org", "", [], "cannot be asked about (LabelTooLong)"),
    ],
)
def test_what_dns_says_is_written(
    resolver: Resolver, domain: str, gateway: str, hosts: list[str], problem: str
) -> None:
    make_host(domain)
    look_up_pending(resolver=resolver)
    host = MailHost.objects.get()
    assert (host.gateway, host.hosts, host.problem) == (gateway, hosts, problem)
    assert host.looked_up_at


def test_no_answer_in_time_is_written(resolver: Resolver) -> None:
    resolver.timeout = resolver.lifetime = 0.3
    make_host("silent.example.org")
    look_up_pending(resolver=resolver)
    host = MailHost.objects.get()
    assert (host.gateway, host.hosts, host.problem) == ("", [], "no answer in time")


def test_a_domain_in_other_letters_is_asked_about(server: NameServer, resolver: Resolver) -> None:
    assert look_up("bücher.example.org", resolver).problem == "there is no such domain"
    assert server.asked == ["xn--bcher-kva.example.org"]


def test_a_failure_leaves_what_was_known(resolver: Resolver) -> None:
    make_host("broken.example.org", days=31, gateway="Mimecast", hosts=["mx.mimecast.com"])
    look_up_pending(resolver=resolver)
    host = MailHost.objects.get()
    assert (host.gateway, host.hosts, host.problem) == ("Mimecast", ["mx.mimecast.com"], "its name servers failed")


@pytest.mark.parametrize(
    ("days", "problem", "is_asked"),
    [
        (None, "", True),
        (29.0, "", False),
        (31.0, "", True),
        (0.5, "no answer in time", False),
        (2.0, "no answer", True),
    ],
)
def test_a_domain_is_asked_about_when_it_is_due(
    server: NameServer, resolver: Resolver, days: float | None, problem: str, is_asked: bool
) -> None:
    make_host("own.example.org", days=days, problem=problem)
    look_up_pending(resolver=resolver)
    assert server.asked == ["own.example.org"] * is_asked


def test_new_domains_go_first_and_the_limit_holds(server: NameServer, resolver: Resolver) -> None:
    make_host("filtered.example.org", days=40)
    make_host("own.example.org")
    findings = look_up_pending(limit=1, resolver=resolver)
    assert [finding.domain for finding in findings] == server.asked == ["own.example.org"]


def test_nothing_is_due_and_nobody_is_asked(server: NameServer, resolver: Resolver) -> None:
    assert look_up_pending(resolver=resolver) == []
    assert server.asked == []


def test_a_looked_up_gateway_is_known_to_the_doors(resolver: Resolver) -> None:
    gateway_of("filtered.example.org")
    look_up_pending(resolver=resolver)
    kept.forget()
    assert gateway_of("filtered.example.org") == "Proofpoint"


def test_the_command_looks_up_all_that_is_due(server: NameServer) -> None:
    for domain in ("filtered.example.org", "own.example.org", "absent.example.org"):
        make_host(domain)
    result = run("look_up_mail_hosts", "--nameserver", "127.0.0.1", "--port", server.port)
    assert result.out == "3 domains looked up: 1 behind a gateway, 1 without an answer\n"
    assert run("look_up_mail_hosts", "--nameserver", "127.0.0.1", "--port", server.port).out.startswith("0 domains")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [(["--nameserver", "dns.example.org"], "is no network address"), (["--limit", "0"], "must be at least 1")],
)
def test_a_bad_option_of_the_command_is_a_sentence(arguments: list[str], problem: str) -> None:
    result = run("look_up_mail_hosts", *arguments)
    assert (result.status, problem in result.err) == (1, True)


def test_the_command_says_that_it_is_off(settings: Settings) -> None:
    settings.FAREWELL_LOOK_UP_MAIL_HOSTS = False
    assert "set FAREWELL_LOOK_UP_MAIL_HOSTS=1 first" in run("look_up_mail_hosts").err
