"""The notices: after an opt-out by arrival, for brands that want one, and after everything was left or paused."""

from __future__ import annotations

import re
import traceback
from datetime import date, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from engagement.forgetting import forget
from preferences.links import Channel
from preferences.models import LinkRequest, Person, PreferenceChange, Source
from tests.makers import make_cause, make_recipient, make_topic
from tests.smtp import serving_mail
from tests.unsubscribe.desk import Desk
from tests.unsubscribe.makers import Mail, arrive, make_mail, nonce_of
from unsubscribe import notices
from unsubscribe.letters import DeliveryError

pytestmark = pytest.mark.django_db
FORM = "application/x-www-form-urlencoded"
SUBSCRIBED = "You are subscribed again – Demo Letters"


@pytest.fixture(autouse=True)
def outbox(settings: Any, tmp_path: Path) -> Path:
    options = {"file_path": str(tmp_path)}
    settings.MAILERS = {"default": {"BACKEND": "unsubscribe.outbox.OutboxBackend", "OPTIONS": options}}
    return tmp_path


def waiting() -> list[int]:
    """The changes that the worker was asked to send notices of."""
    return [
        row.args_kwargs["args"][0] for row in DBTaskResult.objects.filter(task_path="unsubscribe.notices.send_notice")
    ]


def sent(folder: Path) -> list[EmailMessage]:
    mails = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in folder.iterdir()]
    assert all(isinstance(mail, EmailMessage) for mail in mails)
    return mails


def left(client: Client, **brand: Any) -> Mail:
    mail = make_mail(**{"sends_notice": True} | brand)
    assert arrive(client, mail.token())["answer"] == "done"
    return mail


def back_link(mail: EmailMessage, kind: str = "plain") -> str:
    body = mail.get_body((kind,))
    assert body
    found = re.search(r"http://127\.0\.0\.1:8000(/u/[\w-]+/undo)", body.get_content())
    assert found
    return found[1]


def test_a_brand_that_wants_it_sends_a_notice_once(client: Client, outbox: Path) -> None:
    mail = left(client)
    arrive(client, mail.token())
    [change_id] = waiting()
    assert change_id == PreferenceChange.objects.get().id
    assert notices.send_notice.call(change_id)
    [notice] = sent(outbox)
    assert notice["To"] == "alice@example.org"
    assert notice["Subject"] == "You have left News"
    assert notice["Auto-Submitted"] == "auto-generated"
    assert back_link(notice) == back_link(notice, "html")


def test_no_other_brand_sends_one(client: Client) -> None:
    left(client, sends_notice=False)
    assert waiting() == []


def test_the_link_only_shows_a_page_whose_press_brings_back(client: Client, outbox: Path) -> None:
    mail = left(client)
    notices.send_notice.call(waiting()[0])
    url = urlsplit(back_link(sent(outbox)[0])).path
    for method in (client.get, client.head, client.get):
        page = method(url)
        assert page.status_code == 200
    assert mail.state() == "out"
    first_control = re.search(rb"<button[^>]*>([^<]+)", page.content)
    assert first_control
    assert first_control[1] == b"Stay unsubscribed"
    nonce = nonce_of(page)
    client.post(url, f"nonce={nonce}&choice=stay", content_type=FORM)
    assert mail.state() == "out"
    assert b"subscribed again" in client.post(url, f"nonce={nonce}&choice=back", content_type=FORM).content
    assert mail.state() == "default"


@pytest.mark.parametrize("how", ["undone", "reinstated"])
def test_an_opt_out_that_was_taken_back_meanwhile_is_not_announced(client: Client, outbox: Path, how: str) -> None:
    mail = left(client)
    if how == "undone":
        mail.alice.undo_opt_out(mail.topic.id, make_cause(Source.UNDO))
    else:
        mail.alice.undo_change(waiting()[0], mail.topic.id, make_cause(Source.REINSTATEMENT))
    assert not notices.send_notice.call(waiting()[0])
    assert sent(outbox) == []


