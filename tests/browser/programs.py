"""Programs that open links: plain HTTP clients, and what a blind form submitter reads in a page."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin, urlsplit

# What these programs send beside Host, byte for byte.
CURL = {"User-Agent": "curl/8.14.1", "Accept": "*/*"}
WGET = {"User-Agent": "Wget/1.25.0", "Accept": "*/*", "Accept-Encoding": "identity", "Connection": "Keep-Alive"}
PYTHON = {
    "User-Agent": "python-requests/2.32.5",
    "Accept-Encoding": "gzip, deflate",
    "Accept": "*/*",
    "Connection": "keep-alive",
}
# A form sent by a person's browser, as far as its headers go.
FIREFOX = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0",
    "Accept-Language": "en-US,en;q=0.5",
    "Sec-Fetch-Site": "same-origin",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-User": "?1",
}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; the names of `headers` are in lower case."""

    status: int
    headers: Mapping[str, str]
    text: str


def request(
    url: str, method: str = "GET", *, body: bytes | str | None = None, headers: Mapping[str, str] | None = None
) -> Reply:
    """Send one request with exactly these headers, beside Host and Content-Length, and follow nothing."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=120)
    try:
        connection.putrequest(method, parts.path or "/", skip_accept_encoding=True)
        content = body.encode() if isinstance(body, str) else body
        if content is not None:
            connection.putheader("Content-Length", str(len(content)))
        for name, value in (headers or {}).items():
            connection.putheader(name, value)
        connection.endheaders(content)
        response = connection.getresponse()
        return Reply(
            response.status,
            {name.lower(): value for name, value in response.headers.items()},
            response.read().decode(errors="replace"),
        )
    finally:
        connection.close()


@dataclass(slots=True)
class Form:
    """A form as a program reads it: hidden fields, ticked boxes, and the buttons in the order of the document."""

    method: str
    action: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    ticks: list[tuple[str, str]] = field(default_factory=list)
    buttons: list[tuple[str, str]] = field(default_factory=list)

    def send(
        self, base: str, headers: Mapping[str, str], *, pressing: int | None = None, leaving_ticks: bool = True
    ) -> Reply:
        """Submit the form, with one of its buttons if `pressing` names one; a careless program forgets the ticks."""
        pressed = [] if pressing is None else self.buttons[pressing : pressing + 1]
        body = urlencode([*self.fields, *(self.ticks if leaving_ticks else []), *pressed])
        return request(urljoin(base, self.action), self.method.upper(), body=body, headers={**headers, **FORM})


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(values.get("method", "get"), values.get("action", "")))
        elif tag == "button" and self.forms:
            self.forms[-1].buttons.append((values.get("name", ""), values.get("value", "")))
        elif tag == "input" and self.forms and values.get("type") == "checkbox":
            if "checked" in values:
                self.forms[-1].ticks.append((values.get("name", ""), values.get("value", "")))
        elif tag == "input" and self.forms:
            self.forms[-1].fields.append((values.get("name", ""), values.get("value", "")))


def forms_in(html: str) -> list[Form]:
    parser = _Forms()
    parser.feed(html)
    return parser.forms
