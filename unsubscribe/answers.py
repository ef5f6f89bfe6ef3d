"""Pages that answer at an unsubscribe door, and the pass that lets a page undo what it has just told."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse

from engagement.detection import Value, Verdict
from preferences import leaving
from preferences.rendering import page_response
from unsubscribe import nonces, offers
from unsubscribe.doors import Visit
from unsubscribe.nonces import NonceKind


def answer(request: HttpRequest, visit: Visit, outcome: str, **extra: Any) -> HttpResponse:
    """Return the page named for the outcome."""
    link, look = visit.link, visit.link.brand.look(visit.language.code)
    context = {
        "here": _here(visit, outcome) if request.method == "POST" else "",
        "preferences": _preferences(visit),
        "door": visit.door,
        "token": visit.token,
        "nonce": nonces.seal(NonceKind.VISIT, visit.number or nonces.new_visit(), visit.token),
        "masked": link.masked_address,
        "brand_name": link.brand.name,
        "topic_name": link.topic_name(visit.language.code),
    }
    return page_response(f"unsubscribe/{outcome}.html", visit.language, look, context | extra)


def _here(visit: Visit, outcome: str) -> str:
    """Where the language switch leads that stands on the answer to a press, which cannot be opened itself. Not to the
    landing page for whoever has just chosen to stay: they must not be taken off for arriving there."""
    landing = f"/{visit.door}/{visit.token}"
    return {"done": landing, "ask": landing, "come_back": f"{landing}/undo"}.get(outcome) or _preferences(visit)


def _preferences(visit: Visit) -> str:
    return f"/{visit.door}/{visit.token}" + ("" if visit.door == "p" else "/preferences")


def done(request: HttpRequest, visit: Visit, undo_pass: str, *, already: bool) -> HttpResponse:
    """The page that says "you have left"."""
    return answer(request, visit, "done", already=already, nonce=undo_pass, **below(visit))


def stay(request: HttpRequest, visit: Visit) -> HttpResponse:
    """The same for whoever was asked to come back and would rather not."""
    _, verdict = visit.judge(is_press=True)
    return done(request, visit, earned_pass(visit, verdict, has_left=False), already=True)


def below(visit: Visit, *, asks_why: bool = True) -> dict[str, Any]:
    """What is offered below "you have left"."""
    context = offers.below(leaving.after_leaving(visit.link.brand, visit.link.claims.topic), visit.language.code)
    return context if asks_why else context | {"reasons": []}


def earned_pass(visit: Visit, verdict: Verdict, *, has_left: bool) -> str:
    """The pass of a page that says "you have left". Who had left before, and looks like a program now, gets none: its
    press on a form of the page is answered by a page that asks, so that a program brings nobody back either."""
    return undo_pass(visit) if has_left or verdict.value is not Value.MACHINE else ""


def undo_pass(visit: Visit) -> str:
    return nonces.seal(NonceKind.UNDO, visit.number or nonces.new_visit(), visit.token)
