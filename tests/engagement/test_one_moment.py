"""Each page of figures shows one moment, whatever commits while it is being made."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from engagement.admin.dashboards.state import State
from engagement.models import CountingSwitch, Mailing
from preferences.models import Brand
from tests.engagement.dashboard_makers import count_everything, make_year

pytestmark = pytest.mark.django_db(transaction=True)

PAGES = (
    "engagement_overview",
    "engagement_comparison",
    "engagement_automations",
    "engagement_segments",
    "engagement_scanners",
    "engagement_behind_scanner",
    "engagement_prevented_trend",
    "engagement_mailing_figures",
    "engagement_interaction_prevented",
    "engagement_leaving",
)


@pytest.fixture
def brand() -> Iterator[Brand]:
    """No model's: what partitions and SQL made goes by SQL."""
    brand = make_year()
    count_everything()
    yield brand
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE engagement_interaction")


class Between:
    """Does something on another connection, once, after the first query about figures and before the second."""

    def __init__(self, work: Callable[[], object]) -> None:
        self.work, self.is_done = work, False

    def __call__(self, execute: Callable[..., Any], sql: str, *arguments: Any) -> Any:
        found = execute(sql, *arguments)
        if "engagement_" in sql and not self.is_done:
            self.is_done = True
            beside = threading.Thread(target=self._work)
            beside.start()
            beside.join()
        return found

    def _work(self) -> None:
        self.work()
        connection.close()


def turn_on(brand: Brand) -> None:
    since = timezone.now() - timedelta(days=30)
    for channel in ("email", "sms"):
        CountingSwitch.objects.create(brand=brand, channel=channel, leaves_out=True, since=since)


def path_of(page: str) -> str:
    args = [Mailing.objects.earliest("id").pk] if page == "engagement_mailing_figures" else []
    return reverse(f"admin:{page}", args=args)


@pytest.mark.parametrize("page", PAGES)
def test_a_switch_that_commits_in_the_middle_is_on_the_next_page(page: str, brand: Brand, admin_client: Client) -> None:
    path = path_of(page)
    between = Between(lambda: turn_on(brand))
    with connection.execute_wrapper(between):
        during: State = admin_client.get(path).context["state"]
    after: State = admin_client.get(path).context["state"]
    assert between.is_done
    assert (during.is_left_out, after.is_left_out) == (False, True)
