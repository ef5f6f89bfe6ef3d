"""Pages whose figures are partial, because they are still being counted, say so; the others do not."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from engagement.counting import position
from engagement.counting.counter import count_next
from engagement.counting.doors import count_changes
from engagement.models import Interaction, Position
from preferences.models import PreferenceChange, Source
from tests.engagement.counted import count_everything_now
from tests.engagement.makers import make_interaction
from tests.makers import make_brand, make_cause, make_recipient, make_topic

pytestmark = pytest.mark.django_db

LEAVING = "admin:engagement_leaving"
BOTH = [
    "admin:engagement_overview",
    "admin:engagement_comparison",
    "admin:engagement_prevented_trend",
    "admin:engagement_interaction_prevented",
]
EVENTS = [
    "admin:engagement_automations",
    "admin:engagement_segments",
    "admin:engagement_scanners",
    "admin:engagement_behind_scanner",
]
OF_LEDGER = "Still being counted: what comes from the ledger"
OF_EVENTS = "Still being counted: opens, clicks and visits."
FILES = {
    LEAVING: "topics",
    "admin:engagement_overview": "doors",
    "admin:engagement_automations": "automations",
}


@pytest.fixture(autouse=True)
def stored() -> None:
    """Two who left, and two who opened a mail, days ago."""
    topic = make_topic(make_brand())
    for number, days in enumerate((5, 3)):
        at = timezone.now() - timedelta(days=days)
        alice = make_recipient(topic.brand, f"alice{number}@example.org")
        alice.opt_out(topic.id, make_cause(Source.API))
        make_interaction(brand=topic.brand, kind="open", occurred_at=at, xid=1)
        PreferenceChange.objects.filter(recipient=alice).update(changed_at=at, xid=1)


def count(*, is_whole: bool) -> None:
    """The first of each, or everything, as a worker does."""
    if is_whole:
        count_everything_now()
        return
    count_changes(1)
    count_next(timezone.now(), 1)


def page(client: Client, name: str) -> str:
    return " ".join(client.get(reverse(name)).text.split())


@pytest.mark.parametrize("name", [LEAVING, *BOTH])
def test_pages_of_the_ledger_say_that_it_is_still_being_counted(admin_client: Client, name: str) -> None:
    assert f"{OF_LEDGER} (opt-outs by door, who left and who came back). It has not begun." in page(admin_client, name)
    count(is_whole=False)
    text = page(admin_client, name)
    assert OF_LEDGER in text
    waiting = timezone.localtime(timezone.now() - timedelta(days=3))
    assert f"So far up to {waiting.day} {waiting:%b %Y}" in text
    assert "manage.py count_interactions" in text
    count(is_whole=True)
    assert "Still being counted" not in page(admin_client, name)


@pytest.mark.parametrize("name", [*BOTH, *EVENTS])
def test_pages_of_opens_and_clicks_say_that_they_are_still_being_counted(admin_client: Client, name: str) -> None:
    assert OF_EVENTS in page(admin_client, name)
    count(is_whole=False)
    assert OF_EVENTS in page(admin_client, name)
    count(is_whole=True)
    assert "Still being counted" not in page(admin_client, name)


@pytest.mark.parametrize("name", EVENTS)
def test_pages_without_the_ledger_say_nothing_of_it(admin_client: Client, name: str) -> None:
    assert OF_LEDGER not in page(admin_client, name)


def test_who_leaves_says_nothing_of_opens_and_clicks(admin_client: Client) -> None:
    assert OF_EVENTS not in page(admin_client, LEAVING)


def test_after_an_upgrade_the_ledger_alone_is_counted_anew(admin_client: Client) -> None:
    count(is_whole=True)
    Position.objects.filter(name=position.LEAVINGS).delete()
    text = page(admin_client, "admin:engagement_overview")
    assert OF_LEDGER in text
    assert OF_EVENTS not in text


def test_what_has_just_come_waits_as_ever(admin_client: Client) -> None:
    count(is_whole=True)
    PreferenceChange.objects.update(changed_at=timezone.now(), xid=2**40)
    Interaction.objects.update(xid=2**40)
    assert "Still being counted" not in page(admin_client, "admin:engagement_overview")


def test_who_leaves_waits_for_no_second_look(admin_client: Client) -> None:
    count(is_whole=True)
    Position.objects.update(moved_at=timezone.now())
    text = page(admin_client, LEAVING)
    assert "second look" not in text
    assert "What is written down later is counted within two minutes." in text
    assert "second look" in page(admin_client, "admin:engagement_overview")


@pytest.mark.parametrize("name", FILES)
def test_a_file_with_partial_figures_is_called_so(admin_client: Client, name: str) -> None:
    url = f"{reverse(name)}?csv={FILES[name]}"
    assert admin_client.get(url)["Content-Disposition"].endswith('-partial.csv"')
    count(is_whole=True)
    assert "partial" not in admin_client.get(url)["Content-Disposition"]
