"""Promise P7: nothing personal stands in a URL, a log line or a metric."""

from __future__ import annotations

import logging

import pytest
from django.test import Client

from tests.unsubscribe.makers import make_mail
from unsubscribe.logs import WithoutTokens


def logged(message: str, *args: object) -> str:
    record = logging.LogRecord("x", logging.WARNING, "x", 1, message, args, None)
    assert WithoutTokens().filter(record)
    return record.getMessage()


@pytest.mark.parametrize(
    "path",
    [
        "/u/{}",
        "/u/{}/arrive",
        "/o/{}",
        "/p/{}",
        "/h/{}",
        "/c/{}/conversion",
        "/i/{}.gif",
        "GET /u/{} HTTP/1.1",
        "'/u/{}'",
    ],
)
def test_a_token_in_a_log_line_is_cut(path: str) -> None:
    token = "w0lkERFhYWJhZmFkc2Zh-_sdfsdf"
    assert token not in logged("%s", path.format(token))
    assert "/..." in logged(path.format(token))


def test_a_short_links_code_is_cut() -> None:
    assert logged("Not Found: %s", "/s/4kTz0QbW9e") == "Not Found: /s/..."


def test_other_lines_stay_as_they_are() -> None:
    assert logged("Not Found: %s", "/admin/preferences/") == "Not Found: /admin/preferences/"


@pytest.mark.django_db
def test_a_url_names_nobody() -> None:
    token = make_mail().token()
    assert "alice" not in token
    assert "example" not in token


@pytest.mark.django_db
def test_no_door_logs_a_token_or_an_address(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    mail = make_mail()
    token = mail.token()
    caplog.handler.addFilter(WithoutTokens())
    with caplog.at_level(logging.DEBUG):
        client.get(f"/u/{token}")
        client.get(f"/u/{token[:-3]}")
        client.get(f"/p/{token}")
        client.get(f"/c/{token}")
        client.get(f"/i/{token}.gif")
        client.post(f"/c/{token}/conversion", "name=a", content_type="text/plain")
        client.post(f"/u/{token}", "wrong", content_type="text/plain")
        client.delete(f"/u/{token}")
        client.post(f"/u/{token}/arrive", "{}", content_type="application/json")
    text = "\n".join(record.getMessage() for record in caplog.records if "sql" not in record.__dict__)
    assert token[:-3] not in text
    assert "alice" not in text
    assert "127.0.0.1" not in text
