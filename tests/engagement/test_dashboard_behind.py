"""Recipients behind a scanner: every number is what plain Python counts of the stored rows."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.test import Client
from django.utils import timezone

from engagement.models import MailHost, Scanned
from tests.engagement.dashboard_makers import (
    ROOT,
    cells,
    count_everything,
    make_event,
    percent,
    shown,
    table,
    tile,
)
from tests.engagement.scanner_crowd import make_crowd, robots
from tests.makers import make_brand

pytestmark = pytest.mark.django_db
PAGE, BEHIND = "scanners/", "behind-scanner/"


def test_recipients_behind_a_scanner_by_domain_are_a_recount(admin_client: Client) -> None:
    make_crowd()
    count_everything()
    context, rows = shown(admin_client, BEHIND), robots()
    people = {row.recipient_id for row in rows}
    assert tile(context, "Behind a scanner") == {"": f"{len(people)}"}
    assert tile(context, "Domains") == {"": "3"}
    found = cells(context, "domains")
    assert set(found) == {"firm.example", "works.example", "home.example", "(phones)"}
    for name, numbers in found.items():
        own = [row for row in rows if row.domain == ("" if name == "(phones)" else name)]
        recipients = {row.recipient_id for row in own}
        touched = {(row.recipient_id, row.mailing) for row in own if row.mailing}
        assert numbers[:4] == (
            *(len(recipients), percent(len(recipients), len(people))),
            *(len(touched), len(own)),
        )


def test_those_seen_last_come_first(admin_client: Client) -> None:
    brand = make_brand()
    for number in range(3):
        at = timezone.now() - timedelta(days=1 + number)
        make_event(brand, "m0", "click", number, "machine", domain="firm.example", occurred_at=at)
    count_everything()
    newest = table(shown(admin_client, BEHIND), "newest")
    ids = [str(row.recipient_id) for row in Scanned.objects.order_by("-last_at")]
    assert [row.file_label for row in newest.rows] == ids
    assert newest.rows[0].url.endswith(f"?recipient={ids[0]}")
    assert [row.cells[3:] for row in newest.rows] == [(1, 1)] * 3


def test_only_those_seen_in_the_period_are_behind_a_scanner(admin_client: Client) -> None:
    brand = make_brand()
    for number, ago in enumerate((1, 100)):
        at = timezone.now() - timedelta(days=ago)
        make_event(brand, "m0", "click", number, "machine", domain=f"d{number}.example", occurred_at=at)
    count_everything()
    assert list(cells(shown(admin_client, BEHIND), "domains")) == ["d0.example"]
    assert list(cells(shown(admin_client, BEHIND, period="365"), "domains")) == ["d0.example", "d1.example"]
    until = (timezone.localdate() - timedelta(days=90)).isoformat()
    since = (timezone.localdate() - timedelta(days=120)).isoformat()
    assert list(cells(shown(admin_client, BEHIND, since=since, until=until), "domains")) == ["d1.example"]


def test_known_gateways_stand_beside_when_they_are_looked_up(admin_client: Client, settings: LazySettings) -> None:
    make_crowd()
    count_everything()
    MailHost.objects.create(domain="firm.example", gateway="Proofpoint", hosts=[])
    assert "Gateway" not in table(shown(admin_client, BEHIND), "domains").columns
    assert "gateways" not in shown(admin_client, BEHIND)["table"]
    settings.FAREWELL_LOOK_UP_MAIL_HOSTS = True
    for page in (BEHIND, PAGE):
        found = cells(shown(admin_client, page), "domains")
        assert (found["firm.example"][-1], found["home.example"][-1]) == ("Proofpoint", "–")
    firm = {row.recipient_id for row in robots() if row.domain == "firm.example"}
    assert cells(shown(admin_client, BEHIND), "gateways") == {"Proofpoint": (len(firm), 1)}


def test_the_page_says_how_to_use_it(admin_client: Client) -> None:
    make_crowd(make_brand(slug="letters"))
    count_everything()
    assert "manage.py behind_scanner --brand letters --only &lt; addresses.txt" in admin_client.get(ROOT + BEHIND).text
