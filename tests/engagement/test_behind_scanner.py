"""The command that says whose mails a scanner opens."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from engagement.models import MailHost, Scanned
from preferences.links import Channel
from preferences.models import Brand
from tests.commands import Result, run
from tests.makers import make_brand, make_recipient

pytestmark = pytest.mark.django_db


def make_scanned(brand: Brand, address: str, ago: int = 1, channel: Channel = Channel.EMAIL, **fields: Any) -> Scanned:
    at = timezone.now() - timedelta(days=ago)
    person = make_recipient(brand, address, channel)
    defaults = {"domain": "example.org", "first_at": at, "last_at": at, "events": 9, "messages": 4}
    return Scanned.objects.create(brand_id=brand.pk, recipient_id=person.pk, **{**defaults, **fields})


def ask(*arguments: object, stdin: bytes | str) -> Result:
    return run("behind_scanner", "--brand", "demo", *arguments, stdin=stdin)


def test_each_address_is_answered_in_order() -> None:
    brand = make_brand(slug="demo")
    seen = make_scanned(brand, "alice@example.org")
    result = ask(stdin="bob@example.org\nAlice@Example.org\nno address\nalice@example.org\n")
    last = f"{seen.last_at:%Y-%m-%dT%H:%M:%SZ}"
    assert result.rows == [
        ["bob@example.org", "no", "", "0", ""],
        ["Alice@Example.org", "yes", last, "4", ""],
        ["no address", "no", "", "0", ""],
        ["alice@example.org", "yes", last, "4", ""],
    ]
    assert "1 bad addresses" in result.err


def test_only_those_behind_a_scanner_are_written() -> None:
    brand = make_brand(slug="demo")
    make_scanned(brand, "alice@example.org")
    result = ask("--only", stdin="bob@example.org\nalice@example.org\nmallory@example.org\n")
    assert result.out == "alice@example.org\n"


@pytest.mark.parametrize(("ago", "days", "word"), [(89, 90, "yes"), (91, 90, "no"), (91, 100, "yes"), (2, 1, "no")])
def test_a_robot_that_came_long_ago_says_nothing(ago: int, days: int, word: str) -> None:
    make_scanned(make_brand(slug="demo"), "alice@example.org", ago)
    assert ask("--days", days, stdin="alice@example.org\n").rows[0][1] == word


def test_another_brands_recipient_and_another_channels_are_others() -> None:
    brand, other = make_brand(slug="demo"), make_brand()
    make_scanned(other, "alice@example.org")
    make_scanned(brand, "+14155550101", channel=Channel.SMS, domain="")
    assert ask(stdin="alice@example.org\n").rows[0][1] == "no"
    assert ask("--channel", "sms", stdin="+1 415 555 0101\n").rows[0][1] == "yes"


def test_a_known_gateway_makes_a_scanner_likely(settings: LazySettings) -> None:
    make_scanned(make_brand(slug="demo"), "alice@example.org")
    MailHost.objects.create(domain="example.org", gateway="Proofpoint", hosts=[])
    lines = "alice@example.org\nbob@EXAMPLE.org\nmallory@home.example\n"
    assert [row[1] for row in ask(stdin=lines).rows] == ["yes", "no", "no"]
    settings.FAREWELL_LOOK_UP_MAIL_HOSTS = True
    result = ask(stdin=lines)
    assert [row[1] for row in result.rows] == ["yes", "likely", "no"]
    assert [row[4] for row in result.rows] == ["Proofpoint", "Proofpoint", ""]
    assert ask("--only", stdin=lines).out == "alice@example.org\nbob@EXAMPLE.org\n"


def test_a_long_list_is_asked_in_a_few_queries() -> None:
    make_scanned(make_brand(slug="demo"), "reader9999@example.org")
    with CaptureQueriesContext(connection) as queries:
        result = ask("--only", stdin="".join(f"reader{number}@example.org\n" for number in range(20_000)))
    assert result.out == "reader9999@example.org\n"
    assert sum("engagement_scanned" in query["sql"] for query in queries) == 3


def test_days_that_make_no_sense_are_refused() -> None:
    make_brand(slug="demo")
    for days in (0, -5, 36_501, 10**9, 10**30):
        assert "--days is a number from 1 to 36,500." in ask("--days", days, stdin="alice@example.org\n").err
