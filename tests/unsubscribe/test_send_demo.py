from __future__ import annotations

import re
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.contrib.auth import authenticate
from django.core.mail import EmailMessage as DjangoMail
from django.core.mail import mailers
from django.utils import timezone

from engagement.models import Mailing
from engagement.tracking.short_links import resolve
from preferences.links import Claims, open_token
from preferences.models import Brand, BrandKey, PreferenceChange, Recipient, Topic
from tests.commands import run
from tests.makers import make_brand, make_cause, make_key, make_recipient, make_topic

PEOPLE = {"alice@example.org", "bob@example.org", "mallory@example.org"}


@pytest.fixture(autouse=True)
def data_directory(settings: Any, tmp_path: Path) -> Path:
    settings.FAREWELL_DATA_DIR = tmp_path
    options = {"file_path": str(tmp_path / "outbox")}
    settings.MAILERS = {"default": {"BACKEND": "unsubscribe.outbox.OutboxBackend", "OPTIONS": options}}
    return tmp_path


@pytest.fixture
def outbox(data_directory: Path) -> Path:
    return data_directory / "outbox"


@pytest.fixture
def news(db: None) -> Topic:
    brand = make_brand(slug="demo", base_url="https://leave.example.org")
    make_key(brand)
    return make_topic(brand)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def mail_in(path: Path) -> EmailMessage:
    mail = message_from_bytes(path.read_bytes(), policy=default)
    assert isinstance(mail, EmailMessage)
    return mail


def part(mail: EmailMessage, kind: str) -> str:
    body = mail.get_body((kind,))
    assert body
    text = body.get_content()
    assert isinstance(text, str)
    return text


def claims_in(url: str) -> Claims:
    keys = {bytes.fromhex(key.kid): AESGCM(key.link_key().secret) for key in BrandKey.objects.all()}
    return open_token(url.rpartition("/")[2], keys.get)[1]


def links_in(text: str) -> dict[str, str]:
    """The links by door, each of which is there once."""
    found = re.findall(r"(https://leave\.example\.org/(\w)/[\w-]+)", re.sub(r'href="[^"]*/s/[^"]*"', "", text))
    assert len({door for _, door in found}) == len(found)
    return {door: url for url, door in found}


@pytest.fixture
def mail(news: Topic, outbox: Path) -> EmailMessage:
    run("send_demo", "--mailing", "2026-11", "--to", "alice@example.org")
    return mail_in(outbox / "2026-11-news-alice.eml")


def test_everyone_gets_a_mail_in_a_file_with_a_readable_name(news: Topic, outbox: Path) -> None:
    result = run("send_demo", "--mailing", "2026-11")
    assert result.lines == ["3 mails sent."]
    assert names(outbox) == ["2026-11-news-alice.eml", "2026-11-news-bob.eml", "2026-11-news-mallory.eml"]


def test_the_text_part_has_the_links_for_people(mail: EmailMessage) -> None:
    assert set(links_in(part(mail, "plain"))) == {"u", "p", "c", "s"}


def test_the_html_part_has_them_the_hidden_link_and_the_picture(mail: EmailMessage) -> None:
    assert set(links_in(part(mail, "html"))) == {"u", "p", "c", "s", "h", "i"}


def test_the_short_link_stands_for_the_one_to_leave(mail: EmailMessage) -> None:
    purpose, token = resolve(links_in(part(mail, "plain"))["s"].rpartition("/")[2])
    assert (purpose.value, claims_in(token).address) == ("unsubscribe", "alice@example.org")


def test_every_link_is_sealed_for_its_door_and_this_mail(mail: EmailMessage) -> None:
    urls = links_in(part(mail, "html")) | {"o": mail["List-Unsubscribe"].strip("<>")}
    del urls["s"]
    claims = {door: claims_in(url) for door, url in urls.items()}
    purposes = {door: claim.purpose.value for door, claim in claims.items()}
    assert purposes == {
        **{"u": "unsubscribe", "p": "preferences", "h": "hidden", "o": "one_click"},
        **{"c": "click", "i": "open"},
    }
    assert {(claim.address, claim.mailing, claim.topic) for claim in claims.values()} == {
        ("alice@example.org", "2026-11", "news")
    }
    assert all(abs(claim.sent_at - timezone.now().timestamp()) < 60 for claim in claims.values())


def test_no_person_sees_or_reaches_the_hidden_link(mail: EmailMessage) -> None:
    found = re.search(
        r'<span aria-hidden="true" style="([^"]*)"><a href="[^"]*/h/[^"]*" ([^>]*)></a></span>', part(mail, "html")
    )
    assert found, "the hidden link has a text, or lacks its box"
    assert {"position:absolute", "width:1px", "height:1px", "overflow:hidden"} <= set(found[1].split(";"))
    assert 'tabindex="-1"' in found[2]
    assert "display:none" not in part(mail, "html")


def test_the_mail_has_the_headers_of_a_list(mail: EmailMessage) -> None:
    assert mail["List-Unsubscribe"].startswith("<https://leave.example.org/o/")
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["List-Id"] == "News <news.demo.leave.example.org>"
    assert mail["From"] == "Demo Letters <letters@example.org>"
    assert not [name for name in mail if name.lower().startswith("x-")]


def test_names_with_markup_stay_text(news: Topic, outbox: Path) -> None:
    Topic.objects.update(name="<b>News</b> & more")
    run("send_demo", "--to", "alice@example.org", "--mailing", "m")
    mail = mail_in(outbox / "m-news-alice.eml")
    assert "&lt;b&gt;News&lt;/b&gt; &amp; more" in part(mail, "html")
    assert "<b>News</b> & more" in part(mail, "plain")


