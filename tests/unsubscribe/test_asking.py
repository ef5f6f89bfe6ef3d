"""No link at hand: an address is typed, and a fresh link comes by mail."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from django.db import OperationalError, connection
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from engagement.recording.recorder import recorder
from preferences import limits, tasks
from preferences.links import Channel, Purpose
from preferences.models import Brand, BrandText, LinkRequest, PreferenceChange, Recipient
from preferences.sealing import open_fields
from tests.makers import make_brand, make_cause, make_key, make_recipient, make_token, make_topic
from tests.smtp import MailServer, serving_mail, text_of
from unsubscribe import asking
from unsubscribe.letters import DeliveryError

pytestmark = pytest.mark.django_db
FORM = "application/x-www-form-urlencoded"
ALICE, BOB = "alice@example.org", "bob@example.org"


@pytest.fixture(autouse=True)
def mail_server(settings: Any) -> Iterator[MailServer]:
    with serving_mail() as server:
        settings.MAILERS = server.mailers()
        yield server


def make_sender(slug: str = "demo", **fields: Any) -> Brand:
    """A brand that can seal links."""
    brand = make_brand(slug=slug, **fields)
    make_key(brand)
    make_topic(brand)
    return brand


def ask(
    client: Client, address: str = ALICE, at: str = "/a/demo", network: str = "127.0.0.1", **headers: str
) -> HttpResponse:
    body = urlencode({"address": address})
    response = client.post(at, body, content_type=FORM, headers=headers, REMOTE_ADDR=network)
    assert isinstance(response, HttpResponse)
    return response


def work() -> None:
    """Do what waits for the worker."""
    for row in DBTaskResult.objects.filter(task_path="unsubscribe.asking.send_links", status="READY"):
        asking.send_links.call(*row.args_kwargs["args"])
        DBTaskResult.objects.filter(id=row.id).update(status="SUCCESSFUL", finished_at=timezone.now())


def links_in(text: str) -> list[str]:
    return re.findall(r"https?://\S+/p/[\w-]+", text)


def test_whoever_types_an_address_gets_a_link_to_its_preferences(client: Client, mail_server: MailServer) -> None:
    make_sender(reply_to="help@example.org")
    assert "Look at your mail" in ask(client).content.decode()
    work()
    [mail] = mail_server.mails
    assert mail["To"] == ALICE
    assert mail["From"] == "Demo Letters <letters@example.org>"
    assert mail["Reply-To"] == "help@example.org"
    assert mail["Subject"] == "Your preferences at Demo Letters"
    assert mail["Auto-Submitted"] == "auto-generated"
    [link] = links_in(text_of(mail))
    assert link in text_of(mail, "html")
    assert "a•••@e•••.org" in client.get(urlsplit(link).path).content.decode()


def test_known_unknown_and_limited_addresses_get_one_answer(client: Client, mail_server: MailServer) -> None:
    brand = make_sender()
    make_recipient(brand).leave_everything(make_cause())
    answers = [ask(client, address) for address in (ALICE, BOB, "nobody@nowhere.example", ALICE)]
    assert len({response.content for response in answers}) == 1
    assert {response.status_code for response in answers} == {200}
    work()
    assert sorted(mail["To"] for mail in mail_server.mails) == [ALICE, BOB, "nobody@nowhere.example"]


def test_asking_stores_nothing_about_anybody_but_hashes(client: Client) -> None:
    make_sender()
    ask(client)
    work()
    assert not Recipient.objects.exists()
    assert not PreferenceChange.objects.exists()
    [row] = LinkRequest.objects.all()
    assert len(bytes(row.address)) == len(bytes(row.network)) == 16
    [task] = DBTaskResult.objects.all()
    assert "alice" not in str(task.args_kwargs)
    assert open_fields(task.args_kwargs["args"][0])["address"] == ALICE


@pytest.mark.parametrize("text", ["", "alice", "alice@", "@example.org", "a b@example.org", "a@b@c", "x" * 400])
def test_what_can_be_no_address_is_said_and_kept(client: Client, text: str) -> None:
    make_sender()
    page = ask(client, text).content.decode()
    assert "This is not an e-mail address" in page
    assert 'aria-invalid="true" aria-describedby="problem"' in page
    assert f'value="{text[:320]}"' in page
    assert not DBTaskResult.objects.exists()


def test_what_was_typed_is_shown_as_text(client: Client) -> None:
    make_sender()
    assert '"><script>' not in ask(client, '"><script>alert(1)</script>').content.decode()


def test_an_address_is_asked_for_once_in_ten_minutes_and_three_times_a_day(client: Client) -> None:
    make_sender()
    for spelling in (ALICE, "ALICE@Example.org"):
        ask(client, spelling)
    assert DBTaskResult.objects.count() == 1
    for _ in range(4):
        LinkRequest.objects.update(asked_at=timezone.now() - timedelta(minutes=11))
        ask(client)
    assert DBTaskResult.objects.count() == 3
    LinkRequest.objects.update(asked_at=timezone.now() - timedelta(hours=25))
    ask(client)
    assert DBTaskResult.objects.count() == 4


def test_a_network_asks_for_twenty_addresses_an_hour(client: Client) -> None:
    make_sender()
    for number in range(22):
        ask(client, f"alice-{number}@example.org")
    assert DBTaskResult.objects.count() == limits.NETWORK_HOURLY
    ask(client, BOB, network="198.51.100.7")
    assert DBTaskResult.objects.count() == limits.NETWORK_HOURLY + 1


def test_all_together_ask_for_so_many_in_an_hour(client: Client, settings: Any) -> None:
    make_sender()
    settings.FAREWELL_LINK_MAILS_PER_HOUR = 2
    for number in range(4):
        ask(client, f"alice-{number}@example.org", network=f"198.51.{number}.7")
    assert DBTaskResult.objects.count() == 2


def test_one_purpose_leaves_the_others_their_mails() -> None:
    assert limits.may_send(Purpose.PREFERENCES, Channel.EMAIL, ALICE, "198.51.100.0")
    assert limits.may_send(Purpose.ACCESS, Channel.EMAIL, ALICE, "198.51.100.0")
    assert not limits.may_send(Purpose.ACCESS, Channel.EMAIL, ALICE, "")


@pytest.mark.django_db(transaction=True)
def test_of_requests_that_come_together_one_passes() -> None:
    start = threading.Barrier(6)
    passed: list[bool] = []

    def request() -> None:
        start.wait()
        passed.append(limits.may_send(Purpose.PREFERENCES, Channel.EMAIL, ALICE, "198.51.100.0"))
        connection.close()

    threads = [threading.Thread(target=request) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(passed) == [False] * 5 + [True]


def test_requests_are_forgotten_after_a_day(client: Client) -> None:
    make_sender()
    ask(client)
    assert limits.prune() == 0
    LinkRequest.objects.update(asked_at=timezone.now() - timedelta(hours=25))
    assert limits.prune() == 1
    assert not LinkRequest.objects.exists()


def test_what_cannot_be_enqueued_is_not_counted(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def is_away(*_: Any, **__: Any) -> None:
        raise OperationalError("away")

    make_sender()
    with monkeypatch.context() as patch:
        patch.setattr(DBTaskResult.objects, "create", is_away)
        assert ask(client).status_code == 503
    assert not LinkRequest.objects.exists()
    ask(client)
    assert DBTaskResult.objects.count() == 1


# Which brand is meant


def test_a_broken_link_leads_to_the_form_of_its_brand(client: Client, mail_server: MailServer) -> None:
    make_sender("other")
    brand = make_brand(slug="demo")
    token = make_token(make_key(brand))
    client.get(f"/u/{token}")
    response = client.get(f"/u/{token[:-3]}")
    assert response.status_code == 404
    assert 'action="/a/demo"' in response.content.decode()


def test_an_unknown_brand_is_a_page_that_helps(client: Client) -> None:
    make_sender()
    response = client.get("/a/nosuch")
    assert response.status_code == 404
    assert b'action="/a/"' in response.content


def test_the_404_page_of_any_address_has_the_form(client: Client) -> None:
    response = client.get("/no/such/page")
    assert response.status_code == 404
    assert b'action="/a/"' in response.content
    assert b'autocomplete="email"' in response.content


def test_on_a_brands_own_host_the_form_is_the_brands(client: Client, mail_server: MailServer) -> None:
    make_sender("demo", base_url="https://leave.example.org")
    make_sender("other", name="Others")
    assert b"Demo Letters" in client.get("/a/", headers={"host": "leave.example.org"}).content
    ask(client, at="/a/", host="leave.example.org")
    work()
    [mail] = mail_server.mails
    assert mail["Subject"] == "Your preferences at Demo Letters"


def test_where_several_may_be_meant_those_who_know_the_address_are_listed(
    client: Client, mail_server: MailServer
) -> None:
    stored, visited = make_sender("stored", name="Stored"), make_brand(slug="visited", name="Visited")
    make_sender("stranger", name="Stranger")
    make_recipient(stored).opt_out(make_topic(stored, "offers").id, make_cause())
    make_topic(visited)
    client.get(f"/u/{make_token(make_key(visited))}")
    recorder.flush()
    ask(client, at="/a/")
    work()
    [mail] = mail_server.mails
    text = text_of(mail)
    assert mail["Subject"] == "Your preferences"
    assert len(links_in(text)) == 2
    assert "Stored:" in text
    assert "Visited:" in text
    assert "Stranger" not in str(mail)


def test_where_one_of_several_knows_the_address_the_mail_is_its(client: Client, mail_server: MailServer) -> None:
    brand = make_sender("one", name="One")
    make_sender("two", name="Two")
    make_recipient(brand).opt_out(brand.topics.get().id, make_cause())
    ask(client, at="/a/")
    work()
    [mail] = mail_server.mails
    assert mail["Subject"] == "Your preferences at One"


def test_whom_none_of_several_knows_is_told_so(client: Client, mail_server: MailServer) -> None:
    make_sender("one", name="One")
    make_sender("two", name="Two")
    ask(client, at="/a/")
    work()
    [mail] = mail_server.mails
    assert "No sender here knows this address" in text_of(mail)
    assert links_in(text_of(mail)) == []


# The mail


def test_the_mail_has_the_brands_footer_imprint_and_privacy_notice(client: Client, mail_server: MailServer) -> None:
    brand = make_sender(imprint_url="https://example.org/imprint", privacy_url="https://example.org/privacy")
    BrandText.objects.create(brand=brand, language="en", footer="Demo & Co., 1 Main Street")
    ask(client)
    work()
    [mail] = mail_server.mails
    for kind in ("plain", "html"):
        text = text_of(mail, kind)
        assert "https://example.org/imprint" in text
        assert "https://example.org/privacy" in text
    assert "Demo & Co., 1 Main Street" in text_of(mail)
    assert "Demo &amp; Co., 1 Main Street" in text_of(mail, "html")
    assert 'lang="en" dir="ltr"' in text_of(mail, "html")


def test_a_mail_server_that_is_away_is_tried_again_three_times(client: Client, mail_server: MailServer) -> None:
    make_sender()
    ask(client)
    mail_server.refuses = True
    work()
    [again] = DBTaskResult.objects.filter(status="READY")
    assert again.run_after > timezone.now()
    work()
    [last] = DBTaskResult.objects.filter(status="READY")
    with pytest.raises(DeliveryError) as caught:
        asking.send_links.call(*last.args_kwargs["args"])
    assert "alice" not in str(caught.value)
    assert caught.value.__suppress_context__
    mail_server.refuses = False
    work()
    assert len(mail_server.mails) == 1


# The door


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_looking_at_the_form_sends_nothing(client: Client, method: str) -> None:
    make_sender()
    assert client.generic(method, "/a/demo?address=alice@example.org").status_code in {200, 204}
    assert not LinkRequest.objects.exists()
    assert not DBTaskResult.objects.exists()


def test_a_form_sent_blindly_sends_nothing(client: Client) -> None:
    make_sender()
    client.post("/a/demo", "address=", content_type=FORM)
    client.post("/a/demo", b"\xff\xfe", content_type=FORM)
    assert not DBTaskResult.objects.exists()


def test_the_form_sets_no_cookie_and_is_kept_by_nobody(client: Client) -> None:
    make_sender()
    for response in (client.get("/a/demo"), ask(client)):
        assert not response.cookies
        assert response.headers["Cache-Control"] == "no-store"
        assert "noindex" in response.headers["X-Robots-Tag"]


def test_the_page_is_the_language_asked_for(client: Client) -> None:
    make_sender()
    assert b'action="/a/demo?lang=en"' in client.get("/a/demo?lang=en").content


def test_the_worker_prunes_what_is_kept_for_days_only(client: Client) -> None:
    make_sender()
    ask(client)
    work()
    ask(client, BOB)
    LinkRequest.objects.filter(address=limits.address_hash(Channel.EMAIL, ALICE)).update(
        asked_at=timezone.now() - timedelta(days=2)
    )
    DBTaskResult.objects.filter(status="SUCCESSFUL").update(finished_at=timezone.now() - timedelta(days=8))
    assert tasks.prune.call() == 1
    assert DBTaskResult.objects.get().status == "READY"
