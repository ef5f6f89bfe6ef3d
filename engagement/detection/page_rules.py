"""What the page's script reports: how it runs, and whether a hand is there."""

from __future__ import annotations

from engagement.detection.facts import Facts
from engagement.detection.signal import Signal


def webdriver(facts: Facts) -> Signal | None:
    """`navigator.webdriver` is true in every driver of W3C WebDriver and of the DevTools protocol, unless hidden."""
    if facts.page and facts.page.webdriver:
        return Signal("webdriver", 0, "The browser said that it is driven by a program.", is_hard=True)
    return None


def framed(facts: Facts) -> Signal | None:
    """Measured: programs that frame the page ran its script. Ours refuses frames, so a person never sees one."""
    if (facts.page and facts.page.framed) or facts.request.fetch_dest in {"iframe", "frame", "embed", "object"}:
        return Signal("framed", 0, "The page was loaded inside another page, where nobody sees it.", is_hard=True)
    return None


SECONDS_TO_READ = 2  # that anyone wants to see a page, take it in and press: by hand, by voice, by link hints


def scripted_press(facts: Facts) -> Signal | None:
    """Measured: `form.requestSubmit()` makes no click at all, and nobody sends a form so. `el.click()` makes one that
    is not trusted; but tools for voice and keyboard (Rango, Vimium) press so for people, who want some time to read."""
    if not (facts.is_press and facts.page) or facts.page.presence.presses:
        return None
    if not facts.page.presence.untrusted:
        return Signal("scripted_press", 0, "A script, not a hand, sent the page's form.", is_hard=True)
    if facts.dwell is None or facts.dwell < SECONDS_TO_READ:
        return Signal("scripted_press", 0, "A script pressed the button before anyone could read it.", is_hard=True)
    return None


def rushed_press(facts: Facts) -> Signal | None:
    """Measured: a click by the browser's protocol is trusted, after one move, and held for 0.5 ms. A touchpad's tap is
    as short, but a hand moved there first; a remote desktop may show neither, but not within the time to read."""
    if not (facts.is_press and facts.page) or facts.dwell is None or facts.dwell >= SECONDS_TO_READ:
        return None
    if facts.page.presence.instants and not facts.page.presence.is_moving:
        reason = "A pointer out of nowhere pressed and let go in one instant, before anyone could read."
        return Signal("rushed_press", 0, reason, is_hard=True)
    return None


def untrusted_events(facts: Facts) -> Signal | None:
    """Measured: `el.click()` makes events whose isTrusted is false, and no hand can."""
    if facts.page and facts.page.presence.untrusted:
        return Signal("untrusted_events", 3, "A script, not a hand, made the page's input events.")
    return None


def clock_ahead(facts: Facts) -> Signal | None:
    """Measured: a capture engine moves the page's clock 40 s ahead, and virtual time passes 20 s in 1.7 s. No person's
    page does; but our own servers' clocks may be apart, so a press is never proved a robot's by it."""
    if (seconds := _ahead(facts)) <= _CLOCK_SLACK:
        return None
    reason = f"The page's clock ran {seconds:.0f} s ahead of the time that had passed."
    is_proof = seconds > _CLOCK_PROOF and not facts.is_press
    return Signal("clock_ahead", 0 if is_proof else 3, reason, is_hard=is_proof)


_CLOCK_SLACK = 10  # seconds that the clocks of our own servers may be apart
_CLOCK_PROOF = 30  # seconds that no servers' clocks are apart


def _ahead(facts: Facts) -> float:
    """Seconds that the page says have passed since its first byte, beyond what the server measured."""
    if facts.page is None or facts.page.elapsed is None or facts.dwell is None or facts.dwell < 0:
        return 0
    return facts.page.elapsed / 1000 - facts.dwell


def no_style(facts: Facts) -> Signal | None:
    """Programs that want only a page's text leave out its style sheet and pictures; browsers never do."""
    if facts.page and facts.page.styled is False:
        return Signal("no_style", 2, "Ran the page's script but did not load its style sheet, to save time.")
    return None


def trusted_input(facts: Facts) -> Signal | None:
    """Measured: a pointer on three spots or more let 1 of 45 programs pass, and 16 of 22 people. What a page says that
    also pushed its clock ahead, or made events of its own, is no hand's."""
    page = facts.page
    if page and page.presence.is_shown and not page.presence.untrusted and _ahead(facts) <= _CLOCK_SLACK:
        return Signal("trusted_input", -3, "A hand moved, touched, scrolled, typed or pressed on the page.")
    return None


def is_pressed_by_hand(facts: Facts) -> bool:
    """Whether the button was pressed and a hand seen: that outweighs what is known of a program by its name alone,
    which a person's browser may share, or leave out. A person's wish would be taken back otherwise."""
    return facts.is_press and trusted_input(facts) is not None
