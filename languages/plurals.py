"""The plural forms of each language, as CLDR has them for whole numbers, and the formulas that gettext chooses by.

Babel's own conversion of CLDR's rules knows no exponents and keeps forms that only fractions have, so the formulas
stand here; tests/test_languages.py holds them against CLDR.
"""

from __future__ import annotations

from dataclasses import dataclass
from gettext import c2py  # what gettext itself reads a formula with

_NUMBERS = (*range(200), 1_000, 1_000_000, 2_000_000)


@dataclass(frozen=True, slots=True)
class Plurals:
    """`categories` in the order of the forms in a catalogue, by CLDR's names."""

    categories: tuple[str, ...]
    formula: str

    @property
    def header(self) -> str:
        return f"nplurals={len(self.categories)}; plural={self.formula};"

    def index(self, number: int) -> int:
        return int(c2py(self.formula)(number))

    def numbers(self, index: int) -> list[int]:
        """Some of the numbers that take the form."""
        choose = c2py(self.formula)
        return [number for number in _NUMBERS if choose(number) == index]

    def is_of_one_number(self, index: int) -> bool:
        """Whether a form may say its number in words or not at all, as "tomorrow" does for one day."""
        return len(self.numbers(index)) == 1


def _plurals(categories: str, formula: str) -> Plurals:
    return Plurals(tuple(categories.split()), formula)


_GERMANIC = _plurals("one other", "(n != 1)")
_ROMANCE = _plurals("one many other", "(n == 1 ? 0 : n != 0 && n % 1000000 == 0 ? 1 : 2)")
_FRENCH = _plurals("one many other", "(n == 0 || n == 1 ? 0 : n % 1000000 == 0 ? 1 : 2)")
_CZECH = _plurals("one few other", "(n == 1 ? 0 : n >= 2 && n <= 4 ? 1 : 2)")
_FEW = "n % 10 >= 2 && n % 10 <= 4 && (n % 100 < 12 || n % 100 > 14) ? 1 : 2"
_UNCOUNTED = _plurals("other", "0")

PLURALS = {
    "ar": _plurals(
        "zero one two few many other",
        "(n == 0 ? 0 : n == 1 ? 1 : n == 2 ? 2 : n % 100 >= 3 && n % 100 <= 10 ? 3 : n % 100 >= 11 ? 4 : 5)",
    ),
    "cs": _CZECH,
    "es": _ROMANCE,
    "fr": _FRENCH,
    "ga": _plurals(
        "one two few many other", "(n == 1 ? 0 : n == 2 ? 1 : n >= 3 && n <= 6 ? 2 : n >= 7 && n <= 10 ? 3 : 4)"
    ),
    "he": _plurals("one two other", "(n == 1 ? 0 : n == 2 ? 1 : 2)"),
    "hi": _plurals("one other", "(n > 1)"),
    "hr": _plurals("one few other", f"(n % 10 == 1 && n % 100 != 11 ? 0 : {_FEW})"),
    "it": _ROMANCE,
    "ja": _UNCOUNTED,
    "ko": _UNCOUNTED,
    "lt": _plurals(
        "one few other",
        "(n % 10 == 1 && (n % 100 < 11 || n % 100 > 19) ? 0 : n % 10 >= 2 && (n % 100 < 11 || n % 100 > 19) ? 1 : 2)",
    ),
    "lv": _plurals(
        "zero one other",
        "(n % 10 == 0 || (n % 100 >= 11 && n % 100 <= 19) ? 0 : n % 10 == 1 && n % 100 != 11 ? 1 : 2)",
    ),
    "mt": _plurals(
        "one two few many other",
        "(n == 1 ? 0 : n == 2 ? 1 : n == 0 || (n % 100 >= 3 && n % 100 <= 10) ? 2 "
        ": n % 100 >= 11 && n % 100 <= 19 ? 3 : 4)",
    ),
    "pl": _plurals("one few many", f"(n == 1 ? 0 : {_FEW})"),
    "pt": _ROMANCE,
    "pt-br": _FRENCH,
    "ro": _plurals("one few other", "(n == 1 ? 0 : n == 0 || (n % 100 >= 1 && n % 100 <= 19) ? 1 : 2)"),
    "sk": _CZECH,
    "sl": _plurals(
        "one two few other",
        "(n % 100 == 1 ? 0 : n % 100 == 2 ? 1 : n % 100 == 3 || n % 100 == 4 ? 2 : 3)",
    ),
    "uk": _plurals("one few many", f"(n % 10 == 1 && n % 100 != 11 ? 0 : {_FEW})"),
    "zh-hans": _UNCOUNTED,
    "zh-hant": _UNCOUNTED,
}


def plurals_of(language: str) -> Plurals:
    """The forms of a language; those of most are a singular for 1 and a plural."""
    return PLURALS.get(language, _GERMANIC)
