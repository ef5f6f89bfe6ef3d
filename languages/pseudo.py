"""Pseudo-languages: English in letters with accents, 40 % longer, in brackets. What stays in plain letters on a page
was never marked for translation, and what loses a bracket is cut off.

They go by the codes of languages that Farewell has no catalogue for, one for each direction of writing, because dates
need a language that CLDR knows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from languages.catalogues import Catalogue
from languages.messages import Message
from languages.plurals import plurals_of

PSEUDO = "eo"
PSEUDO_RTL = "ur"
PSEUDO_LANGUAGES = [(PSEUDO, "[Þšéûûðøø]"), (PSEUDO_RTL, "[Þšéûûðøø ↔]")]
_KEPT = re.compile(r"(%\(\w+\)[sd]|%%|\{\w+\}|<[^<>]*>|&\w+;)")
_ACCENTED = str.maketrans(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "åƀçðéƒĝĥîĵķļɱñøþǫŕšţûṽŵẋýžÅƁÇÐÉƑĜĤÎĴĶĻṀÑØÞǪŔŠŢÛṼŴẊÝŽ",
)
_VOWEL = re.compile("[aeiouAEIOU]")


def pseudo(text: str) -> str:
    """The text in the pseudo-language, with its placeholders and tags as they are."""
    parts = _KEPT.split(text)
    parts[::2] = [_longer(part).translate(_ACCENTED) for part in parts[::2]]
    edge = len(text) - len(text.lstrip())
    end = len(text.rstrip())
    spoken = "".join(parts).strip()
    return f"{text[:edge]}[{spoken}]{text[end:]}"


def write_pseudo(folder: Path, messages: Iterable[Message], languages: Iterable[str] = (PSEUDO, PSEUDO_RTL)) -> None:
    """Write catalogues that say everything in the pseudo-language."""
    messages = list(messages)
    for language in languages:
        plurals = len(plurals_of(language).categories) - 1
        translations = {
            message: (pseudo(message.id), *[pseudo(message.plural)] * plurals)
            if message.plural and plurals
            else (pseudo(message.plural or message.id),)
            for message in messages
        }
        Catalogue(language, translations).save(folder)


def _longer(text: str) -> str:
    return _VOWEL.sub(lambda found: found[0] * 2, text)
