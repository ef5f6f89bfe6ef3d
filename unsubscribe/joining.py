"""The door of a link that subscribes: in a mail that asks for a confirmation, or in one that wins back.

It is the unsubscribe link's door turned round, and more careful. GET looks, POST acts; a press is always honoured; an
arrival subscribes only on positive evidence of a hand, whatever the brand's policy for leaving, and provisionally. A
wrong doubt costs one press; a robot that subscribed somebody would cost the sender the proof of consent (GDPR 7(1)).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_POST, require_safe

from engagement.detection import PageFacts, Value, Verdict, may_commit
from engagement.models import Kind
from preferences.models import Cause, Outcome, Policy, PreferenceChange, Source
from preferences.models.standing import Standing
from preferences.rendering import page_response
from unsubscribe import nonces, pages
from unsubscribe.bodies import read_form, read_page, read_report
from unsubscribe.doors import Visit
from unsubscribe.nonces import NonceKind


@require_safe
def landing(request: HttpRequest, door: str, token: str) -> HttpResponse:
    """The page for everyone. No database and no template once warm."""
    visit = Visit.open(request, door, token)
    visit.number = nonces.new_visit()
    visit.record(Kind.JOIN_VISIT, "page")
    nonce = nonces.seal(NonceKind.VISIT, visit.number, token, at=visit.at)
    page = pages.landing(door, token, nonce, visit.link, visit.language, "unsubscribe/join/landing.html")
    return HttpResponse(page)


@require_POST
def arrive(request: HttpRequest, door: str, token: str) -> HttpResponse:
    """The script's call: `done` when the visit may opt in by itself or has nothing to add, else `ask`."""
    visit = Visit.open(request, door, token)
    report = read_report(request)
    nonce = nonces.open_nonce(NonceKind.VISIT, report.get("nonce"), token)
    visit.take(nonce)
    facts, verdict = visit.judge(PageFacts.from_json(report.get("page")))
    may_join = nonce is not None and verdict.has("trusted_input") and may_commit(Policy.STRICT, facts, verdict)
    has_joined = may_join and _opt_in(visit, Source.ARRIVAL, verdict, is_provisional=True).has_changed
    standing = visit.standing()
    is_done = has_joined or (nonce is not None and standing.is_in_for_visitor)
    visit.record(Kind.JOIN_ARRIVE, "joined" if is_done else "ask", verdict, facts)
    if is_done:
        below = "after" if has_joined or _is_own(visit, standing) else "around"
        template = f"unsubscribe/join/{below}.html"
        body = pages.done(door, token, _undo_pass(visit), visit.link, visit.language, template)
        return HttpResponse(body, content_type="application/json")
    # The page view was forged, is too old or used, or the person has left since: what is left is the button.
    return JsonResponse({"answer": "ask"} | ({"because": "stale"} if nonce is None or may_join else {}))


@require_POST
def confirm(request: HttpRequest, door: str, token: str) -> HttpResponse:
    """The button. Always honoured; with machine traits it is provisional. A form sent blindly changes nothing."""
    visit = Visit.open(request, door, token)
    fields = read_form(request)
    visit.take(nonces.open_nonce(NonceKind.VISIT, fields.get("nonce"), token))
    choice = fields.get("choice")
    if choice == "later":
        return _keep(visit)
    if choice != "join":
        return _page(visit, "ask")
    facts, verdict = visit.judge(read_page(fields), is_press=True)
    outcome = _opt_in(visit, Source.CONFIRM_BUTTON, verdict, is_provisional=verdict.value is Value.MACHINE)
    visit.record(Kind.JOIN_CONFIRM, "joined", verdict, facts)
    return _done(visit, has_changed=outcome.has_changed)


@require_POST
def undo(request: HttpRequest, door: str, token: str) -> HttpResponse:
    """One click back, from a page that has just said "you are subscribed"; from anywhere else, nothing."""
    visit = Visit.open(request, door, token)
    nonce = nonces.open_nonce(NonceKind.UNDO, read_form(request).get("nonce"), token)
    if nonce is None:
        return _page(visit, "ask")
    visit.take(nonce)
    outcome = visit.link.recipient.undo_opt_in(visit.link.topic_id(), visit.cause(Source.UNDO))
    visit.record(Kind.UNDO, "undone" if outcome.has_changed else "unchanged")
    return _page(visit, "kept", undone=outcome.has_changed)


def _opt_in(visit: Visit, source: Source, verdict: Verdict, *, is_provisional: bool) -> Outcome:
    """Opt in; by arrival not whoever has left since the link was sent: for them an arrival alone is no clear wish."""
    cause = _cause(visit, source, verdict, is_provisional=is_provisional)
    left_since = visit.sent_at if source is Source.ARRIVAL else None
    return visit.link.recipient.opt_in(visit.link.topic_id(), cause, unless_left_since=left_since)


def _cause(visit: Visit, source: Source, verdict: Verdict, *, is_provisional: bool) -> Cause:
    """The ledger's row is the record of the consent, so that it says when that was asked for, too."""
    cause = visit.cause(source, verdict, is_provisional=is_provisional)
    asked_at = visit.sent_at.isoformat() if visit.link.claims.sent_at else None
    return replace(cause, evidence=cause.evidence | {"asked_at": asked_at})


def _keep(visit: Visit) -> HttpResponse:
    """Nothing changes, but what this page view did by arriving while the hand was on its way."""
    standing = visit.standing()
    if _is_of_view(visit, standing):
        visit.link.recipient.undo_opt_in(visit.link.topic_id(), visit.cause(Source.UNDO))
        standing = visit.standing()
    visit.record(Kind.KEEP, "kept")
    return _done(visit) if standing.is_in_for_visitor else _page(visit, "kept")


def _is_own(visit: Visit, standing: Standing) -> bool:
    """Whether this visitor has a part in the present opt-in: nobody else gets to undo it, least of all a program that
    presses whatever it is shown."""
    return standing.is_of_visitor or _is_of_view(visit, standing)


def _is_of_view(visit: Visit, standing: Standing) -> bool:
    if visit.number is None or not standing.is_in_for_visitor:
        return False
    return PreferenceChange.objects.filter(id=standing.change_id or 0, evidence__visit=visit.number).exists()


def _done(visit: Visit, *, has_changed: bool = False) -> HttpResponse:
    may_undo = has_changed or _is_own(visit, visit.standing())
    return _page(visit, "done", already=not has_changed, may_undo=may_undo, nonce=_undo_pass(visit))


# Where the language switch of an answer leads, when not to the landing page: whoever has just said "not now" must not
# be subscribed for arriving there.
_ELSEWHERE = {"kept": "/preferences"}


def _page(visit: Visit, outcome: str, **extra: Any) -> HttpResponse:
    link = visit.link
    context = {
        "here": f"/{visit.door}/{visit.token}{_ELSEWHERE.get(outcome, '')}",
        "door": visit.door,
        "token": visit.token,
        "nonce": nonces.seal(NonceKind.VISIT, visit.number or nonces.new_visit(), visit.token),
        "masked": link.masked_address,
        "brand_name": link.brand.name,
        "topic_name": link.topic_name(visit.language.code),
    }
    look = link.brand.look(visit.language.code)
    return page_response(f"unsubscribe/join/{outcome}.html", visit.language, look, context | extra)


def _undo_pass(visit: Visit) -> str:
    return nonces.seal(NonceKind.UNDO, visit.number or nonces.new_visit(), visit.token)
