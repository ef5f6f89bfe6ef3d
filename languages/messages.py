"""The messages that the public pages and mails say, as the templates and the Python code hold them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from babel.messages.extract import extract
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("config", "api", "unsubscribe", "engagement", "preferences")
# The demo's letter stands for what other systems send; the pages and mails of Farewell itself are the rest.
NOT_PUBLIC = ("admin", "mail/newsletter.html", "mail/newsletter.txt")
_KEYWORDS: dict[str, tuple[int | tuple[int, str], ...] | None] = {
    f"{name}{end}": places
    for name, places in {
        "_": None,
        "gettext": None,
        "gettext_noop": None,
        "ngettext": (1, 2),
        "pgettext": ((1, "c"), 2),
        "npgettext": ((1, "c"), 2, 3),
    }.items()
    for end in ("", "_lazy")
}


@dataclass(frozen=True, slots=True)
class Message:
    """What gettext looks up: the English, the English plural if it counts, and the context that tells apart what is one
    word in English only. `note` is for translators, `places` are paths."""

    id: str
    plural: str = ""
    context: str = ""
    places: tuple[str, ...] = ()
    note: str = ""

    @property
    def key(self) -> str:
        """A short name that stays while the English does."""
        return hashlib.sha256("\0".join((self.context, self.id, self.plural)).encode()).hexdigest()[:8]

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.id, self.plural) if self.plural else (self.id,)


def public_templates(root: Path = ROOT) -> list[Path]:
    """The templates of what recipients see."""
    folder = root / "templates"
    hidden = [folder / name for name in NOT_PUBLIC]
    return sorted(
        path for path in folder.rglob("*") if path.is_file() and not any(path.is_relative_to(it) for it in hidden)
    )


def collect(root: Path = ROOT) -> list[Message]:
    """All messages, each once, by the place where it stands first: templates, then the rooms from the top."""
    found: dict[tuple[str, str], Message] = {}
    for path in public_templates(root):
        _add(found, path.relative_to(root), of_template(path.read_text()))
    for room in ROOMS:
        for path in sorted((root / room).rglob("*.py")):
            _add(found, path.relative_to(root), of_python(path.read_text()))
    return list(found.values())


def of_template(text: str) -> Iterator[Message]:
    """The messages of a template. Django's own templatize turns it into calls and X's; what indents these is text."""
    calls = "\n".join(line.strip() for line in templatize(text).splitlines())
    return of_python(calls)


def of_python(text: str) -> Iterator[Message]:
    rows = extract("python", BytesIO(text.encode()), _KEYWORDS, comment_tags=["Translators:"], strip_comment_tags=True)
    for _, found, comments, context in rows:
        singular, plural = (found[0], found[1]) if isinstance(found, tuple) else (found, "")
        yield Message(singular, plural, context or "", note=" ".join(comments).strip())


def _add(found: dict[tuple[str, str], Message], path: Path, messages: Iterable[Message]) -> None:
    for message in messages:
        place = path.as_posix()
        known = found.get((message.context, message.id), message)
        if known.plural and message.plural and known.plural != message.plural:
            raise ValueError(f"{place}: {message.id!r} has another plural in {known.places[0]}")
        places = known.places if place in known.places else (*known.places, place)
        plural, note = known.plural or message.plural, known.note or message.note
        found[message.context, message.id] = Message(message.id, plural, message.context, places, note)