def test_a_notice_that_cannot_be_queued_fails_no_opt_out(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def is_away(*_: Any, **__: Any) -> None:
        raise OperationalError("away")

    monkeypatch.setattr(DBTaskResult.objects, "create", is_away)
    assert left(client).state() == "out"
    assert "will not be sent" in caplog.text


# After everything was left or paused by the preference page's link


def stopped_everything(mail: Mail, **evidence: Any) -> int:
    """The change that left everything, as the preference page makes it."""
    outcome = mail.alice.leave_everything(make_cause(Source.PREFERENCE_PAGE, evidence=evidence))
    return outcome.change_ids[-1]


def everything_waiting() -> list[int]:
    path = "unsubscribe.notices.send_everything_notice"
    return [row.args_kwargs["args"][0] for row in DBTaskResult.objects.filter(task_path=path)]


def test_whoever_left_everything_by_the_preference_page_is_told(client: Client, outbox: Path) -> None:
    mail = make_mail()
    stopped_everything(mail, language="en")
    notices.announce_save(list(PreferenceChange.objects.all()), is_back=False, is_all_off=False)
    assert notices.send_everything_notice.call(everything_waiting()[0])
    [notice] = sent(outbox)
    assert notice["To"] == "alice@example.org"
    assert notice["Subject"] == "You have left everything from Demo Letters"
    body = notice.get_body(("plain",))
    assert body
    found = re.search(r"http://127\.0\.0\.1:8000(/p/[\w-]+)", body.get_content())
    assert found
    assert client.get(found[1]).status_code == 200
    assert mail.alice.is_suppressed()


def test_any_change_of_the_same_save_leads_to_the_notice(outbox: Path) -> None:
    mail = make_mail()
    first, *_ = mail.alice.leave_everything(make_cause(Source.PREFERENCE_PAGE)).change_ids
    assert PreferenceChange.objects.get(id=first).topic is not None
    assert notices.send_everything_notice.call(first)


def test_whoever_paused_everything_is_told_until_when(outbox: Path) -> None:
    mail = make_mail()
    cause = make_cause(Source.PREFERENCE_PAGE, evidence={"language": "en"})
    [change_id] = mail.alice.pause(date(2030, 2, 3), cause).change_ids
    assert notices.send_everything_notice.call(change_id)
    [notice] = sent(outbox)
    assert notice["Subject"] == "Everything from Demo Letters is paused until February 3, 2030"


@pytest.mark.parametrize("how", ["left", "paused"])
def test_what_was_undone_meanwhile_is_not_told(outbox: Path, how: str) -> None:
    mail = make_mail()
    cause = make_cause(Source.PREFERENCE_PAGE)
    change_id = stopped_everything(mail) if how == "left" else mail.alice.pause(date(2030, 2, 3), cause).change_ids[0]
    Person.behind(mail.alice).come_back(make_cause(Source.PREFERENCE_PAGE))
    assert not notices.send_everything_notice.call(change_id)
    assert sent(outbox) == []


def test_an_address_is_told_once_a_day(outbox: Path) -> None:
    mail = make_mail()
    assert notices.send_everything_notice.call(stopped_everything(mail))
    mail.alice.lift_suppression(make_cause())
    again = mail.alice.leave_everything(make_cause(Source.PREFERENCE_PAGE)).change_ids[-1]
    assert not notices.send_everything_notice.call(again)
    LinkRequest.objects.update(asked_at=timezone.now() - timedelta(hours=25))
    assert notices.send_everything_notice.call(again)
    assert len(sent(outbox)) == 2


def test_a_phone_is_told_nothing(outbox: Path) -> None:
    mail = make_mail()
    phone = make_recipient(mail.brand, "+14155550123", Channel.SMS)
    change_id = phone.leave_everything(make_cause(Source.PREFERENCE_PAGE)).change_ids[-1]
    assert not notices.send_everything_notice.call(change_id)
    assert sent(outbox) == []


def test_whoever_was_erased_meanwhile_is_told_nothing(outbox: Path) -> None:
    mail = make_mail(sends_notice=True)
    change_id = stopped_everything(mail)
    forget(mail.alice)
    assert not notices.send_everything_notice.call(change_id)
    assert not notices.send_notice.call(change_id)


def test_a_notice_speaks_the_language_of_the_visit_or_else_the_brands() -> None:
    mail = make_mail(language="de")
    spoken = PreferenceChange.objects.get(id=stopped_everything(mail, language="en"))
    assert notices.language_of(spoken) == "en"
    spoken.evidence = {}
    assert notices.language_of(spoken) == "de"


def test_a_server_that_takes_no_mail_is_tried_again_and_named_without_the_address(settings: Any) -> None:
    change_id = stopped_everything(make_mail())
    with serving_mail() as server:
        settings.MAILERS = server.mailers()
        server.refuses = True
        assert not notices.send_everything_notice.call(change_id)
        again = DBTaskResult.objects.get(task_path="unsubscribe.notices.send_everything_notice")
        assert again.args_kwargs["args"] == [change_id, 2]
        assert again.run_after > timezone.now()
        with pytest.raises(DeliveryError) as caught:
            notices.send_everything_notice.call(change_id, 3)
        server.refuses = False
        assert notices.send_everything_notice.call(change_id, 2)
    assert len(server.mails) == 1
    assert "alice" not in "".join(traceback.format_exception(caught.value))


def test_the_notice_of_an_arrival_is_tried_again_too(client: Client, settings: Any) -> None:
    left(client)
    with serving_mail() as server:
        settings.MAILERS = server.mailers()
        server.refuses = True
        assert not notices.send_notice.call(waiting()[0])
        server.refuses = False
        assert sorted(row.args_kwargs["args"][1:] for row in DBTaskResult.objects.all()) == [[], [2]]
        assert notices.send_notice.call(waiting()[0], 2)


# When a stranger has the link, whatever the press: by the page itself


def test_whoever_switched_off_all_topics_one_by_one_is_told(desk: Desk, outbox: Path) -> None:
    desk.switch(desk.news, is_on=False)
    assert everything_waiting() == []
    desk.switch(desk.offers, is_on=False)
    [change_id] = everything_waiting()
    assert notices.send_everything_notice.call(change_id)
    [notice] = sent(outbox)
    assert notice["Subject"] == "You have left everything from Demo Letters"
    assert "you can change it back on this page" in notice.as_string()
    desk.save(desk.form())
    assert len(everything_waiting()) == 1


def test_whoever_has_a_topic_again_meanwhile_is_told_nothing(desk: Desk, outbox: Path) -> None:
    form = desk.form().tick("on", f"{desk.news.id}e", is_on=False)
    desk.switch(desk.offers, is_on=False, form=form)
    desk.switch(desk.news, is_on=True)
    assert not notices.send_everything_notice.call(everything_waiting()[0])
    assert sent(outbox) == []


def test_what_a_contract_requires_is_not_among_what_is_left_one_by_one(desk: Desk) -> None:
    make_topic(desk.mail.brand, "bills", is_required=True)
    form = desk.form().tick("on", f"{desk.news.id}e", is_on=False)
    desk.switch(desk.offers, is_on=False, form=form)
    assert notices.send_everything_notice.call(everything_waiting()[0])


@pytest.mark.parametrize("is_undone", [False, True])
def test_whoever_got_everything_again_is_told_unless_it_was_undone(desk: Desk, outbox: Path, is_undone: bool) -> None:
    desk.form().press(desk.client, "Unsubscribe from everything")
    page = desk.form().press(desk.client, "Get everything again")
    if is_undone:
        page.form("Undo").press(desk.client, "Undo")
    [row] = DBTaskResult.objects.filter(task_path="unsubscribe.notices.send_back_notice")
    assert notices.send_back_notice.call(*row.args_kwargs["args"]) is not is_undone
    assert [notice["Subject"] for notice in sent(outbox)] == ([] if is_undone else [SUBSCRIBED])
