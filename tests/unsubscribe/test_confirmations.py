"""Double opt-in: the wish goes into a mail, and only who reads that mail can make it so."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import datetime
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from engagement.recording.recorder import recorder
from preferences.limits import NETWORK_HOURLY
from preferences.links import Channel, Purpose
from preferences.models import BrandKey, LinkRequest, PreferenceChange, Recipient, Topic, TopicText
from preferences.sealing import open_fields
from tests.makers import make_topic
from tests.smtp import MailServer, serving_mail, text_of
from tests.unsubscribe.joining import ask, make_offer, press, receives
from tests.unsubscribe.makers import PERSON, Mail
from unsubscribe import confirmations
from unsubscribe.confirmations import ask_to_confirm
from unsubscribe.letters import DeliveryError
from unsubscribe.settling import settler

pytestmark = pytest.mark.django_db
NETWORK = "198.51.100.7"


@pytest.fixture(autouse=True)
def mail_server(settings: Any) -> Iterator[MailServer]:
    with serving_mail() as server:
        settings.MAILERS = server.mailers()
        yield server


def wish(mail: Mail, *topics: Topic, language: str = "en") -> bool:
    ids = [topic.id for topic in topics or [mail.topic]]
    return ask_to_confirm(mail.alice, ids, language, NETWORK)


def waiting() -> list[list[Any]]:
    """The arguments of the mails that wait for the worker."""
    rows = DBTaskResult.objects.filter(task_path="unsubscribe.confirmations.send_confirmation", status="READY")
    return [row.args_kwargs["args"] for row in rows]


def work() -> None:
    """Do what waits for the worker."""
    for row in DBTaskResult.objects.filter(status="READY"):
        confirmations.send_confirmation.call(*row.args_kwargs["args"])
        DBTaskResult.objects.filter(id=row.id).update(status="SUCCESSFUL", finished_at=timezone.now())


def links_in(mail: EmailMessage, kind: str = "plain", door: str = "j") -> list[str]:
    return [urlsplit(url).path for url in re.findall(rf"https?://[^\s\"]+/{door}/[\w-]+", text_of(mail, kind))]


def test_a_wish_alone_changes_and_stores_nothing_about_anybody(client: Client, mail_server: MailServer) -> None:
    mail = make_offer(is_double_opt_in=True)
    assert wish(mail)
    work()
    assert len(mail_server.mails) == 1
    assert not Recipient.objects.exists()
    assert not PreferenceChange.objects.exists()


def test_one_mail_has_a_link_for_each_topic_in_both_its_parts(mail_server: MailServer) -> None:
    mail = make_offer()
    assert wish(mail, mail.topic, make_topic(mail.brand, "offers"))
    work()
    [sent] = mail_server.mails
    assert sent["To"] == "alice@example.org"
    assert sent["From"] == "Demo Letters <letters@example.org>"
    assert sent["Subject"] == "Please confirm your subscription"
    assert sent["Auto-Submitted"] == "auto-generated"
    assert len(set(links_in(sent))) == 2
    assert links_in(sent) == links_in(sent, "html")
    for words in ("Subscribe to News", "Subscribe to Offers", "Demo Letters was asked"):
        assert words in text_of(sent)
        assert words in text_of(sent, "html")


def test_the_link_confirms_and_the_ledger_says_when_it_was_asked_for(client: Client, mail_server: MailServer) -> None:
    mail = make_offer()
    before = int(time.time())
    wish(mail)
    work()
    [path] = links_in(mail_server.mails[0])
    assert client.get(path).status_code == 200
    assert not receives(mail)
    press(client, path.rpartition("/")[2])
    assert receives(mail)
    row = PreferenceChange.objects.get()
    assert row.source == "confirm_button"
    assert row.evidence["visit"]
    asked_at = datetime.fromisoformat(row.evidence["asked_at"]).timestamp()
    assert before <= asked_at <= time.time()


def test_a_program_that_opens_every_link_of_the_mail_subscribes_nobody(client: Client, mail_server: MailServer) -> None:
    """Even one that shows a hand on each page: the link that no person sees tells of it."""
    mail = make_offer(age=-60)
    wish(mail)
    work()
    [sent] = mail_server.mails
    for path in links_in(sent, "html"):
        assert ask(client, path.rpartition("/")[2], PERSON)["answer"] == "done"
    assert links_in(sent, door="h") == []
    for path in links_in(sent, "html", door="h"):
        client.get(path)
    recorder.flush()
    assert settler.review_written().reinstated_count == 1
    assert not receives(mail)


def test_no_address_waits_in_the_queue_in_clear(mail_server: MailServer) -> None:
    mail = make_offer()
    wish(mail)
    [[asked]] = waiting()
    assert open_fields(asked)["address"] == "alice@example.org"
    assert "alice" not in str(DBTaskResult.objects.values().get())


def test_the_topic_is_named_in_the_readers_language(mail_server: MailServer) -> None:
    mail = make_offer(language="de")
    TopicText.objects.create(topic=mail.topic, language="en", name="Fresh news")
    wish(mail, language="en")
    work()
    assert "Subscribe to Fresh news" in text_of(mail_server.mails[0])


def test_what_names_say_is_text_and_no_markup(mail_server: MailServer) -> None:
    mail = make_offer(name="Tom & <b>")
    mail.topic.name = "A & B"
    mail.topic.save()
    wish(mail)
    work()
    assert "Subscribe to A & B" in text_of(mail_server.mails[0])
    assert "Subscribe to A &amp; B" in text_of(mail_server.mails[0], "html")
    assert "<b>" not in text_of(mail_server.mails[0], "html").replace("<body", "")


def test_nobodys_inbox_is_flooded(mail_server: MailServer) -> None:
    mail = make_offer()
    assert wish(mail)
    assert not wish(mail)
    work()
    assert len(mail_server.mails) == 1
    assert LinkRequest.objects.get().purpose == Purpose.OPT_IN


def test_no_network_asks_for_more_mails_than_it_may(mail_server: MailServer) -> None:
    """Its addresses count together, as whoever has one has the next."""
    mail = make_offer()
    answers = [
        ask_to_confirm(
            Recipient.at(mail.brand.id, Channel.EMAIL, f"person{number}@example.org"),
            [mail.topic.id],
            "en",
            f"198.51.100.{number}",
        )
        for number in range(NETWORK_HOURLY + 1)
    ]
    assert answers == [True] * NETWORK_HOURLY + [False]


def test_a_mail_that_could_not_be_queued_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    mail = make_offer()

    def is_away(*_: Any, **__: Any) -> None:
        raise OperationalError("away")

    with monkeypatch.context() as patch:
        patch.setattr(DBTaskResult.objects, "create", is_away)
        with pytest.raises(OperationalError):
            wish(mail)
    assert wish(mail)


def test_no_confirmation_goes_to_a_phone() -> None:
    mail = make_offer()
    phone = Recipient.at(mail.brand.id, Channel.SMS, "+14155550123")
    assert not ask_to_confirm(phone, [mail.topic.id], "en", NETWORK)
    assert waiting() == []
    assert not LinkRequest.objects.exists()


def test_a_wish_for_nothing_sends_nothing() -> None:
    assert not ask_to_confirm(make_offer().alice, [], "en", NETWORK)
    assert waiting() == []


def test_another_brands_topic_is_not_offered(mail_server: MailServer) -> None:
    mail = make_offer()
    wish(mail, make_topic(slug="offers"))
    work()
    assert mail_server.mails == []


def test_a_brand_without_a_key_sends_nothing(mail_server: MailServer) -> None:
    mail = make_offer()
    BrandKey.objects.get().retire()
    wish(mail)
    work()
    assert mail_server.mails == []


def test_a_mail_server_that_is_away_is_tried_again_three_times(mail_server: MailServer) -> None:
    wish(make_offer())
    mail_server.refuses = True
    for _ in range(2):
        work()
    [last] = waiting()
    with pytest.raises(DeliveryError) as caught:
        confirmations.send_confirmation.call(*last)
    assert "alice" not in str(caught.value)
    mail_server.refuses = False
    work()
    assert len(mail_server.mails) == 1
