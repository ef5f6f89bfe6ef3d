"""The doors that a mail opens. GET looks, POST acts; the token authorises, and no cookie is read or set."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from engagement.detection import PageFacts, Value, may_commit
from engagement.models import Kind
from preferences.leaving import after_leaving
from preferences.models import Source
from unsubscribe import nonces, notices, pages
from unsubscribe.answers import answer, done, earned_pass, stay, undo_pass
from unsubscribe.bodies import read_body, read_form, read_page, read_report
from unsubscribe.doors import Leaving, Visit
from unsubscribe.nonces import NonceKind
from unsubscribe.one_click import is_one_click


@require_http_methods(["GET", "HEAD", "POST"])
def landing(request: HttpRequest, door: str, token: str) -> HttpResponse:
    """The page for everyone on GET, RFC 8058 one-click on POST. No database and no template once warm."""
    visit = Visit.open(request, door, token)
    if request.method == "POST":
        return one_click(request, visit)
    visit.number = nonces.new_visit()
    visit.record(Kind.VISIT if door == "u" else Kind.HEADER_VISIT, "page")
    nonce = nonces.seal(NonceKind.VISIT, visit.number, token, at=visit.at)
    return HttpResponse(pages.landing(door, token, nonce, visit.link, visit.language))


def one_click(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Commit and answer 200, for whoever asks: a mailbox provider's POST is not judged (RFC 8058 section 3.2)."""
    if not is_one_click(read_body(request)):
        return HttpResponse("Expected List-Unsubscribe=One-Click.\n", status=400, content_type="text/plain")
    left = visit.leave(visit.cause(Source.ONE_CLICK))
    visit.record(Kind.ONE_CLICK, "done")
    text = "Accepted. It takes effect soon.\n" if left.is_waiting else "Unsubscribed.\n"
    return HttpResponse(text, content_type="text/plain")


@require_POST
def arrive(request: HttpRequest, door: str, token: str) -> HttpResponse:
    """The script's call: `done` when the visit may opt out by itself or has nothing to add, else `ask`."""
    visit = Visit.open(request, door, token)
    report = read_report(request)
    nonce = nonces.open_nonce(NonceKind.VISIT, report.get("nonce"), token)
    visit.take(nonce)
    facts, verdict = visit.judge(PageFacts.from_json(report.get("page")))
    may_leave = nonce is not None and may_commit(visit.link.brand.policy, facts, verdict)
    left = visit.leave_by_arrival(verdict) if may_leave else Leaving()
    if left.change_id and visit.link.brand.sends_notice:
        notices.announce(left.change_id)
    is_done = left.has_left or (nonce and not visit.is_cut_off and visit.standing().is_out_for_visitor)
    state = "done" if is_done else "ask"
    visit.record(Kind.ARRIVE, state, verdict, facts)
    if state == "done":
        own_pass = "" if left.is_waiting else earned_pass(visit, verdict, has_left=left.has_left)
        offered = pages.NOTHING if left.is_waiting else after_leaving(visit.link.brand, visit.link.claims.topic)
        body = pages.done(door, token, own_pass, visit.link, visit.language, after=offered)
        return HttpResponse(body, content_type="application/json")
    # The page view was forged, is too old, or has opted out once already: what is left is the button, and it is told.
    return JsonResponse({"answer": state} | ({"because": "stale"} if nonce is None or may_leave else {}))


@require_POST
def confirm(request: HttpRequest, door: str, token: str) -> HttpResponse:
    """The button. Always honoured; with machine traits it is provisional. A form sent blindly changes nothing."""
    visit = Visit.open(request, door, token)
    fields = read_form(request)
    visit.take(nonces.open_nonce(NonceKind.VISIT, fields.get("nonce"), token))
    choice = fields.get("choice")
    if choice == "keep":
        return _keep(request, visit)
    if choice != "leave":
        return answer(request, visit, "ask")
    facts, verdict = visit.judge(read_page(fields), is_press=True)
    cause = visit.cause(Source.CONFIRM_BUTTON, verdict, is_provisional=verdict.value is Value.MACHINE)
    left = visit.leave(cause)
    visit.record(Kind.CONFIRM, "done", verdict, facts)
    if left.is_waiting:  # nothing can be offered, nor undone, before it has taken effect
        return answer(request, visit, "done", already=False, nonce="")
    own_pass = earned_pass(visit, verdict, has_left=left.has_left)
    return done(request, visit, own_pass, already=not left.has_left)


def _keep(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Nothing changes, but what this page view did by arriving while the hand was on its way; and who had left
    before is not told otherwise."""
    visit.take_back_arrival()
    visit.record(Kind.KEEP, "kept")
    if visit.standing().is_out:
        return answer(request, visit, "come_back", nonce=undo_pass(visit))
    return answer(request, visit, "kept")


@require_http_methods(["GET", "HEAD", "POST"])
def undo(request: HttpRequest, door: str, token: str) -> HttpResponse:
    """One click back, from a page that has just said "you have left". From anywhere else, as from a mail, it is one
    press more: a robot that opens links and submits forms must not subscribe anyone either."""
    visit = Visit.open(request, door, token)
    fields = read_form(request) if request.method == "POST" else QueryDict("")
    if fields.get("choice") == "stay":
        return stay(request, visit)
    nonce = nonces.open_nonce(NonceKind.UNDO, fields.get("nonce"), token)
    if nonce is None:
        return answer(request, visit, "come_back", nonce=undo_pass(visit))
    visit.take(nonce)
    outcome = visit.link.recipient.undo_opt_out(visit.link.topic_id(), visit.cause(Source.UNDO))
    visit.record(Kind.UNDO, "undone" if outcome.has_changed else "unchanged")
    return answer(request, visit, "undone", changed=outcome.has_changed)


@require_safe
def hidden(request: HttpRequest, door: str, token: str) -> HttpResponse:
    """Looks like any page. That someone came is hard evidence against the visit, and nothing else."""
    visit = Visit.open(request, door, token)
    visit.record(Kind.HIDDEN_VISIT, "page")
    return answer(request, visit, "hidden")
