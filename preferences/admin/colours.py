"""The field for a brand's colour: a sample, its contrast, and a colour near it that can be read."""

from __future__ import annotations

import math
import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.html import format_html
from django.utils.safestring import SafeString

from preferences.colours import LEAST_CONTRAST, Scheme
from preferences.models.brands import colour_validator

_SHORT = re.compile(r"#?([0-9a-f])([0-9a-f])([0-9a-f])")
_LONG = re.compile(r"#?([0-9a-f]{6})")


class ColourInput(forms.TextInput):
    """Shows below the text what the colour looks like, or the one that stands in for an empty field."""

    def __init__(self, scheme: Scheme) -> None:
        super().__init__({"size": 9, "maxlength": 7, "placeholder": "#rrggbb", "spellcheck": "false"})
        self.scheme = scheme
        self.other = ""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        colour = normalised(str(value or ""))
        stand_in = self._stand_in(colour)
        attrs = {**(attrs or {}), "list": f"{name}-offers"} if stand_in else attrs
        return format_html(
            '<div class="fw-colour">{}{}{}</div>',
            super().render(name, value, attrs, renderer),
            format_html('<datalist id="{}-offers"><option>{}</option></datalist>', name, stand_in) if stand_in else "",
            self._samples(colour, stand_in),
        )

    def _stand_in(self, colour: str) -> str:
        """The nearest colour that can be read, "" where `colour` itself is, or nothing is known."""
        wanted = colour or normalised(self.other)
        nearest = self.scheme.nearest(wanted) if _is_colour(wanted) else ""
        return "" if nearest == colour else nearest

    def _samples(self, colour: str, stand_in: str) -> SafeString:
        if not colour and not stand_in:
            return format_html('<span class="fw-aside">{}</span>', "Empty: Farewell’s own.")
        own = _sample(self.scheme, colour, "") if _is_colour(colour) else ""
        words = "The nearest that can be read: " if colour else "Empty: made from the other colour, "
        return format_html("{}{}", own, _sample(self.scheme, stand_in, words + stand_in + ". ") if stand_in else "")


def _sample(scheme: Scheme, colour: str, words: str) -> SafeString:
    """Draw a link and a button. Colours stand in attributes, because the admin's policy lets no style in."""
    drawing = (
        '<svg class="fw-sample" width="152" height="40" aria-hidden="true"><rect width="152" height="40" rx="6" '
        'fill="{card}"/><text x="12" y="25" fill="{colour}" text-decoration="underline">Link</text>'
        '<rect x="56" y="6" width="84" height="28" rx="6" fill="{colour}"/>'
        '<text x="98" y="25" text-anchor="middle" fill="{on_accent}">Button</text></svg>'
    )
    drawn = format_html(drawing, card=scheme.card, colour=colour, on_accent=scheme.on_accent)
    link, button = ratio(scheme.contrast(colour)), ratio(scheme.contrast_on_button(colour))
    told = f"{words}As a link {link}, words on a button {button}."
    return format_html('<span class="fw-sample-row">{} <span class="fw-aside">{}</span></span>', drawn, told)


class ColourField(forms.CharField):
    """A colour that can be read where it stands, as #rrggbb; "" for none."""

    widget: ColourInput

    def __init__(self, scheme: Scheme, **options: Any) -> None:
        self.scheme = scheme
        super().__init__(widget=ColourInput(scheme), required=False, **options)

    def to_python(self, value: Any) -> str:
        return normalised(super().to_python(value) or "")

    def validate(self, value: str) -> None:
        super().validate(value)
        if not value:
            return
        colour_validator(value)
        if not self.scheme.holds(value):
            link = ratio(self.scheme.contrast(value))
            raise ValidationError(
                f"{link} on the {self.scheme.name} page, at least {LEAST_CONTRAST:g} : 1 is needed; the nearest that "
                f"holds is {self.scheme.nearest(value)}."
            )


def ratio(value: float) -> str:
    """Return the ratio, never more than it is: 4.49 is not enough and must not read as 4.5."""
    return f"{math.floor(value * 10) / 10:.1f} : 1"


def normalised(text: str) -> str:
    """Return #0b5f6b for the ways in which people write it; what is no colour, as it is."""
    text = text.strip().lower()
    if match := _SHORT.fullmatch(text):
        return "#" + "".join(digit * 2 for digit in match.groups())
    match = _LONG.fullmatch(text)
    return f"#{match[1]}" if match else text


def _is_colour(text: str) -> bool:
    return bool(text.startswith("#") and _LONG.fullmatch(text))
