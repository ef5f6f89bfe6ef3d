"""What the brand tells of a deed that followed a click."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from engagement.models import Conversion, Interaction
from tests.makers import make_cause
from tests.unsubscribe.makers import Mail, make_mail

pytestmark = pytest.mark.django_db

FORM = "application/x-www-form-urlencoded"


def told() -> list[Conversion]:
    return list(Conversion.objects.order_by("id"))


@pytest.fixture
def shop() -> Client:
    """A server, which sends no header of a browser."""
    return Client()


def post(client: Client, mail: Mail, body: str, content_type: str) -> Any:
    return client.post(f"/c/{mail.token('click')}/conversion", body, content_type=content_type)


def test_a_form_is_stored_with_the_clicks_mailing_segment_and_link(shop: Client) -> None:
    mail = make_mail()
    token = mail.token("click", segment="loyal")
    body = "name=order&key=A-1&value=19.90&currency=EUR"
    response = shop.post(f"/c/{token}/conversion", body, content_type=FORM)
    assert (response.status_code, response.headers["Access-Control-Allow-Origin"]) == (200, "*")
    [row] = told()
    assert (row.name, row.value, row.currency, row.recipient_id) == ("order", Decimal("19.90"), "EUR", mail.alice.id)
    assert (row.mailing, row.segment, row.topic) == ("2026-11", "loyal", "news")
    [counted] = Interaction.objects.all()
    assert (counted.kind, counted.record, counted.verdict) == ("conversion", "conversion", "human")
    assert (counted.signals, counted.segment, counted.link) == ([], "loyal", row.link)
    assert counted.occurred_at == row.occurred_at


def test_json_is_taken_too(shop: Client) -> None:
    fields = {"name": "order", "key": 17, "value": 0.1, "currency": "EUR"}
    assert post(shop, make_mail(), json.dumps(fields), "application/json").status_code == 200
    assert told()[0].value == Decimal("0.1")


def test_who_tells_is_nobody(shop: Client) -> None:
    post(shop, make_mail(), "name=order&key=A-1", FORM)
    row = Interaction.objects.get()
    assert (row.network, row.agent) == (None, "")


def test_the_key_is_not_stored(shop: Client) -> None:
    mail, other = make_mail(), make_mail()
    for owner in (mail, other):
        post(shop, owner, "name=order&key=A-1", FORM)
    keys = {bytes(row.key) for row in told()}
    assert len(keys) == 2
    assert not any(b"A-1" in key for key in keys)


def test_telling_twice_counts_once(shop: Client) -> None:
    mail = make_mail()
    assert [post(shop, mail, "name=order&key=A-1", FORM).status_code for _ in range(3)] == [200] * 3
    post(shop, mail, "name=order&key=A-2", FORM)
    assert len(told()) == 2
    assert Interaction.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_telling_at_the_same_time_counts_once() -> None:
    mail = make_mail()
    statuses: list[int] = []
    start = threading.Barrier(6)

    def tell_it() -> None:
        start.wait()
        statuses.append(post(Client(), mail, "name=order&key=A-1", FORM).status_code)
        connection.close()

    threads = [threading.Thread(target=tell_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 6
    assert (Conversion.objects.count(), Interaction.objects.count()) == (1, 1)
    Interaction.objects.all().delete()


def test_a_deed_may_be_told_later(shop: Client) -> None:
    moment = timezone.now().replace(microsecond=0) - timedelta(days=3)
    post(shop, make_mail(), json.dumps({"name": "order", "key": "1", "occurred_at": moment.isoformat()}), "text/json")
    assert told()[0].occurred_at == moment
    assert Interaction.objects.get().occurred_at == moment


@pytest.mark.django_db(transaction=True)
def test_a_deed_of_a_month_without_partition_makes_it(shop: Client) -> None:
    from engagement.tracking.conversions import Told, store
    from preferences.directory import directory
    from preferences.links import Purpose

    mail = make_mail()
    moment = datetime(2024, 2, 3, tzinfo=UTC)
    link = directory.open(mail.token("click"), Purpose.CLICK)
    assert store(link, Told("order", "A-1", moment)) is True
    assert Interaction.objects.get().occurred_at == moment
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE engagement_interaction_2024_02")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": ""}, "A conversion has a name"),
        ({"key": " "}, "your id of the deed"),
        ({"name": "n" * 65}, "at most 64"),
        ({"name": "a\x00b"}, "printable"),
        ({"key": "k" * 201}, "at most 200"),
        ({"key": ["a"]}, "key is a text"),
        ({"key": True}, "key is a text"),
        ({"value": "19.90"}, "go together"),
        ({"currency": "EUR"}, "go together"),
        ({"value": "NaN", "currency": "EUR"}, "A value is a number"),
        ({"value": "-1", "currency": "EUR"}, "A value is a number"),
        ({"value": "1e9", "currency": "EUR"}, "A value is a number"),
        ({"value": "1.234", "currency": "EUR"}, "A value is a number"),
        ({"value": "1", "currency": "euro"}, "three letters"),
        ({"occurred_at": "yesterday"}, "is a moment"),
        ({"occurred_at": "2026-11-21T18:00:00"}, "time zone"),
        ({"occurred_at": "1999-01-01T00:00:00Z"}, "last 30 days"),
        ({"occurred_at": "2999-01-01T00:00:00Z"}, "last 30 days"),
    ],
)
def test_what_cannot_be_taken_is_said(shop: Client, fields: dict[str, Any], words: str) -> None:
    body = json.dumps({"name": "order", "key": "A-1", **fields})
    response = post(shop, make_mail(), body, "application/json")
    assert response.status_code == 400
    assert words in response.content.decode()
    assert told() == []


@pytest.mark.parametrize("body", ["", "{", "[]", "null", "[" * 9_000, '{"name": "order"}', "\xff"])
def test_json_that_is_none_is_refused(shop: Client, body: str) -> None:
    assert post(shop, make_mail(), body, "application/json").status_code == 400


def test_a_long_body_is_refused(shop: Client) -> None:
    assert post(shop, make_mail(), "name=order&key=" + "x" * 20_000, FORM).status_code == 413


@pytest.mark.parametrize("method", ["get", "head", "put", "delete"])
def test_only_a_post_tells(shop: Client, method: str) -> None:
    response = getattr(shop, method)(f"/c/{make_mail().token('click')}/conversion?name=order&key=A-1")
    assert response.status_code == 405
    assert told() == []


@pytest.mark.parametrize("purpose", ["unsubscribe", "open", "hidden"])
def test_only_a_clicks_token_tells(shop: Client, purpose: str) -> None:
    response = shop.post(f"/c/{make_mail().token(purpose)}/conversion", "name=a&key=b", content_type=FORM)
    assert response.status_code == 404
    assert told() == []


def test_nothing_is_stored_for_a_brand_that_does_not_track(shop: Client) -> None:
    assert post(shop, make_mail(tracks=False), "name=order&key=A-1", FORM).status_code == 200
    assert (told(), Interaction.objects.count()) == ([], 0)


def test_nothing_is_stored_of_who_refused(shop: Client) -> None:
    mail = make_mail()
    mail.alice.refuse_tracking(make_cause())
    assert post(shop, mail, "name=order&key=A-1", FORM).status_code == 200
    assert (told(), Interaction.objects.count()) == ([], 0)


@pytest.mark.django_db(transaction=True)
def test_a_deed_that_cannot_be_stored_is_not_thanked_for(shop: Client) -> None:
    mail = make_mail()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE engagement_conversion RENAME TO away")
    try:
        response = post(shop, mail, "name=order&key=A-1", FORM)
        assert (response.status_code, "Retry-After" in response.headers) == (503, True)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE away RENAME TO engagement_conversion")


# How many a message may have


def tell(client: Client, token: str, key: object, **fields: str) -> int:
    body = {"name": "order", "key": key, **fields}
    return client.post(f"/c/{token}/conversion", json.dumps(body), content_type="application/json").status_code


def test_a_message_has_only_so_many_whatever_its_links(shop: Client, settings: Any) -> None:
    settings.FAREWELL_MAX_CONVERSIONS = 3
    mail = make_mail()
    tokens = [mail.token("click"), mail.token("click", target="https://example.org/other")]
    assert [tell(shop, tokens[key % 2], key) for key in range(5)] == [200, 200, 200, 429, 429]
    assert tell(shop, tokens[0], 1) == 200  # is known
    assert (len(told()), Interaction.objects.count()) == (3, 3)
    assert tell(shop, mail.token("click", mailing="2026-12"), 6) == 200


def test_no_moment_makes_room_for_more(shop: Client, settings: Any) -> None:
    """A deed of almost a month ago still counts a moment later."""
    settings.FAREWELL_MAX_CONVERSIONS = 1
    token = make_mail().token("click")
    oldest = timezone.now() - timedelta(days=30) + timedelta(minutes=1)
    assert tell(shop, token, 1, occurred_at=oldest.isoformat()) == 200
    Conversion.objects.update(occurred_at=oldest - timedelta(days=1))
    assert tell(shop, token, 2) == 429
    Conversion.objects.update(occurred_at=oldest - timedelta(days=31))
    assert tell(shop, token, 3) == 200


def test_without_a_limit_all_are_stored(shop: Client, settings: Any) -> None:
    settings.FAREWELL_MAX_CONVERSIONS = 0
    token = make_mail().token("click")
    assert {tell(shop, token, key) for key in range(101)} == {200}
    assert len(told()) == 101


@pytest.mark.django_db(transaction=True)
def test_of_many_told_at_once_no_more_are_stored(settings: Any) -> None:
    settings.FAREWELL_MAX_CONVERSIONS = 7
    token = make_mail().token("click")
    statuses: list[int] = []

    def tell_five(number: int) -> None:
        statuses.extend(tell(Client(), token, f"{number}-{key}") for key in range(5))
        connection.close()

    threads = [threading.Thread(target=tell_five, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (statuses.count(200), statuses.count(429)) == (7, 23)
    assert (len(told()), Interaction.objects.count()) == (7, 7)
    Interaction.objects.all().delete()
