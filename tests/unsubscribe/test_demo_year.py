"""What makes the made-up year believable: its seasons, and what robots and mail programs do in it."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.core.management import call_command

from engagement.models import Interaction
from unsubscribe.demo_year.plan import Sending, keenness, plan

END = datetime(2026, 11, 22, 12, tzinfo=UTC)


def campaigns(month: int) -> list[Sending]:
    return [one for one in plan(END) if one.at.month == month and not one.automation]


def test_less_is_read_in_summer_and_more_before_christmas() -> None:
    spring, summer, advent, holidays = (
        keenness(datetime(2026, month, day, tzinfo=UTC)) for month, day in ((4, 10), (8, 10), (12, 10), (12, 27))
    )
    assert holidays < summer < spring < advent


def test_each_mailing_is_as_keenly_read_as_its_season() -> None:
    [july], [april] = ({one.keenness for one in campaigns(month) if one.slug.startswith("news")} for month in (7, 4))
    assert july < april


def test_more_is_sent_before_christmas() -> None:
    assert len(campaigns(12)) > len(campaigns(4))


@pytest.mark.django_db
def test_pictures_are_prefetched_and_links_opened_in_bursts() -> None:
    call_command("demo_data", interactions=20_000)
    assert Interaction.objects.filter(record="open_prefetched").count() > 100
    clicks: defaultdict[tuple[UUID, str], dict[Any, datetime]] = defaultdict(dict)
    for row in Interaction.objects.filter(kind="click").order_by("occurred_at"):
        clicks[row.recipient_id, row.mailing].setdefault(row.link, row.occurred_at)
    bursts = [found for found in clicks.values() if len(found) > 2 and _span(found) < timedelta(seconds=10)]
    assert len(bursts) > 10


def _span(found: dict[Any, datetime]) -> timedelta:
    return max(found.values()) - min(found.values())
