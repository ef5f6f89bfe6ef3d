"""The notice after an opt-out by arrival, for brands that want one."""

from __future__ import annotations

import re
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import OperationalError
from django.test import Client
from django_tasks_db.models import DBTaskResult

from preferences.models import PreferenceChange, Source
from tests.makers import make_cause
from tests.unsubscribe.makers import Mail, arrive, make_mail, nonce_of
from unsubscribe import notices

pytestmark = pytest.mark.django_db
FORM = "application/x-www-form-urlencoded"


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
