"""Access to one's own data (GDPR article 15): a link by mail, a page to read, a file to keep."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.test import Client
from django_tasks_db.models import DBTaskResult

from engagement.models import Interaction
from preferences.directory import directory
from preferences.limits import address_hash
from preferences.links import Channel, Claims, Purpose, seal
from preferences.models import LinkRequest, Recipient, Topic
from tests.makers import make_cause
from tests.smtp import MailServer, serving_mail, text_of
from tests.unsubscribe.makers import HOUR, make_mail
from tests.unsubscribe.stories import ALICE, FORM, NETWORK, PHONE, Story, rows_with, spellings, tell_story
from unsubscribe import access, exporting

pytestmark = pytest.mark.django_db
DAY = 24 * HOUR
# Every table that may speak of a recipient, with what of its rows is no data about the person.
STRUCTURE = {"xid", "brand_id", "recipient_id", "topic_id", "content_type_id", "user_id", "action_flag", "object_id"}
HANDLED = {
    "preferences_recipient",
    "preferences_subscription",
    "preferences_suppression",
    "preferences_pause",
    "preferences_companions",
    "preferences_preferencechange",
    "preferences_leavinganswer",
    "preferences_linkrequest",
    "engagement_interaction",
    "engagement_conversion",
    "engagement_touch",
    "engagement_pageview",
    "engagement_scanned",
    "engagement_revision",
    "django_admin_log",
}
_PARTITION = r"_\d{4}_\d{2}(_[a-z]+)?$"


@pytest.fixture(autouse=True)
def mail_server(settings: Any) -> Iterator[MailServer]:
    with serving_mail() as server:
        settings.MAILERS = server.mailers()
        yield server


def work() -> None:
    for row in DBTaskResult.objects.filter(task_path="unsubscribe.access.send_data_link"):
        access.send_data_link.call(*row.args_kwargs["args"])


def download(story: Story) -> dict[str, Any]:
    response = story.client.get(f"/d/{story.token()}/json")
    assert response.status_code == 200
    data = json.loads(b"".join(response.streaming_content))  # type: ignore[attr-defined]
    assert isinstance(data, dict)
    return data


def test_the_button_sends_a_link_to_the_persons_own_address(client: Client, mail_server: MailServer) -> None:
    mail = make_mail()
    response = client.post(f"/p/{mail.token('preferences')}/data", "choice=data", content_type=FORM)
    assert "a•••@e•••.org" in response.content.decode()
    assert "alice@" not in response.content.decode()
    assert "alice" not in str(DBTaskResult.objects.get().args_kwargs)
    work()
    [letter] = mail_server.mails
    assert letter["To"] == "alice@example.org"
    [link] = re.findall(r"http://\S+/d/\S+", text_of(letter))
    assert link in text_of(letter, "html")
    page = client.get(urlsplit(link).path)
    assert "alice@example.org" in page.content.decode()
    assert page.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("door", "purpose"), [("u", "unsubscribe"), ("o", "one_click"), ("j", "opt_in"), ("d", "access")]
)
def test_other_links_lead_to_it_too(client: Client, door: str, purpose: str) -> None:
    client.post(f"/{door}/{make_mail().token(purpose)}/data", "choice=data", content_type=FORM)
    assert LinkRequest.objects.get().purpose == "access"


def test_asking_again_is_answered_alike_and_sends_nothing(client: Client) -> None:
    url = f"/p/{make_mail().token('preferences')}/data"
    first, second = (client.post(url, "choice=data", content_type=FORM) for _ in range(2))
    assert first.content == second.content
    assert DBTaskResult.objects.count() == 1


@pytest.mark.parametrize("fields", ["", "choice=keep", "choice="])
def test_a_form_sent_blindly_sends_nothing_and_asks(client: Client, fields: str) -> None:
    url = f"/p/{make_mail().token('preferences')}/data"
    page = client.post(url, fields, content_type=FORM).content.decode()
    assert page.index('value="keep"') < page.index('value="data"')
    assert not DBTaskResult.objects.exists()
    assert not LinkRequest.objects.exists()


def test_a_phone_has_its_data_sent_to_the_address_beside_it(client: Client, mail_server: MailServer) -> None:
    story = tell_story()
    LinkRequest.objects.all().delete()
    DBTaskResult.objects.all().delete()
    token = seal(story.mail.key, Claims(Purpose.PREFERENCES, Channel.SMS, story.mail.sent_at, "", "", PHONE))
    assert "a•••@e•••.org" in client.post(f"/p/{token}/data", "choice=data", content_type=FORM).content.decode()
    work()
    assert [mail["To"] for mail in mail_server.mails] == [ALICE]


def test_a_link_to_data_works_for_a_week(client: Client) -> None:
    mail = make_mail(age=8 * DAY)
    token = mail.token("access")
    for url in (f"/d/{token}", f"/d/{token}/json"):
        page = client.get(url)
        assert page.status_code == 410
        assert f'action="/d/{token}/data"' in page.content.decode()
        assert "alice" not in page.content.decode()
    client.post(f"/d/{token}/erase", "choice=erase", content_type=FORM)
    assert not Recipient.objects.exists()
    directory.forget()
    assert client.get(f"/d/{make_mail(age=6 * DAY).token('access')}").status_code == 200


def test_someone_nobody_has_heard_of_is_shown_so(client: Client) -> None:
    mail = make_mail()
    story = Story(mail, client)
    data = download(story)
    [one] = data["recipients"]
    assert one["address"] == ALICE
    assert not one["is_address_stored"]
    assert one["changes"] == data["interactions"] == []
    assert one["topics"] == [{"topic": "news", "name": "News", "is_received": True, "chosen": None}]


def test_the_file_is_a_file(client: Client) -> None:
    response = client.get(f"/d/{make_mail(slug='demo').token('access')}/json")
    assert response.headers["Content-Disposition"] == 'attachment; filename="demo-data.json"'
    assert response.headers["Content-Type"] == "application/json; charset=utf-8"
    assert response.headers["Cache-Control"] == "no-store"


def test_many_visits_come_in_pages_without_a_gap(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    story = tell_story()
    monkeypatch.setattr(exporting, "_BATCH", 2)
    visits = download(story)["interactions"]
    ids = list(Interaction.objects.order_by("occurred_at", "id").values_list("id", flat=True))
    assert len(ids) > 4
    assert [visit["id"] for visit in visits] == ids


def test_the_page_shows_changes_answers_and_visits(client: Client) -> None:
    story = tell_story()
    page = client.get(f"/d/{story.token()}").content.decode()
    for text in (ALICE, PHONE, "too_many", "alice.liddell has enough", NETWORK):
        assert text in page
    for sentence in (
        "unsubscribed, by the page&#x27;s button",
        "left everything, paused until 2030-",
        "followed the hidden",
    ):
        assert sentence in page


@pytest.mark.parametrize(
    ("language", "words"), [("en", "a while (180 days)"), ("de", "(180 Tage)"), ("pl", "(180 dni)")]
)
def test_the_page_says_for_how_long_opens_and_clicks_are_the_persons(client: Client, language: str, words: str) -> None:
    assert words in client.get(f"/d/{tell_story().token()}?lang={language}").content.decode()


def test_the_page_promises_no_end_where_there_is_none(client: Client, settings: Any) -> None:
    settings.FAREWELL_PSEUDONYMISE_DAYS = 0
    assert "stay linked to you" not in client.get(f"/d/{tell_story().token()}").content.decode()


# Completeness: what the database holds is in the file


def test_every_row_that_speaks_of_the_person_is_in_the_file() -> None:
    story = tell_story()
    asked_for = address_hash(Channel.EMAIL, ALICE).hex()
    found = rows_with(*spellings(story.alice.id), ALICE, "alice.liddell", asked_for)
    text = json.dumps(download(story), ensure_ascii=False)
    tables = {re.sub(_PARTITION, "", table) for table in found}
    assert tables == HANDLED
    for table, rows in found.items():
        for row in rows:
            assert missing(table, row, text) == [], table


_LEFT_OUT = {"django_admin_log": {"id", "change_message"}, "preferences_leavinganswer": {"id"}}


def missing(table: str, row: dict[str, Any], text: str) -> list[str]:
    """The columns of a row whose value is nowhere in the file."""
    if table == "preferences_linkrequest":
        return [] if f'"purpose": "{row["purpose"]}"' in text and shown(row["asked_at"]) in text else ["asked_at"]
    if table == "preferences_companions":
        return [] if PHONE in text else ["phone"]
    skipped = STRUCTURE | _LEFT_OUT.get(table, set())
    return [name for name, value in row.items() if name not in skipped and not is_in(value, text)]


def is_in(value: Any, text: str) -> bool:
    if value in (None, "", [], {}):
        return True
    if isinstance(value, dict):
        return all(is_in(one, text) for one in value.values())
    if isinstance(value, list):
        return all(is_in(one, text) for one in value)
    written = json.dumps(value, ensure_ascii=False)
    return written in text or written.removeprefix('"\\\\x') in text or shown(str(value)) in text


def shown(value: str) -> str:
    """A moment as PostgreSQL writes it, as the file has it; a number of bytes without its prefix."""
    moment = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?\+00:00", value)
    return f"{moment[1]}{(moment[2] or '.').ljust(7, '0')}Z" if moment else value.removeprefix("\\x")


def test_no_table_refers_to_recipients_that_access_and_erasure_do_not_know() -> None:
    """A new one fails here until knowing.py and erasing.py say what they do with it."""
    query = """
        SELECT DISTINCT table_name FROM information_schema.columns
        WHERE table_schema = 'public' AND column_name = 'recipient_id'
        UNION SELECT DISTINCT conrelid::regclass::text FROM pg_constraint
        WHERE contype = 'f' AND confrelid = 'preferences_recipient'::regclass"""
    with connection.cursor() as cursor:
        cursor.execute(query)
        tables = {re.sub(_PARTITION, "", name) for (name,) in cursor.fetchall()}
    assert tables <= HANDLED
    assert len(tables) >= 7


def test_other_peoples_rows_are_not_in_the_file() -> None:
    story = tell_story()
    bob = Recipient.at(story.mail.brand.id, Channel.EMAIL, "bob@example.org")
    bob.opt_out(Topic.objects.get().id, make_cause())
    assert str(bob.changes.get().id) not in [change["id"] for change in download(story)["recipients"][0]["changes"]]
    assert "bob" not in json.dumps(download(story))
