"""What other products would have done with a visitor: small rules over what it did, each with its source.

The sources were read for the notes of November 2026. A model sees the trace, what the visitor did at a page that
judges nobody, and the seconds since sending. It says whether somebody is off the list and whether that took a press.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from scorecard.visits import Trace


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether the visitor took someone off, and whether by a press of the button."""

    is_off: bool
    is_pressed: bool = False


type Model = Callable[[Trace, int], Answer]


def get_commits(trace: Trace, age: int) -> Answer:
    """phpList by default, Zulip, Mailtrain (one-step), Courier, Knock. HEAD runs the same code in most frameworks, and
    Microsoft sends HEAD to the header's URLs (phpList issue 1082, Mautic issue 14916)."""
    return Answer(trace.looked)


def bare_pattern(trace: Trace, age: int) -> Answer:
    """Ghost, Notifuse: the page's script commits on load. Whoever runs no script has the button."""
    return Answer(True) if trace.ran else button(trace, age)


def healthchecks(trace: Trace, age: int) -> Answer:
    """Healthchecks.io: a link younger than 300 s shows a button, an older one a page whose script submits the form."""
    return button(trace, age) if age < 300 else bare_pattern(trace, age)


def keila(trace: Trace, age: int) -> Answer:
    """Keila (issue 348): a link younger than 180 s shows a page whose script submits; an older one unsubscribes on GET,
    and on HEAD, which its endpoint turns into GET (Plug.Head)."""
    return bare_pattern(trace, age) if age < 180 else get_commits(trace, age)


def button(trace: Trace, age: int) -> Answer:
    """listmonk, Sentry, Discourse, Plunk, GOV.UK, HubSpot, Klaviyo: nobody leaves without a press."""
    return Answer(trace.pressed, trace.pressed)


# By the name in the table, in its order.
MODELS: dict[str, Model] = {
    "GET commits": get_commits,
    "bare pattern": bare_pattern,
    "Healthchecks, 300 s": healthchecks,
    "Keila, 180 s": keila,
    "always a button": button,
}
