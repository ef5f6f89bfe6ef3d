"""What a browser's agent says of its family and of when its version came out."""

from __future__ import annotations

import re
from datetime import date

# A version of each family with the day of its release, and the days between two: the four-week rhythm that Chrome has
# kept since version 94 and Firefox since 97 (chromiumdash.appspot.com/schedule, whattrainisitnow.com).
_CHROME = (130, date(2024, 10, 15).toordinal(), 28)
_FIREFOX = (132, date(2024, 10, 29).toordinal(), 28)
_EPOCH = date(1970, 1, 1).toordinal()
# Safari has no rhythm: its main versions come with the systems, each September (developer.apple.com release notes).
_SAFARI_YEARS = {13: 2019, 14: 2020, 15: 2021, 16: 2022, 17: 2023, 18: 2024, 26: 2025}
_VERSION = re.compile(
    r"(?P<firefox>Firefox|FxiOS)/(?P<f>\d{1,4})|(?P<chrome>Chrome|Chromium|CriOS)/(?P<c>\d{1,4})"
    r"|Version/(?P<safari>\d{1,4})[\d.]* (?:Mobile/\S+ )?Safari/"
)
_FAMILIES = (("Edg", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser/", "Samsung"), ("YaBrowser/", "Yandex"))
_SYSTEMS = ("Windows", "Android", "iPhone", "iPad", "Macintosh", "CrOS", "Linux")


def release_day(agent: str) -> int | None:
    """Return the day (since 1970) on which the browser that `agent` names came out, None when that is not known.

    Safari stays None from a main version on that is not in the table: too new is not old.
    """
    match = _VERSION.search(agent)
    if match is None:
        return None
    if match["safari"]:
        year = _SAFARI_YEARS.get(int(match["safari"]), 0 if int(match["safari"]) < min(_SAFARI_YEARS) else None)
        # Taken from the last release of its year, which is a year after the first.
        return None if year is None else date(max(year, 2018) + 1, 9, 15).toordinal() - _EPOCH
    (version, day, rhythm), now = (_FIREFOX, int(match["f"])) if match["firefox"] else (_CHROME, int(match["c"]))
    return day + (now - version) * rhythm - _EPOCH


def family(agent: str) -> str:
    """Return browser and system without versions, such as "Chrome on Windows", "" for what is no browser known here.

    It tells whether a visitor comes with the same kind of browser as before, also after that has renewed itself.
    """
    system = next((name for name in _SYSTEMS if name in agent), "")
    if name := next((name for mark, name in _FAMILIES if mark in agent), ""):
        return f"{name} on {system}"
    match = _VERSION.search(agent)
    if match is None:
        return ""
    return f"{'Firefox' if match['firefox'] else 'Chrome' if match['chrome'] else 'Safari'} on {system}"
