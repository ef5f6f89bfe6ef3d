"""The ledger in the admin."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from preferences.models import PreferenceChange, Source
from tests.makers import make_brand, make_cause
from tests.preferences.admin_pages import LEDGER, RECIPIENTS, left, page

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {"one_click", "arrival", "admin"}),
        ("source__exact=admin", {"admin"}),
        ("mailing=2026-10", {"one_click"}),
        ("standing=provisional", {"arrival"}),
        ("standing=final", {"one_click", "admin"}),
        ("period=all", {"one_click", "arrival", "admin", "import"}),
        ("since=2026-01-01&until=2026-01-01", {"import"}),
        ("since=garbled", {"one_click", "arrival", "admin"}),
    ],
)
def test_the_ledger_is_filtered(admin_client: Client, query: str, expected: set[str]) -> None:
    brand = make_brand()
    left(brand, "a@example.org", source=Source.ONE_CLICK, mailing="2026-10")
    left(brand, "b@example.org", source=Source.ARRIVAL, settles_at=timezone.now() + timedelta(minutes=5))
    left(brand, "c@example.org", source=Source.ADMIN)
    left(brand, "d@example.org", source=Source.IMPORT)
    old = datetime(2026, 1, 1, 12, tzinfo=UTC)
    PreferenceChange.objects.filter(source=Source.IMPORT).update(changed_at=old)
    response = admin_client.get(f"{LEDGER}?{query}")
    assert {row.source for row in response.context["cl"].result_list} == expected


def test_the_ledger_is_filtered_by_brand_and_person(admin_client: Client) -> None:
    (alice, _), (bob, _) = left(), left(address="bob@example.org")
    by_brand = admin_client.get(f"{LEDGER}?brand__id__exact={bob.brand_id}")
    by_person = admin_client.get(f"{LEDGER}?recipient={alice.pk}")
    assert [row.recipient_id for row in by_brand.context["cl"].result_list] == [bob.pk]
    assert [row.recipient_id for row in by_person.context["cl"].result_list] == [alice.pk]


def test_a_ledger_row_reads_as_a_sentence(admin_client: Client) -> None:
    left(source=Source.ADMIN, actor="carol", reason="Asked by letter.")
    html = page(admin_client, LEDGER)
    assert re.search(r"a•••@e•••\.org</a>: <strong>Left News</strong> through admin, carol\.", html)
    assert "Asked by letter." in html
    assert "Left News" in page(admin_client, f"{LEDGER}{PreferenceChange.objects.get().pk}/change/")


def test_what_evidence_put_back_reads_so_with_its_reasons(admin_client: Client) -> None:
    alice, topic = left(source=Source.ARRIVAL)
    change_id = PreferenceChange.objects.get().pk
    shown = {"refuted": [change_id], "signals": [{"name": "hidden_link", "reason": "Followed the hidden link."}]}
    alice.undo_change(change_id, topic.pk, make_cause(Source.REINSTATEMENT, evidence=shown))
    html = page(admin_client, LEDGER)
    assert "Put back on News, which a robot had ended" in html
    assert "Followed the hidden link." in html
    assert "Put back on News" in page(admin_client, f"{RECIPIENTS}{alice.pk}/change/")
