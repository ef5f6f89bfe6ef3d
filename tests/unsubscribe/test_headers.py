from __future__ import annotations

import email.policy
import re
from email import message_from_bytes
from email.message import EmailMessage

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import example, given
from hypothesis import strategies as st

from preferences.links import Claims, LinkKey, Purpose, open_token
from preferences.models import Brand, Topic
from tests.makers import SENT_AT
from unsubscribe.headers import ListMessage, list_headers

KEY = LinkKey(b"demo", bytes(range(32)))
POLICIES = [email.policy.default, email.policy.SMTP]


def make_headers(mailto: str = "", **fields: str) -> dict[str, str]:
    """Headers of alice's November news. Nothing of them is looked up, so nothing is saved."""
    base_url = fields.get("base_url", "https://leave.example.org")
    brand = Brand(slug="demo", name="Demo Letters", base_url=base_url)
    topic = Topic(brand=brand, slug=fields.get("slug", "news"), name=fields.get("name", "News"))
    address, mailing = fields.get("address", "alice@example.org"), fields.get("mailing", "2026-11")
    return list_headers(brand, KEY, topic, address, mailing, SENT_AT, mailto)


def make_mail(headers: dict[str, str]) -> ListMessage:
    return ListMessage("Subject", "Text", "news@example.org", ["alice@example.org"], headers=headers)


def serialised(headers: dict[str, str], policy: email.policy.EmailPolicy[EmailMessage]) -> bytes:
    return make_mail(headers).message(policy=policy).as_bytes()


def claims_in(headers: dict[str, str]) -> Claims:
    match = re.match(r"<https://leave\.example\.org/o/([A-Za-z0-9_-]+)>", headers["List-Unsubscribe"])
    assert match
    return open_token(match[1], lambda _: AESGCM(KEY.secret))[1]


def test_the_header_link_is_a_one_click_link_of_the_recipient_and_topic() -> None:
    claims = claims_in(make_headers())
    assert (claims.purpose, claims.address, claims.topic) == (Purpose.ONE_CLICK, "alice@example.org", "news")
    assert (claims.mailing, claims.sent_at) == ("2026-11", SENT_AT)


def test_the_post_header_says_exactly_what_the_rfc_says() -> None:
    assert make_headers()["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_there_is_one_web_uri_and_the_mail_address_comes_after_it() -> None:
    value = make_headers(mailto="leave@example.org?subject=leave")["List-Unsubscribe"]
    assert re.fullmatch(r"<https://[^>]+>, <mailto:leave@example\.org\?subject=leave>", value)


@pytest.mark.parametrize("mailto", ["leave", "a@b>,<https://evil.example", "a@b\r\nBcc: mallory@example.org", "a b@c"])
def test_what_is_no_mail_address_is_refused(mailto: str) -> None:
    with pytest.raises(ValueError, match="not an address"):
        make_headers(mailto=mailto)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("News", "News <news.demo.leave.example.org>"),
        ("News & Offers", "News & Offers <news.demo.leave.example.org>"),
        ('The "best", (really)', '"The \\"best\\", (really)" <news.demo.leave.example.org>'),
        ("News\r\nBcc: mallory@example.org", '"News Bcc: mallory@example.org" <news.demo.leave.example.org>'),
        ("", "<news.demo.leave.example.org>"),
        ("Größe", "=?utf-8?b?R3LDtsOfZQ==?= <news.demo.leave.example.org>"),
    ],
)
def test_the_list_has_its_name_and_a_lasting_identifier(name: str, expected: str) -> None:
    assert make_headers(name=name)["List-Id"] == expected


def test_a_server_without_a_name_has_a_local_identifier() -> None:
    assert make_headers(base_url="http://127.0.0.1:8000")["List-Id"] == "News <news.demo.localhost>"


def test_an_international_host_is_written_in_letters_that_mail_can_carry() -> None:
    headers = make_headers(base_url="https://größe.example:8443")
    assert headers["List-Unsubscribe"].startswith("<https://xn--gre-6ka8i.example:8443/o/")
    assert headers["List-Id"] == "News <news.demo.xn--gre-6ka8i.example>"


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("address", ["alice@example.org", f"{'a' * 64}@{'b' * 60}.{'c' * 60}.example.org"])
@pytest.mark.parametrize("mailto", ["", "leave@example.org?subject=" + "x" * 60])
def test_no_uri_is_broken_or_encoded_in_the_sent_mail(
    policy: email.policy.EmailPolicy[EmailMessage], address: str, mailto: str
) -> None:
    headers = make_headers(mailto=mailto, address=address)
    raw = serialised(headers, policy)
    for uri in re.findall(r"<[^>]+>", headers["List-Unsubscribe"]):
        assert raw.count(uri.encode()) == 1
    assert b"=?" not in raw
    assert re.search(rb"^List-Unsubscribe-Post: List-Unsubscribe=One-Click\r?$", raw, re.MULTILINE)
    assert re.search(rb"^List-Unsubscribe: <https://", raw, re.MULTILINE)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", ["News", "Größe " * 15, "x" * 100, 'a "quoted" name, with commas'])
def test_a_parser_reads_the_headers_back_as_they_were(
    policy: email.policy.EmailPolicy[EmailMessage], name: str
) -> None:
    headers = make_headers(name=name, slug="a" * 64, mailto="leave@example.org")
    mail = message_from_bytes(serialised(headers, policy), policy=email.policy.default)
    assert mail["List-Unsubscribe"] == headers["List-Unsubscribe"]
    assert mail["List-Unsubscribe-Post"] == headers["List-Unsubscribe-Post"]
    assert str(mail["List-Id"]).endswith(f"<{'a' * 64}.demo.leave.example.org>")
    assert name.split()[0].strip('"') in str(mail["List-Id"])


def test_lines_stay_within_what_a_mail_server_takes() -> None:
    headers = make_headers(address=f"{'ö' * 60}@{'b' * 63}.example.org", mailing="ü" * 100, mailto="leave@example.org")
    assert max(map(len, serialised(headers, email.policy.SMTP).splitlines())) < 998


@given(name=st.text(max_size=100))
@example(name="<¡")
def test_no_name_adds_a_header(name: str) -> None:
    value = make_headers(name=name)["List-Id"]
    assert value.isascii()
    assert value.isprintable()
    mail = message_from_bytes(serialised(make_headers(name=name), email.policy.SMTP), policy=email.policy.default)
    assert mail.keys().count("List-Id") == 1
    assert set(mail.keys()) >= {"List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "Subject"}
    assert "Bcc" not in mail
