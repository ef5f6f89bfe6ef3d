"""What is sent in the year: letters each week, offers, two automations, text messages; more before Christmas."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from preferences.links import Channel

_SITE = "https://shop.example.org"
_LINKS = {
    "news": (f"{_SITE}/stories/harvest", f"{_SITE}/stories/workshop", f"{_SITE}/calendar", f"{_SITE}/about"),
    "offers": (f"{_SITE}/sale", f"{_SITE}/sale/lamps", f"{_SITE}/sale/chairs", f"{_SITE}/voucher", f"{_SITE}/shops"),
    "welcome": (f"{_SITE}/start", f"{_SITE}/account", "http://blog.example.org/hello"),
}


@dataclass(frozen=True, slots=True)
class Sending:
    """A mail that goes out at `at` to `share` of the readers, and how keen they are on it."""

    slug: str
    name: str
    topic: str
    at: datetime
    share: float
    keenness: float
    links: tuple[str, ...]
    channel: Channel = Channel.EMAIL
    automation: str = ""


def plan(end: datetime) -> list[Sending]:
    """Return the sendings of the year before `end`, in their order."""
    start = end - timedelta(days=365)
    found = [
        sending
        for offset in range(365)
        for sending in _of_day(start + timedelta(days=offset), offset)
        if sending.at < end - timedelta(minutes=10)
    ]
    return sorted(found, key=lambda sending: sending.at)


def _of_day(day: datetime, offset: int) -> Iterator[Sending]:
    keen = keenness(day)
    if day.weekday() == 1:
        week = f"{day:%G-W%V}"
        at = _at(day, 9, 5)
        yield Sending(f"news-{week}", f"News, week {day:%V}", "news", at, 0.9, keen, _LINKS["news"])
    if day.weekday() == 3 and (day.isocalendar().week % 2 == 0 or day.month in (11, 12)):
        name = f"Offers of {day.day} {day:%B}"
        yield Sending(f"offers-{day:%Y-%m-%d}", name, "offers", _at(day, 16, 30), 0.7, keen * 0.9, _LINKS["offers"])
    for step, (name, keenness_of) in enumerate((("Welcome", 1.9), ("Your first week", 1.5), ("How it goes", 1.1)), 1):
        at = _at(day, 8 + step * 3, 7 * step)
        yield Sending(
            f"welcome-{step}",
            name,
            "news",
            at,
            0.004 * keen,
            keenness_of,
            _LINKS["welcome"],
            automation="welcome",
        )
    links = _LINKS["offers"]
    yield Sending("birthday", "Happy birthday", "offers", _at(day, 9, 30), 0.0027, 1.7, links, automation="birthday")
    if day.day == 12:
        slug = f"sms-{day:%Y-%m}"
        links = _LINKS["offers"][:1]
        yield Sending(slug, f"Text message, {day:%B}", "offers", _at(day, 12, 0), 0.8, keen, links, Channel.SMS)


def keenness(day: datetime) -> float:
    """Less is read in summer and between the years, more before Christmas."""
    if day.month in (7, 8):
        return 0.75
    if (day.month, day.day) >= (12, 24):
        return 0.6
    return 1.25 if (day.month, day.day) >= (11, 15) else 1.0


def _at(day: datetime, hour: int, minute: int) -> datetime:
    return datetime.combine(day.date(), time(hour, minute), day.tzinfo)
