"""Catalogues: one .po for people and one .mo for the server per language, always written in the same form.

A catalogue follows the sources: `Catalogue.of` drops what nobody says any more, and has "" where a translation is
missing. Nothing in it is fuzzy, and nothing in its header changes by itself.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from babel.messages import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation import to_locale

from languages.messages import ROOT, Message
from languages.plurals import plurals_of

LOCALE = ROOT / "locale"


class _SteadyCatalog(Catalog):
    """Without the dates and the name of the tool, which would change with every run."""

    def __init__(self, language: str) -> None:
        super().__init__(header_comment=f"# The public pages and mails of Farewell: {language}", fuzzy=False)
        self.language = language

    @property
    def mime_headers(self) -> list[tuple[str, str]]:
        return [
            ("Language", to_locale(self.language)),
            ("MIME-Version", "1.0"),
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Transfer-Encoding", "8bit"),
            ("Plural-Forms", f"{plurals_of(self.language).header}\n"),
        ]

    @property
    def num_plurals(self) -> int:
        return len(plurals_of(self.language).categories)


@dataclass(slots=True)
class Catalogue:
    """A language's translations of the messages, in the messages' order; a message's forms in the language's order."""

    language: str
    translations: dict[Message, tuple[str, ...]]

    @classmethod
    def of(cls, language: str, messages: Iterable[Message], folder: Path = LOCALE) -> Catalogue:
        """The messages with the translations that the language has so far."""
        known = _read(po_path(language, folder))
        number = len(plurals_of(language).categories)
        translations = {}
        for message in messages:
            forms = known.get((message.context, message.id), ())
            wanted = number if message.plural else 1
            translations[message] = forms if len(forms) == wanted else ("",) * wanted
        return cls(language, translations)

    def missing(self) -> Iterator[Message]:
        return (message for message, forms in self.translations.items() if not all(forms))

    def po(self) -> bytes:
        out = BytesIO()
        write_po(out, self._catalog(self.translations), width=0, include_lineno=False)
        return out.getvalue().rstrip(b"\n") + b"\n"

    def mo(self) -> bytes:
        """What gettext reads; without the messages that lack a form, for which the page then speaks English."""
        out = BytesIO()
        write_mo(out, self._catalog(message for message, forms in self.translations.items() if all(forms)))
        return out.getvalue()

    def save(self, folder: Path = LOCALE) -> None:
        path = po_path(self.language, folder)
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, self.po())
        _replace(path.with_suffix(".mo"), self.mo())

    def _catalog(self, messages: Iterable[Message]) -> Catalog:
        catalog = _SteadyCatalog(self.language)
        for message in messages:
            forms = self.translations[message]
            catalog.add(
                message.sources if message.plural else message.id,
                forms if message.plural else forms[0],
                locations=[(place, 0) for place in message.places],
                auto_comments=[message.note] if message.note else [],
                context=message.context or None,
            )
        return catalog


def po_path(language: str, folder: Path = LOCALE) -> Path:
    return folder / to_locale(language) / "LC_MESSAGES" / "django.po"


def _read(path: Path) -> dict[tuple[str, str], tuple[str, ...]]:
    """The translations of a .po by context and English; fuzzy ones are none. Raises PoFileError."""
    if not path.exists():
        return {}
    with path.open("rb") as file:
        catalog = read_po(file, abort_invalid=True)
    found = {}
    for entry in catalog:
        english = entry.id[0] if isinstance(entry.id, list | tuple) else entry.id
        forms = tuple(entry.string) if isinstance(entry.string, list | tuple) else (entry.string or "",)
        if english and not entry.fuzzy:
            found[entry.context or "", english] = forms
    return found


def _replace(path: Path, content: bytes) -> None:
    """Write the file at once or not at all, and leave it alone when it says so already."""
    if path.exists() and path.read_bytes() == content:
        return
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(content)
    os.chmod(file.name, 0o644)
    os.replace(file.name, path)
