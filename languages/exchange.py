"""What translators get and give back, as JSON: what is to be translated, and translations by their short names."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from languages.catalogues import Catalogue
from languages.messages import Message
from languages.plurals import plurals_of
from languages.rules import complaints

_SHOWN_NUMBERS = 5


class ExchangeError(ValueError):
    """A file that cannot be read as translations at all; the message says why."""


def todo(catalogue: Catalogue, *, is_all: bool = False) -> str:
    """What lacks a translation, one message a line; `is_all`: every message, with what it has so far."""
    missing = set(catalogue.missing())
    rows = [
        _row(catalogue.language, message, forms if is_all and message not in missing else ())
        for message, forms in catalogue.translations.items()
        if is_all or message in missing
    ]
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    return f"[\n{lines}\n]\n" if rows else "[]\n"


def fill(catalogue: Catalogue, text: str) -> tuple[int, list[str]]:
    """Take the translations that nothing is wrong with; return how many, and what is wrong with the others.

    Raises ExchangeError.
    """
    try:
        given = json.loads(text)
    except ValueError as error:
        raise ExchangeError(f"this is no JSON: {error}") from error
    if not isinstance(given, dict):
        raise ExchangeError('expected {"id": "translation", ...}, with a list of forms for what counts')
    taken, refused = 0, []
    for name, value in given.items():
        wrong = _take(catalogue, name, value)
        taken += not wrong
        refused += [f"{name}: {complaint}" for complaint in wrong]
    return taken, refused


def _row(language: str, message: Message, forms: tuple[str, ...]) -> dict[str, Any]:
    row: dict[str, Any] = {"id": message.key, "msgid": message.id}
    if message.plural:
        row |= {"plural": message.plural, "forms": list(_forms(language))}
    if message.context:
        row["context"] = message.context
    if message.note:
        row["note"] = message.note
    row["where"] = message.places[0]
    if forms:
        row["translation"] = list(forms) if message.plural else forms[0]
    return row


def _forms(language: str) -> Iterable[str]:
    """Each form with the first numbers that take it, such as "few (2, 3, 4, 22, 23)"."""
    plurals = plurals_of(language)
    for index, category in enumerate(plurals.categories):
        numbers = plurals.numbers(index)
        more = ", …" if len(numbers) > _SHOWN_NUMBERS else ""
        yield f"{category} ({', '.join(map(str, numbers[:_SHOWN_NUMBERS]))}{more})"


def _take(catalogue: Catalogue, name: str, value: Any) -> list[str]:
    """Put the translation into the catalogue, or return why not."""
    message = _named(catalogue, name)
    if message is None:
        return ["no message has this id, nor is this the English of just one"]
    forms = (value,) if isinstance(value, str) else value
    if not isinstance(forms, list | tuple) or not all(isinstance(form, str) for form in forms):
        return ["expected a text, or a list of texts for what counts"]
    if wrong := complaints(catalogue.language, message, tuple(forms)):
        return wrong
    catalogue.translations[message] = tuple(forms)
    return []


def _named(catalogue: Catalogue, name: str) -> Message | None:
    found = [message for message in catalogue.translations if name in (message.key, message.id)]
    return found[0] if len(found) == 1 else None
