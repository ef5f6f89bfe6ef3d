"""`manage.py demo_data`: a year that is believable, the same for the same seed, and nobody real in it."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from engagement.counting import position
from engagement.models import Conversion, Interaction, Kind, Mailing, Tally
from preferences.models import Brand, PreferenceChange, Recipient, Source
from tests.engagement.counted import count_everything_now
from tests.engagement.counts import beginning

pytestmark = pytest.mark.django_db


def year(brand: str = "demo-year", **options: Any) -> list[tuple[Any, ...]]:
    """The interactions of a made-up year, in their order."""
    call_command("demo_data", interactions=3_000, brand=brand, **options)
    fields = ("mailing", "segment", "kind", "domain", "verdict", "agent", "send_age")
    return list(Interaction.objects.filter(brand__slug=brand).order_by("occurred_at", "id").values_list(*fields))


def test_a_year_has_about_as_many_interactions_as_were_asked_for() -> None:
    rows = Interaction.objects.filter(brand__slug="demo-year")
    found = len(year())
    assert 2_000 < found < 4_500
    assert found == rows.count()
    now = timezone.now()
    assert not rows.filter(occurred_at__gt=now).exists()
    assert not rows.filter(occurred_at__lt=now - timedelta(days=366)).exists()


def test_it_has_people_and_robots_prefetches_bursts_and_farewells() -> None:
    call_command("demo_data", interactions=20_000)  # in a small year, chance may have nobody with such a scanner
    kinds = Counter(Interaction.objects.values_list("kind", flat=True))
    assert {Kind.OPEN, Kind.CLICK, Kind.VISIT, Kind.ARRIVE, Kind.HIDDEN_VISIT} <= set(kinds)
    records = set(Interaction.objects.values_list("record", flat=True))
    assert {"open", "click", "click_machine_agent", "hidden_link"} <= records
    assert Interaction.objects.filter(verdict="machine", send_age__lt=60).exists()
    assert Interaction.objects.filter(verdict="machine", send_age__gt=3_600).exists()
    assert Interaction.objects.filter(channel="sms", kind=Kind.CLICK).exists()
    assert PreferenceChange.objects.filter(source__in=[Source.ARRIVAL, Source.ONE_CLICK]).exists()
    assert Conversion.objects.count() == kinds[Kind.CONVERSION]


def test_every_mailing_knows_how_many_it_was_sent_to() -> None:
    year()
    for mailing in Mailing.objects.filter(sent_count__gt=0):
        rows = mailing.deliveries.all()
        assert mailing.sent_count == sum(row.sent_count for row in rows)
        assert mailing.delivered_count == sum(row.delivered_count or 0 for row in rows)
        assert mailing.topics.count() == 1
    assert set(Mailing.objects.values_list("kind", flat=True)) == {"campaign", "automation"}
    assert set(Mailing.objects.values_list("automation", flat=True)) == {"", "welcome", "birthday"}


def test_ledger_and_state_agree_about_who_left() -> None:
    year()
    call_command("check_ledger")
    moments = list(PreferenceChange.objects.values_list("changed_at", flat=True))
    assert max(moments) - min(moments) > timedelta(days=30)


def test_a_counter_that_came_between_counts_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the changes were moved to their moments, it had found all of them in this hour."""
    forget = position.forget_ledger

    def count_before() -> None:
        count_everything_now()
        assert doors() == {beginning(timezone.now(), "hour"): PreferenceChange.objects.filter(state="out").count()}
        forget()

    monkeypatch.setattr(position, "forget_ledger", count_before)
    year()
    count_everything_now()
    wanted = Counter(
        beginning(at, "hour")
        for at in PreferenceChange.objects.filter(state="out").values_list("changed_at", flat=True)
    )
    assert doors() == wanted
    assert len(wanted) > 2


def doors() -> Counter[datetime]:
    """The topics left, by hour."""
    cells = Tally.objects.filter(dimension="door", level="hour", record="topic").exclude(value="reinstatement")
    found: Counter[datetime] = Counter()
    for start, events in cells.values_list("start", "events"):
        found[start] += events
    return found


def test_nobody_real_is_in_it() -> None:
    year()
    domains = set(Interaction.objects.exclude(channel="sms").values_list("domain", flat=True))
    assert all(domain.endswith(".example") for domain in domains)
    addresses = Recipient.objects.filter(channel="email").values_list("address", flat=True)
    assert all(address.endswith(".example") for address in addresses)


def test_the_same_seed_gives_the_same_year_and_another_one_another(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: moment)  # the year ends now
    first = year("one")
    assert year("two") == first
    assert year("three", seed=2) != first


def test_brands_of_several_years_have_several_names() -> None:
    year()
    year("demo-shop")
    assert list(Brand.objects.order_by("slug").values_list("name", flat=True)) == ["Demo Shop", "Demo Year"]


def test_a_brand_with_interactions_is_left_alone() -> None:
    year()
    with pytest.raises(CommandError, match="has interactions already"):
        call_command("demo_data", interactions=3_000)


def test_a_handful_is_no_year() -> None:
    with pytest.raises(CommandError, match=r"1,000"):
        call_command("demo_data", interactions=10)
    assert not Brand.objects.filter(slug="demo-year").exists()
