"""Forms as a browser reads them off a page, fills them in and sends them."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

from django.test import Client


@dataclass
class Form:
    """A form's fields in document order, as (name, value, whether it is sent); `buttons` by their text."""

    action: str
    fields: list[list[Any]] = field(default_factory=list)
    buttons: dict[str, tuple[str, str]] = field(default_factory=dict)
    first_button: str = ""

    def tick(self, name: str, value: str, *, is_on: bool = True) -> Form:
        found = [one for one in self.fields if one[:2] == [name, value]]
        assert len(found) == 1, f"{name}={value} is there {len(found)} times"
        found[0][2] = is_on
        return self

    def set(self, name: str, value: str) -> Form:
        found = [one for one in self.fields if one[0] == name]
        assert len(found) == 1, f"{name} is there {len(found)} times"
        found[0][1] = value
        return self

    def values(self, name: str) -> list[str]:
        return [value for key, value, is_sent in self.fields if key == name and is_sent]

    def body(self, button: str = "") -> str:
        pairs = [(name, value) for name, value, is_sent in self.fields if is_sent]
        return urlencode([*pairs, self.buttons[button]] if button else pairs)

    def press(self, client: Client, button: str, **headers: str) -> Page:
        """Send the form by a button of it."""
        return send(client, self.action, self.body(button), **headers)


@dataclass
class Page:
    """A page's forms, and its words."""

    html: str
    forms: list[Form]
    words: str

    def form(self, button: str) -> Form:
        """The form that has this button."""
        found = [form for form in self.forms if button in form.buttons]
        assert len(found) == 1, f"{button} is in {len(found)} forms"
        return found[0]

    def status(self) -> str:
        """What is said first, before the form of the topics."""
        return self.words.partition("role=status")[2].partition("role=end")[0]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.words: list[str] = []
        self._form: Form | None = None
        self._select = ""
        self._button: tuple[str, str] | None = None
        self._depth = 0

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        has = dict(attributes)
        name, value = has.get("name") or "", has.get("value") or ""
        if self._depth:
            self._depth += tag == "div"
        elif has.get("role") == "status":
            self.words.append("role=status")
            self._depth = 1
        if tag == "form":
            self._form = Form(has.get("action") or "")
            self.forms.append(self._form)
        if self._form is None or "disabled" in has:
            return
        if tag == "input":
            is_sent = has.get("type") not in {"checkbox", "radio"} or "checked" in has
            self._form.fields.append([name, value, is_sent])
        elif tag == "select":
            self._select = name
        elif tag == "option":
            self._choose(value, is_chosen="selected" in has)
        elif tag == "button":
            self._button = (name, value)

    def handle_endtag(self, tag: str) -> None:
        if tag == "div" and self._depth:
            self._depth -= 1
            if not self._depth:
                self.words.append("role=end")
        if tag == "form":
            self._form = None

    def handle_data(self, data: str) -> None:
        text = " ".join(data.split())
        if text:
            self.words.append(text)
        if text and self._button and self._form:
            self._form.buttons[text] = self._button
            self._form.first_button = self._form.first_button or text
            self._button = None

    def _choose(self, value: str, *, is_chosen: bool) -> None:
        """A select sends its first option unless another one is selected."""
        assert self._form
        own = [one for one in self._form.fields if one[0] == self._select]
        if not own:
            self._form.fields.append([self._select, value, True])
        elif is_chosen:
            own[0][1] = value


def read_page(html: str) -> Page:
    reader = _Reader()
    reader.feed(html)
    return Page(html, reader.forms, " ".join(reader.words))


def open_page(client: Client, path: str, **headers: str) -> Page:
    response = client.get(path, headers=headers)
    assert response.status_code == 200
    return read_page(response.content.decode())


def send(client: Client, path: str, body: str, **headers: str) -> Page:
    response = client.post(path, body, content_type="application/x-www-form-urlencoded", headers=headers)
    assert response.status_code == 200
    return read_page(response.content.decode())
