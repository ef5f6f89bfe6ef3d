"""What is wrong with a translation: a tuple of small rules, each of which looks at one form and complains in words."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from languages.messages import Message
from languages.plurals import plurals_of

_PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\w+\}")
_TAG = re.compile(r"<[^<>]*>")
_LATIN = {"LATIN"}
_SCRIPTS = {
    "ar": {"ARABIC"},
    "bg": {"CYRILLIC"},
    "el": {"GREEK"},
    "he": {"HEBREW"},
    "hi": {"DEVANAGARI"},
    "ja": {"CJK", "HIRAGANA", "KATAKANA", "IDEOGRAPHIC"},
    "ko": {"HANGUL"},
    "uk": {"CYRILLIC"},
    "zh-hans": {"CJK"},
    "zh-hant": {"CJK"},
}
_NEUTRAL = {"MODIFIER", "MASCULINE", "FEMININE"}
# Character sets of before Unicode that hold one way of writing Chinese and not the other.
_CHINESE = {"zh-hans": "gb2312", "zh-hant": "big5"}
# How sentences end, by what stands for it elsewhere (Greek asks with a semicolon, Hindi stops with a danda).
_ENDS = {".": ".。।", "?": "?？؟;", "!": "!！", ":": ":：", "…": "…"}
# Latin words at home in every script.
_INTERNATIONAL = ["SMS", "JSON", "URL", "E-mail", "e-mail", "Email", "email"]
_LIKE_ENGLISH = {"E-mail", "Email", "SMS", "JSON", "OK", "Status", "Topic"}


@dataclass(frozen=True, slots=True)
class Form:
    """One form of a translation, and the English that it stands for."""

    language: str
    message: Message
    index: int
    text: str

    @property
    def english(self) -> str:
        """The singular where the form is of one number only, else the plural of what counts."""
        return self.message.id if self.is_of_one or not self.message.plural else self.message.plural

    @property
    def is_of_one(self) -> bool:
        return bool(self.message.plural) and plurals_of(self.language).is_of_one_number(self.index)


def placeholders_agree(form: Form) -> str | None:
    """What is spliced in is the same; but a form of one number may leave that number out."""
    wanted = {name for source in form.message.sources for name in _PLACEHOLDER.findall(source)}
    found = set(_PLACEHOLDER.findall(form.text))
    if found == wanted or (form.is_of_one and found < wanted and len(wanted - found) == 1):
        return None
    return f"has the placeholders {_listed(found)} where the English has {_listed(wanted)}"


def percent_signs_agree(form: Form) -> str | None:
    """A single % is the start of a placeholder, so that one of its own is written as the English writes it."""
    rest, english = (_PLACEHOLDER.sub("", text) for text in (form.text, form.english))
    if "%" in rest.replace("%%", "") and "%" not in english.replace("%%", ""):
        return "has a % that belongs to no placeholder"
    if rest.count("%") != english.count("%"):
        return "has more or fewer % than the English"
    return None


def tags_agree(form: Form) -> str | None:
    wanted, found = (Counter(_TAG.findall(text)) for text in (form.english, form.text))
    return None if wanted == found else f"has the tags {_listed(found)} where the English has {_listed(wanted)}"


def has_no_markup_of_its_own(form: Form) -> str | None:
    """The texts stand in pages as they are, inside quoted attributes, too."""
    english, text = (_TAG.sub("", it) for it in (form.english, form.text))
    wrong = [character for character in "\"'<>&`" if character in text and character not in english]
    return f"has {' '.join(wrong)}: write typographic quotes and ’, no markup" if wrong else None


def edges_agree(form: Form) -> str | None:
    wanted, found = (
        (text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]) for text in (form.english, form.text)
    )
    if wanted != found:
        return "starts or ends with other spaces than the English"
    if "\n" in form.text and "\n" not in form.english:
        return "has a line break that the English has not"
    return "has two spaces in a row" if "  " in form.text and "  " not in form.english else None


def ends_alike(form: Form) -> str | None:
    """A sentence stays one, a title stays one, and what leads to a list or asks goes on doing so."""
    wanted, found = (_TAG.sub("", text).rstrip()[-1:] for text in (form.english, form.text))
    if wanted in _ENDS and found not in _ENDS[wanted]:
        return f"does not end as the English does, with {wanted}"
    marks = "".join(_ENDS.values())
    return f"ends with {found}, the English does not" if wanted not in _ENDS and found and found in marks else None


def has_no_dots_for_an_ellipsis(form: Form) -> str | None:
    return "has ... where … is meant" if "..." in form.text else None


def is_in_its_script(form: Form) -> str | None:
    """Letters of its script; Latin ones elsewhere only in words that the English has, too, such as SMS."""
    allowed = _SCRIPTS.get(form.language, _LATIN) | _NEUTRAL
    text = _bare(form.text)
    for word in [*_INTERNATIONAL, *_words(_bare(form.english))] if allowed.isdisjoint(_LATIN) else ():
        text = re.sub(rf"(?<![a-zA-Z]){re.escape(word)}(?![a-zA-Z])", "", text)
    wrong = sorted({character for character in text if character.isalpha() and not (_names(character) & allowed)})
    return f"has letters of another script: {' '.join(wrong)}" if wrong else None


def is_in_its_chinese(form: Form) -> str | None:
    charset = _CHINESE.get(form.language)
    if charset is None:
        return None
    wrong = sorted({it for it in form.text if _names(it) & {"CJK"} and not it.encode(charset, "ignore")})
    return f"has characters of the other Chinese: {' '.join(wrong)}" if wrong else None


def is_translated(form: Form) -> str | None:
    text = _bare(form.text).strip()
    is_word = any(character.isalpha() for character in text)
    if is_word and form.text == form.english and text not in _LIKE_ENGLISH and len(text.split()) > 1:
        return "is the English itself"
    return None


RULES: tuple[Callable[[Form], str | None], ...] = (
    placeholders_agree,
    percent_signs_agree,
    tags_agree,
    has_no_markup_of_its_own,
    edges_agree,
    ends_alike,
    has_no_dots_for_an_ellipsis,
    is_in_its_script,
    is_in_its_chinese,
    is_translated,
)


def complaints(language: str, message: Message, forms: tuple[str, ...]) -> list[str]:
    """What is wrong with a translation, "" for a form being a complaint, too."""
    plurals = plurals_of(language)
    categories = plurals.categories if message.plural else ("",)
    if len(forms) != len(categories):
        return [f"has {len(forms)} forms where the language has {len(categories)}: {', '.join(categories)}"]
    found = []
    for index, (category, text) in enumerate(zip(categories, forms, strict=True)):
        said = [rule(Form(language, message, index, text)) for rule in RULES] if text.strip() else ["is missing"]
        found += [f"{category}: {it}".removeprefix(": ") for it in said if it]
    return found


def is_like_english(message: Message, forms: tuple[str, ...]) -> bool:
    """Whether the translation is a word that both languages share; a few such are right, many are an oversight."""
    return bool(_words(_bare(message.id))) and forms[0] == message.id and _bare(message.id).strip() not in _LIKE_ENGLISH


def _bare(text: str) -> str:
    return _TAG.sub("", _PLACEHOLDER.sub("", text))


def _words(text: str) -> list[str]:
    return re.findall(r"[A-Za-z]{2,}", text)


def _names(character: str) -> set[str]:
    return set(re.split(r"[ -]", unicodedata.name(character, ""))[:2])


def _listed(items: set[str] | Counter[str]) -> str:
    return ", ".join(sorted(items)) or "none"