def test_who_left_is_left_out(news: Topic, outbox: Path) -> None:
    make_recipient(news.brand).opt_out(news.id, make_cause())
    result = run("send_demo", "--mailing", "m")
    assert result.lines == ["2 mails sent."]
    assert "alice@example.org is left out: unsubscribed." in result.err
    assert names(outbox) == ["m-news-bob.eml", "m-news-mallory.eml"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--to", "nobody"], "nobody: An email address must have"),
        (["--brand", "acme"], "no brand 'acme'"),
        (["--topic", "acme"], "no topic 'acme'"),
        (["--mailing", "m" * 101], "at most 100 characters"),
    ],
)
def test_what_cannot_be_sent_is_said(news: Topic, outbox: Path, options: list[str], sentence: str) -> None:
    result = run("send_demo", *options)
    assert (result.status, sentence in result.err) == (1, True)


def test_a_mail_without_a_name_is_named_after_its_recipient(outbox: Path) -> None:
    mail = DjangoMail("Subject", "Text", "letters@example.org", ["Alice <../al ice@example.org>"])
    mailers.default.send_messages([mail, DjangoMail("Subject", "to nobody")])
    [name] = names(outbox)
    assert re.fullmatch(r"\d{8}T\d{6}-al-ice-[0-9a-f]{6}\.eml|\d{8}T\d{6}-\.\.-al-ice-[0-9a-f]{6}\.eml", name)


def test_a_mail_is_there_whole_or_not_at_all(outbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        mailers.default.send_messages([DjangoMail("Subject", "Text", "a@example.org", ["alice@example.org"])])
    assert names(outbox) == []


@pytest.mark.django_db
def test_the_demo_makes_all_that_a_newcomer_tries(outbox: Path, data_directory: Path) -> None:
    result = run("demo")
    brand = Brand.objects.get(slug="demo")
    assert {"news", "offers", "events"} <= set(brand.topics.values_list("slug", flat=True))
    assert brand.topics.filter(is_required=True).count() == 1
    assert not brand.topics.filter(group=None).exists()
    assert brand.keys.live().count() == 1
    assert set(Recipient.objects.values_list("address", flat=True)) == PEOPLE
    assert Mailing.objects.filter(brand=brand).count() == 1
    assert {str(mail_in(path)["To"]) for path in outbox.iterdir()} == PEOPLE
    assert all(str(path) in result.out for path in outbox.iterdir())


@pytest.mark.django_db
def test_the_demo_prints_an_admin_who_can_log_in(data_directory: Path) -> None:
    found = re.search(r"user admin, password (\S+)", run("demo").out)
    assert found
    assert authenticate(username="admin", password=found[1]) is not None
    assert (data_directory / "admin_password").stat().st_mode & 0o777 == 0o600


@pytest.mark.django_db
def test_the_demo_forgets_a_password_that_was_changed(data_directory: Path) -> None:
    run("demo")
    (data_directory / "admin_password").write_text("another")
    assert "with the password you gave it" in run("demo").out


@pytest.mark.django_db
def test_the_demo_prints_links_of_mails_sent_an_hour_ago() -> None:
    urls = re.findall(r"http://\S+/[uop]/\S+", run("demo").out)
    claims = [claims_in(url) for url in urls]
    assert [claim.purpose.value for claim in claims] == ["unsubscribe", "preferences", "one_click"]
    assert [claim.address.partition("@")[0] for claim in claims] == ["alice", "alice", "bob"]
    assert all(3590 < timezone.now().timestamp() - claim.sent_at < 3700 for claim in claims)


@pytest.mark.django_db
def test_a_second_demo_changes_nothing(outbox: Path) -> None:
    run("demo")
    make_recipient(Brand.objects.get()).opt_out(Topic.objects.get(slug="news").id, make_cause())
    Topic.objects.filter(slug="events").delete()
    before = {path: path.read_bytes() for path in outbox.iterdir()}
    changes, keys = PreferenceChange.objects.count(), BrandKey.objects.count()
    run("demo")
    assert {path: path.read_bytes() for path in outbox.iterdir()} == before
    assert (PreferenceChange.objects.count(), BrandKey.objects.count()) == (changes, keys)
    assert not Topic.objects.filter(slug="events").exists()


@pytest.mark.django_db
def test_the_demo_mails_are_written_anew_when_their_links_lead_elsewhere(outbox: Path, settings: Any) -> None:
    run("demo")
    settings.FAREWELL_BASE_URL = "http://127.0.0.1:9000"
    result = run("demo")
    assert "http://127.0.0.1:9000/u/" in result.out
    assert all(mail_in(path)["List-Unsubscribe"].startswith("<http://127.0.0.1:9000/o/") for path in outbox.iterdir())


@pytest.mark.django_db
def test_the_demo_mails_are_written_anew_when_their_key_is_gone(outbox: Path) -> None:
    run("demo")
    before = {path: path.read_bytes() for path in outbox.iterdir()}
    BrandKey.objects.get().retire()
    run("demo")
    assert all(path.read_bytes() != content for path, content in before.items())


@pytest.mark.django_db
def test_the_demo_sends_no_real_mail(settings: Any) -> None:
    settings.MAILERS = {"default": {"BACKEND": "django.core.mail.backends.smtp.EmailBackend", "OPTIONS": {"host": "x"}}}
    assert "no demo mails were" in run("demo").out
