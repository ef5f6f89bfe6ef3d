"""The page "What the detector knows", and the list of mail hosts."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

import engagement.admin.knowledge  # noqa: F401  (registers the pages)
from engagement import networks as own_networks
from engagement.detection import networks
from engagement.models import Learned, MailHost
from tests.engagement.test_admin import assert_strict, page

pytestmark = pytest.mark.django_db

PAGE = "/admin/engagement/mailhost/knowledge/"
LIST = "/admin/engagement/mailhost/"


def row(html: str, heading: str) -> str:
    """The words of one row of a table."""
    found = re.search(rf"<tr><th scope=\"row\">(?:<a [^>]*>)?{re.escape(heading)}.*?</tr>", html, re.DOTALL)
    assert found, heading
    return " ".join(re.sub(r"<[^>]+>", " ", found[0]).split())


def make_host(domain: str, **fields: object) -> MailHost:
    return MailHost.objects.create(domain=domain, **{"looked_up_at": timezone.now(), **fields})


def test_the_page_has_a_name() -> None:
    assert reverse("admin:engagement_knowledge") == PAGE


def test_data_in_use_say_how_old_and_how_large_they_are(admin_client: Client) -> None:
    words = row(page(admin_client, PAGE), "Packed networks")
    assert words == f"Packed networks In use 17 Jun 2026 {networks.packed().count:,} –"


def test_absent_data_say_what_goes_unseen(
    admin_client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(networks, "PACKED_FILE", tmp_path / "none.bin")
    networks.packed.cache_clear()
    try:
        words = row(page(admin_client, PAGE), "Packed networks")
    finally:
        networks.packed.cache_clear()
    assert "Packed networks Absent – – The file is missing. Visits from data centres" in words
    assert "are not recognised; they count as unknown, not as clean." in words


def test_a_bad_line_of_the_operators_file_is_told(admin_client: Client, tmp_path: Path, settings: Settings) -> None:
    path = tmp_path / "own.txt"
    path.write_text("192.0.2.0/24 consumer Home\n<b> gateway\n")
    settings.FAREWELL_NETWORKS_FILE = str(path)
    own_networks._operator_file.cache_clear()
    html = page(admin_client, PAGE)
    words = row(html, "Your networks (FAREWELL_NETWORKS_FILE)")
    assert "In use, with a problem" in words
    assert "Line 2: “&lt;b&gt;” is no CIDR block." in html


@pytest.mark.parametrize(
    ("setting", "name"),
    [
        ("FAREWELL_LEARN_AGENTS", "Learned programs"),
        ("FAREWELL_LEARN_NETWORKS", "Learned networks"),
        ("FAREWELL_LOOK_UP_MAIL_HOSTS", "Mail gateways of recipients"),
    ],
)
@pytest.mark.parametrize("is_on", [True, False])
def test_a_switch_says_how_it_stands_and_how_to_turn_it(
    admin_client: Client, settings: Settings, setting: str, name: str, is_on: bool
) -> None:
    setattr(settings, setting, is_on)
    words = row(page(admin_client, PAGE), name)
    assert words.startswith(f"{name} {'On' if is_on else 'Off'} ")
    assert words.endswith(f" {setting}={int(not is_on)}")


def test_what_was_learned_is_counted(admin_client: Client) -> None:
    for number in range(3):
        Learned.objects.create(kind=Learned.Kind.AGENT, value=f"agent {number}", is_refused=number == 0)
    html = page(admin_client, PAGE)
    assert "2 in force, 1 refused" in row(html, "Learned programs")
    assert "0 in force, 0 refused" in row(html, "Learned networks")
    assert f'<a href="{reverse("admin:engagement_learned_changelist")}?kind__exact=agent">' in html


def test_mail_hosts_are_counted_and_the_last_problems_told(admin_client: Client) -> None:
    make_host("filtered.example.org", gateway="Proofpoint")
    make_host("own.example.org")
    make_host("new.example.org", looked_up_at=None)
    make_host("old.example.org", problem="no answer in time", looked_up_at=timezone.now() - timedelta(days=2))
    make_host("absent.example.org", problem="there is no such domain")
    html = page(admin_client, PAGE)
    words = row(html, "Mail gateways of recipients")
    assert "4 domains looked up, 1 behind a gateway, 1 waiting, 2 without an answer" in words
    assert html.index("absent.example.org: there is no such domain") < html.index("old.example.org: no answer in time")


def test_the_attribution_that_the_data_ask_for_is_there(admin_client: Client) -> None:
    html = page(admin_client, PAGE)
    assert '<a href="https://db-ip.com/" rel="noreferrer">IP Geolocation by DB-IP</a>' in html


def test_the_page_is_strict_and_its_tables_have_heads(admin_client: Client) -> None:
    html = page(admin_client, PAGE)
    assert_strict(html)
    content = html.partition('<div id="content"')[2]
    assert content.count("<table>") == content.count('role="region"') == content.count("<thead>") == 3
    assert not re.search(r"<th(?! scope)[ >]", content)


@pytest.mark.parametrize("kind", ["agent", "network"])
def test_the_links_to_learned_robots_lead_there(admin_client: Client, kind: str) -> None:
    Learned.objects.create(kind=Learned.Kind.AGENT, value="Example/1")
    html = page(admin_client, f"{reverse('admin:engagement_learned_changelist')}?kind__exact={kind}")
    assert ("Example/1" in html) == (kind == "agent")


def test_the_page_asks_little(admin_client: Client, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_max_num_queries(8):
        page(admin_client, PAGE)


def test_who_may_not_see_mail_hosts_may_not_see_the_page(client: Client) -> None:
    user = User.objects.create_user("bob", is_staff=True)
    client.force_login(user)
    assert client.get(PAGE).status_code == 403
    user.user_permissions.add(Permission.objects.get(codename="view_mailhost"))
    assert client.get(PAGE).status_code == 200


def test_mail_hosts_are_found_by_the_beginning_of_the_domain(admin_client: Client) -> None:
    make_host("filtered.example.org", gateway="Proofpoint", hosts=["mx1.pphosted.com"])
    make_host("own.example.org")
    html = page(admin_client, f"{LIST}?q=filtered.ex")
    assert "mx1.pphosted.com" in html
    assert "own.example.org" not in html


@pytest.mark.parametrize(
    ("answer", "expected"),
    [("gateway", {"filtered"}), ("waiting", {"new"}), ("problem", {"absent"}), ("", {"filtered", "new", "absent"})],
)
def test_mail_hosts_are_filtered_by_their_answer(admin_client: Client, answer: str, expected: set[str]) -> None:
    make_host("filtered.example.org", gateway="Proofpoint")
    make_host("new.example.org", looked_up_at=None)
    make_host("absent.example.org", problem="there is no such domain")
    html = page(admin_client, f"{LIST}?answer={answer}" if answer else LIST)
    assert {name for name in ("filtered", "new", "absent") if f"{name}.example.org" in html} == expected


@pytest.mark.parametrize("verb", ["add/", "filtered.example.org/delete/"])
def test_mail_hosts_are_only_looked_at(admin_client: Client, verb: str) -> None:
    make_host("filtered.example.org")
    assert admin_client.post(f"{LIST}{verb}", {"domain": "x.example.org"}).status_code == 403
    assert [host.domain for host in MailHost.objects.all()] == ["filtered.example.org"]
