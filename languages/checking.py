"""What is wrong with a catalogue as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from languages.catalogues import LOCALE, Catalogue, po_path
from languages.messages import Message
from languages.rules import complaints, is_like_english

MAX_LIKE_ENGLISH = 4


def wrong_in(language: str, messages: Iterable[Message], folder: Path = LOCALE) -> list[str]:
    catalogue = Catalogue.of(language, messages, folder)
    return [*_wrong_messages(catalogue), *_wrong_files(catalogue, folder)]


def _wrong_messages(catalogue: Catalogue) -> Iterator[str]:
    for message, forms in catalogue.translations.items():
        for complaint in complaints(catalogue.language, message, forms):
            yield f"{message.key} {message.id!r}: {complaint}"
    alike = [message.id for message, forms in catalogue.translations.items() if is_like_english(message, forms)]
    if len(alike) > MAX_LIKE_ENGLISH:
        yield f"is English itself in {', '.join(alike)}"


def _wrong_files(catalogue: Catalogue, folder: Path) -> Iterator[str]:
    """The form in which catalogues are written leaves no room for fuzzy, obsolete or doubled messages."""
    path = po_path(catalogue.language, folder)
    if not path.exists():
        yield "there is no catalogue"
    elif path.read_bytes() != catalogue.po():
        yield "the .po has fuzzy or unused messages, or is not as `python -m languages collect` writes it"
    elif not path.with_suffix(".mo").exists() or path.with_suffix(".mo").read_bytes() != catalogue.mo():
        yield "the .mo is not made from the .po: run `python -m languages collect`"
