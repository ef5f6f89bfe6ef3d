from __future__ import annotations

from datetime import date

import pytest

from engagement.detection.browsers import family, release_day
from tests.engagement.detection.test_rules import CHROME, FIREFOX, PHONE, SAFARI

EPOCH = date(1970, 1, 1).toordinal()


@pytest.mark.parametrize(
    ("agent", "released"),
    [
        (CHROME.replace("156", "100"), date(2022, 3, 29)),
        (CHROME.replace("156", "130"), date(2024, 10, 15)),
        (CHROME.replace("156", "140"), date(2025, 9, 2)),
        (FIREFOX.replace("153", "100"), date(2022, 5, 3)),
        (FIREFOX.replace("153", "140"), date(2025, 6, 24)),
        (SAFARI.replace("Version/19", "Version/17"), date(2024, 9, 15)),
        (SAFARI.replace("Version/19", "Version/9"), date(2019, 9, 15)),
    ],
)
def test_a_version_has_a_day(agent: str, released: date) -> None:
    day = release_day(agent)
    assert day is not None
    assert (
        abs(day + EPOCH - released.toordinal()) <= 200
    )  # the rhythm is four weeks, with pauses that add up over the years


@pytest.mark.parametrize("agent", ["", "Lynx/2.9.0dev.12", "curl/8", SAFARI.replace("Version/19", "Version/40")])
def test_what_is_not_known_is_not_old(agent: str) -> None:
    assert release_day(agent) is None


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        (CHROME, "Chrome on Linux"),
        (CHROME.replace("X11; Linux x86_64", "Windows NT 10.0; Win64; x64") + " Edg/156.0.0.0", "Edge on Windows"),
        (FIREFOX, "Firefox on Linux"),
        (SAFARI, "Safari on Macintosh"),
        (PHONE, "Safari on iPhone"),
        ("curl/8", ""),
    ],
)
def test_a_browser_has_a_family_whatever_its_version(agent: str, name: str) -> None:
    assert family(agent) == name
    assert family(agent.replace("156", "157").replace("153", "154")) == name
