"""The graded commit: who is `done` by arriving and who is asked for a press."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from engagement.models import Interaction
from engagement.recording.recorder import recorder
from preferences.models import PreferenceChange, Source, Subscription
from tests.makers import make_cause
from tests.unsubscribe.makers import HOUR, PERSON, arrive, make_mail, nonce_of
from unsubscribe import nonces

pytestmark = pytest.mark.django_db

STILL = {"visible": True, "focused": True, "presence": {"spots": 1}}
FORM = "application/x-www-form-urlencoded"
PLAIN = {"sec-fetch-site": "none"}  # a mail program that opens the browser: no click inside a page


@pytest.mark.parametrize(
    ("age", "page", "headers", "answer"),
    [
        (HOUR, STILL, {}, "done"),
        (HOUR, STILL, PLAIN, "done"),
        (400, STILL, {}, "done"),
        (400, STILL, PLAIN, "ask"),
        (120, STILL, {}, "done"),
        (30, STILL, {}, "ask"),
        (30, PERSON, {}, "done"),
        (30, PERSON, PLAIN, "done"),
        (HOUR, {**STILL, "focused": False}, {}, "ask"),
        (HOUR, {**STILL, "visible": False}, {}, "ask"),
        (HOUR, {**PERSON, "webdriver": True}, {}, "ask"),
        (HOUR, {**PERSON, "framed": True}, {}, "ask"),
        (HOUR, {**STILL, "presence": {"spots": 9, "untrusted": 3}}, PLAIN, "ask"),
        (30, {**PERSON, "presence": {"spots": 9, "span": 40}}, {}, "ask"),
        (HOUR, {**PERSON, "elapsed": 40_000}, PLAIN, "ask"),
        (HOUR, {**STILL, "styled": False}, PLAIN, "ask"),
        (HOUR, STILL, {**PLAIN, "user-agent": "Mozilla/5.0 (X11; Linux x86_64) Chrome/90.0.0.0 Safari/537.36"}, "ask"),
        (HOUR, PERSON, {"user-agent": "curl/8.0"}, "ask"),
        (HOUR, PERSON, {"user-agent": ""}, "ask"),
        (HOUR, PERSON, {"sec-purpose": "prefetch;prerender"}, "ask"),
        (HOUR, STILL, {"sec-fetch-site": "", "sec-fetch-mode": "", "sec-fetch-dest": "", "sec-fetch-user": ""}, "ask"),
        (HOUR, STILL, {**PLAIN, "accept-language": ""}, "ask"),
    ],
)
def test_evidence_decides(client: Client, age: int, page: Any, headers: dict[str, str], answer: str) -> None:
    mail = make_mail(age=age)
    assert arrive(client, mail.token(), page, **headers)["answer"] == answer
    assert mail.state() == ("out" if answer == "done" else "default")


@pytest.mark.parametrize(("policy", "page", "answer"), [("instant", {}, "done"), ("strict", STILL, "ask")])
def test_the_policy_of_the_brand_decides_how_much(client: Client, policy: str, page: Any, answer: str) -> None:
    mail = make_mail(policy=policy)
    assert arrive(client, mail.token(), page, **PLAIN)["answer"] == answer


def test_an_arrival_is_provisional_for_the_brands_window(client: Client) -> None:
    mail = make_mail(settle_minutes=30)
    arrive(client, mail.token())
    row = PreferenceChange.objects.get()
    assert row.settles_at is not None
    assert timedelta(minutes=29) < row.settles_at - timezone.now() <= timedelta(minutes=30)
    assert row.source == "arrival"
    assert row.mailing == "2026-11"
    assert row.evidence["verdict"] == "human"
    assert row.evidence["network"] == "127.0.0.0"


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "null",
        "{",
        '{"nonce": 5}',
        '{"nonce": {}, "page": []}',
        "[" * 5000,
        '{"page": {"presence": 7}}',
        "\xff",
    ],
)
def test_a_garbled_report_asks_and_never_fails(client: Client, body: str) -> None:
    mail = make_mail()
    response = client.post(f"/u/{mail.token()}/arrive", body, content_type="application/json")
    assert (response.status_code, response.json()) == (200, {"answer": "ask", "because": "stale"})
    assert mail.state() == "default"


def test_a_nonce_of_another_link_is_worth_nothing(client: Client) -> None:
    mail = make_mail()
    stolen = nonce_of(client.get(f"/u/{mail.token(address='mallory@example.org')}"))
    assert arrive(client, mail.token(), nonce=stolen) == {"answer": "ask", "because": "stale"}


def test_a_nonce_of_the_day_before_is_worth_nothing(client: Client) -> None:
    mail = make_mail()
    token = mail.token()
    old = nonces.seal(nonces.NonceKind.VISIT, 5, token, at=time.time() - nonces.MAX_AGE_SECONDS - 1)
    assert arrive(client, token, nonce=old) == {"answer": "ask", "because": "stale"}
    young = nonces.seal(nonces.NonceKind.VISIT, 5, token, at=time.time() - nonces.MAX_AGE_SECONDS + 60)
    assert arrive(client, token, nonce=young)["answer"] == "done"


def test_a_page_view_opts_out_once(client: Client) -> None:
    """After an undo its nonce is spent: what is left is the button."""
    mail = make_mail(age=-60)
    token = mail.token()
    nonce = nonce_of(client.get(f"/u/{token}"))
    undo = arrive(client, token, nonce=nonce)["undo"]
    client.post(f"/u/{token}/undo", f"nonce={undo}", content_type=FORM)
    assert arrive(client, token, nonce=nonce) == {"answer": "ask", "because": "stale"}
    assert mail.state() == "default"
    client.post(f"/u/{token}/confirm", f"choice=leave&nonce={nonce}", content_type=FORM)
    assert mail.changes() == [("out", "arrival"), ("default", "undo"), ("out", "confirm_button")]


def test_arriving_twenty_times_writes_one_row(client: Client) -> None:
    mail = make_mail()
    for _ in range(20):
        assert arrive(client, mail.token())["answer"] == "done"
    assert mail.changes() == [("out", "arrival")]


def test_who_came_back_since_the_mail_was_sent_is_asked(client: Client) -> None:
    mail = make_mail()
    mail.alice.opt_out(mail.topic.id, make_cause())
    mail.alice.undo_opt_out(mail.topic.id, make_cause(Source.UNDO))
    assert arrive(client, mail.token())["answer"] == "ask"
    assert mail.state() == "default"


def test_who_subscribed_without_ever_leaving_has_not_come_back(client: Client) -> None:
    mail = make_mail()
    mail.alice.opt_in(mail.topic.id, make_cause(Source.API))
    assert arrive(client, mail.token(), PERSON)["answer"] == "done"


def test_who_came_back_before_the_mail_was_sent_leaves_by_one_click(client: Client) -> None:
    mail = make_mail(age=-60)
    mail.alice.opt_out(mail.topic.id, make_cause())
    mail.alice.opt_in(mail.topic.id, make_cause(Source.API))
    assert arrive(client, mail.token(), PERSON)["answer"] == "done"


def test_who_has_left_already_is_told_so(client: Client) -> None:
    mail = make_mail(age=5)
    mail.alice.opt_out(mail.topic.id, make_cause())
    assert arrive(client, mail.token(), STILL)["answer"] == "done"
    assert len(mail.changes()) == 1


def test_the_hidden_link_speaks_against_the_same_visitor(client: Client) -> None:
    mail = make_mail()
    client.get(f"/h/{mail.token('hidden')}")
    recorder.flush()
    assert arrive(client, mail.token())["answer"] == "ask"
    recorder.flush()
    signals = Interaction.objects.get(kind="arrive").signals
    assert "hidden_link" in {signal["name"] for signal in signals}


def test_the_hidden_link_does_not_speak_against_another_visitor(client: Client, settings: Any) -> None:
    settings.FAREWELL_TRUSTED_PROXY_COUNT = 1
    mail = make_mail()
    client.get(f"/h/{mail.token('hidden')}", headers={"x-forwarded-for": "198.51.100.7"})
    recorder.flush()
    assert arrive(client, mail.token(), **{"x-forwarded-for": "203.0.113.9"})["answer"] == "done"


def test_all_links_of_a_mail_at_once_are_a_scan(client: Client) -> None:
    mail = make_mail()
    client.get(f"/p/{mail.token('preferences')}")
    recorder.flush()
    assert arrive(client, mail.token())["answer"] == "ask"


def test_one_address_at_three_recipients_is_a_scan(client: Client) -> None:
    mail = make_mail()
    for address in ("bob@example.net", "mallory@example.com", "alice@example.org"):
        client.get(f"/u/{mail.token(address=address)}")
    recorder.flush()
    assert arrive(client, mail.token(), STILL)["answer"] == "ask"
    assert arrive(client, mail.token(), PERSON)["answer"] == "done"  # neighbours behind one address, it seems


@pytest.mark.parametrize(("count", "answer"), [(9, "done"), (10, "ask")])
def test_colleagues_share_an_address_until_they_are_too_many(client: Client, count: int, answer: str) -> None:
    mail = make_mail()
    for number in range(count - 1):
        client.get(f"/u/{mail.token(address=f'colleague{number}@example.org')}")
    client.get(f"/u/{mail.token()}")
    recorder.flush()
    assert arrive(client, mail.token(), STILL)["answer"] == answer


def test_an_offices_scanner_does_not_speak_against_a_hand(client: Client) -> None:
    mail = make_mail()
    for address in ("alice@example.org", *(f"colleague{number}@example.org" for number in range(50))):
        for door, purpose in (("u", "unsubscribe"), ("h", "hidden"), ("p", "preferences")):
            link = f"/{door}/{mail.token(purpose, address=address)}"
            client.get(link, headers={"user-agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/150.0.0.0"})
    recorder.flush()
    assert arrive(client, mail.token(), STILL)["answer"] == "ask"
    assert arrive(client, mail.token(), PERSON)["answer"] == "done"


def test_a_warm_answer_renders_no_template(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    mail = make_mail()
    arrive(client, mail.token())
    token = mail.token(address="bob@example.org")
    nonce = nonce_of(client.get(f"/u/{token}"))

    def refuse(*_: object, **__: object) -> str:
        raise AssertionError("a template was rendered")

    monkeypatch.setattr("django.template.base.Template.render", refuse)
    assert arrive(client, token, nonce=nonce)["answer"] == "done"


def test_the_answer_brings_what_the_buttons_page_has_below(client: Client) -> None:
    """One template for both, so that who left by arriving is offered what who pressed is."""
    mail = make_mail()
    token = mail.token()
    answer = arrive(client, token)
    assert answer["undo"] in answer["after"]
    page = client.post(f"/u/{token}/confirm", "choice=leave", content_type=FORM).content.decode()
    assert answer["after"].replace(answer["undo"], nonce_of(page.encode())).strip() in page


def test_what_comes_with_the_answer_keeps_to_the_chosen_language_and_door(client: Client) -> None:
    token = make_mail().token("one_click")
    nonce = nonce_of(client.get(f"/o/{token}?lang=en"))
    body = {"nonce": nonce, "page": PERSON}
    answer = client.post(f"/o/{token}/arrive?lang=en", body, content_type="application/json").json()
    assert f'action="/o/{token}/undo?lang=en"' in answer["after"]
    assert f'href="/o/{token}/preferences?lang=en"' in answer["after"]


def test_the_verdict_of_the_arrival_is_recorded(client: Client) -> None:
    mail = make_mail(age=30)
    arrive(client, mail.token(), STILL)
    arrive(client, mail.token(), PERSON)
    recorder.flush()
    rows = Interaction.objects.filter(kind="arrive").order_by("occurred_at")
    assert [(row.answer, row.verdict) for row in rows] == [("ask", "unsure"), ("done", "human")]
    assert rows[0].facts["page"]["presence"]["spots"] == 1
    assert 0 <= rows[0].facts["dwell"] < 60
    assert rows[0].domain == "example.org"


@pytest.mark.parametrize("sent_at", [0, 2**40 - 1])
def test_any_moment_of_sending_that_a_link_may_claim_is_read(client: Client, sent_at: int) -> None:
    token = make_mail().token(sent_at=sent_at)
    assert arrive(client, token)["answer"] == "done"


@pytest.mark.parametrize(("before", "answer"), [(PERSON, "done"), (STILL, "ask")])
def test_a_person_who_was_seen_there_before_is_believed_sooner(client: Client, before: Any, answer: str) -> None:
    """An hour or more ago, by the same kind of browser at the same address, and with a hand."""
    mail = make_mail(age=-60)
    arrive(client, mail.token(mailing="2026-10"), before)
    mail.alice.undo_opt_out(mail.topic.id, make_cause(Source.UNDO))
    recorder.flush()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE engagement_interaction SET occurred_at = occurred_at - interval '2 hours'")
    token = mail.token(sent_at=int(time.time()) - 400)
    PreferenceChange.objects.all().delete()
    Subscription.objects.all().delete()
    assert arrive(client, token, STILL, **PLAIN)["answer"] == answer
