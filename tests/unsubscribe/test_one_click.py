"""RFC 8058, to the letter."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from preferences.models import PreferenceChange
from tests.unsubscribe.makers import arrive, make_mail

# RFC 8058 section 8, the third with the boundary that lacks its hyphens.
EXAMPLES = json.loads((Path(__file__).parent.parent / "data" / "rfc8058-examples.json").read_text())
PAIR = "List-Unsubscribe=One-Click"
FORM = "application/x-www-form-urlencoded"

pytestmark = pytest.mark.django_db


def multipart(boundary: str, value: str = "One-Click", name: str = "List-Unsubscribe") -> str:
    return f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n--{boundary}--\r\n'


@pytest.mark.parametrize("door", ["u", "o"])
@pytest.mark.parametrize("example", EXAMPLES, ids=[example["id"] for example in EXAMPLES])
def test_the_examples_of_the_rfc_unsubscribe(client: Client, example: dict[str, Any], door: str) -> None:
    mail = make_mail()
    post = example["post"]
    token = mail.token("unsubscribe" if door == "u" else "one_click")
    response = client.post(f"/{door}/{token}", post["body"], content_type=post["content_type"])
    assert response.status_code == 200
    assert mail.changes() == [("out", "one_click")]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (FORM, PAIR),
        (FORM + "; charset=utf-8", PAIR),
        (FORM, PAIR + "\r\n"),
        (FORM, "List-Unsubscribe=One%2DClick"),
        ("multipart/form-data; boundary=b", multipart("b")),
        ("multipart/form-data", multipart("b")),
        ("multipart/form-data; boundary=other", multipart("b")),
        ("text/plain", PAIR),
        ("", PAIR),
        ("", multipart("b")),
    ],
)
def test_every_form_that_providers_send_is_read(client: Client, content_type: str, body: str) -> None:
    mail = make_mail()
    assert client.post(f"/u/{mail.token()}", body, content_type=content_type).status_code == 200
    assert mail.state() == "out"


@pytest.mark.parametrize(
    "body",
    [
        "",
        "List-Unsubscribe=",
        "List-Unsubscribe=Two-Clicks",
        "list-unsubscribe-post=One-Click",
        "List-Unsubscribe=One-Click&List-Unsubscribe=No",
        "One-Click",
        '{"List-Unsubscribe": "One-Click"}',
        multipart("b", value="Two-Clicks"),
        multipart("b", name="Other"),
        "\x00\xff",
        "&" * 2000,
    ],
)
@pytest.mark.parametrize("content_type", [FORM, "multipart/form-data; boundary=b", ""])
def test_a_wrong_body_is_refused_and_changes_nothing(client: Client, body: str, content_type: str) -> None:
    mail = make_mail()
    assert client.post(f"/u/{mail.token()}", body, content_type=content_type).status_code == 400
    assert not PreferenceChange.objects.exists()


@pytest.mark.parametrize("door", ["arrive", "confirm", "undo", "offer", "why", ""])
def test_a_body_over_16_kib_is_refused_at_every_door(client: Client, door: str) -> None:
    mail = make_mail()
    url = f"/u/{mail.token()}/{door}".rstrip("/")
    body = PAIR + "&choice=leave&all=off&x=" + "x" * 16 * 1024
    assert client.post(url, body, content_type=FORM).status_code == 413
    assert not PreferenceChange.objects.exists()


def test_a_body_of_exactly_16_kib_is_read(client: Client) -> None:
    mail = make_mail()
    body = PAIR + "&x=" + "x" * (16 * 1024 - len(PAIR) - 3)
    assert client.post(f"/u/{mail.token()}", body, content_type=FORM).status_code == 200


def test_it_needs_and_sets_no_cookie_and_heeds_no_origin() -> None:
    mail = make_mail()
    client = Client(enforce_csrf_checks=True, headers={"origin": "https://mallory.example.org", "user-agent": ""})
    client.cookies.load({"sessionid": "mallory", "csrftoken": "\x01" * 20})
    response = client.post(f"/u/{mail.token()}", PAIR, content_type=FORM)
    assert response.status_code == 200
    assert not response.cookies
    assert "Vary" not in response.headers
    assert mail.state() == "out"


def test_it_never_redirects(client: Client, settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = settings.APPEND_SLASH = settings.PREPEND_WWW = True
    settings.ALLOWED_HOSTS = ["elsewhere.example.org"]
    mail = make_mail()
    assert client.post(f"/u/{mail.token()}", PAIR, content_type=FORM).status_code == 200


@pytest.mark.parametrize("agent", ["", "curl/8.0", "Googlebot/2.1", "Microsoft Exchange/15.20"])
def test_nobody_is_judged_by_their_agent(client: Client, agent: str) -> None:
    mail = make_mail(age=1)
    client.post(f"/o/{mail.token('one_click')}", PAIR, content_type=FORM, headers={"user-agent": agent})
    row = PreferenceChange.objects.get()
    assert (row.state, row.source, row.settles_at) == ("out", "one_click", None)


def test_twenty_posts_write_one_row(client: Client) -> None:
    mail = make_mail()
    for _ in range(20):
        assert client.post(f"/u/{mail.token()}", PAIR, content_type=FORM).status_code == 200
    assert mail.changes() == [("out", "one_click")]


def test_one_click_settles_a_provisional_opt_out(client: Client) -> None:
    mail = make_mail()
    assert arrive(client, mail.token())["answer"] == "done"
    client.post(f"/u/{mail.token()}", PAIR, content_type=FORM)
    assert [row.settles_at is None for row in PreferenceChange.objects.order_by("id")] == [False, True]


def test_a_topic_nobody_has_heard_of_is_left_all_the_same(client: Client) -> None:
    mail = make_mail()
    response = client.post(f"/u/{mail.token(topic='brand-new')}", PAIR, content_type=FORM)
    assert response.status_code == 200
    row = PreferenceChange.objects.select_related("topic").get()
    assert row.topic is not None
    assert row.topic.slug == "brand-new"
