"""A brand's colours: how far they stand out (the contrast ratio of WCAG 2.2), and the stylesheet they become."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from functools import lru_cache

LEAST_CONTRAST = 4.5  # WCAG 2.2, 1.4.3, for text of any size
_HOVER_STEP = 0.08  # of lightness, by which a button or link changes under the pointer
_ROOM = 0.12  # of lightness, below which there is none for that step


@dataclass(frozen=True, slots=True)
class Scheme:
    """What a brand's colour stands on, and what stands on it, as in `static/farewell.css`."""

    name: str
    card: str
    page: str
    on_accent: str
    away: int

    def contrast(self, colour: str) -> float:
        """Return the contrast of `colour` as a link, on the card or around it, whichever is less."""
        return min(contrast(colour, self.card), contrast(colour, self.page))

    def contrast_on_button(self, colour: str) -> float:
        """Return the contrast of the words on a button of `colour`."""
        return contrast(self.on_accent, colour)

    def holds(self, colour: str) -> bool:
        return min(self.contrast(colour), self.contrast_on_button(colour)) >= LEAST_CONTRAST

    def nearest(self, colour: str) -> str:
        """Return `colour`, or else the nearest lightness of it that holds."""
        hue, lightness, saturation = _hls(colour)
        while not self.holds(colour):
            lightness = min(max(lightness + self.away / 255, 0), 1)
            colour = _colour(hue, lightness, saturation)
        return colour

    def strong(self, colour: str) -> str:
        """Return what `colour` becomes under the pointer: farther from the background, or nearer where there is no
        farther."""
        hue, lightness, saturation = _hls(colour)
        room = lightness if self.away < 0 else 1 - lightness
        step = self.away * _HOVER_STEP if room > _ROOM else -self.away * 2 * _HOVER_STEP
        return self.nearest(_colour(hue, lightness + step, saturation))


LIGHT = Scheme("light", card="#ffffff", page="#f3f2ee", on_accent="#ffffff", away=-1)
DARK = Scheme("dark", card="#1b2128", page="#12161b", on_accent="#12161b", away=1)


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours, from 1 to 21 (WCAG 2.2, "contrast ratio")."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour such as #0b5f6b, from 0 to 1 (WCAG 2.2)."""
    red, green, blue = (_linear(channel) for channel in _channels(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@lru_cache(1_024)
def stylesheet(accent: str, accent_dark: str) -> str:
    """Return the stylesheet of a brand's colours, "" when it has none. One that is not given comes from the other, and
    one that would not hold its contrast gives way to the nearest that does."""
    if not (accent or accent_dark):
        return ""
    light, dark = (_properties(scheme, accent, accent_dark) for scheme in (LIGHT, DARK))
    return f":root{{{light}}}\n@media (prefers-color-scheme: dark){{:root{{{dark}}}}}\n"


def colour_in(scheme: Scheme, accent: str, accent_dark: str) -> str:
    """Return what a brand's buttons and links have in `scheme`; one of both colours must be given."""
    own, other = (accent, accent_dark) if scheme is LIGHT else (accent_dark, accent)
    return scheme.nearest(own or other)


def _properties(scheme: Scheme, accent: str, accent_dark: str) -> str:
    colour = colour_in(scheme, accent, accent_dark)
    return f"--accent:{colour};--accent-strong:{scheme.strong(colour)};--on-accent:{scheme.on_accent}"


def _channels(colour: str) -> tuple[float, float, float]:
    red, green, blue = bytes.fromhex(colour[1:])
    return red / 255, green / 255, blue / 255


def _linear(channel: float) -> float:
    return float(channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4)


def _hls(colour: str) -> tuple[float, float, float]:
    return colorsys.rgb_to_hls(*_channels(colour))


def _colour(hue: float, lightness: float, saturation: float) -> str:
    channels = colorsys.hls_to_rgb(hue, min(max(lightness, 0), 1), saturation)
    return "#" + "".join(f"{round(channel * 255):02x}" for channel in channels)
