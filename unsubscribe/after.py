"""The doors below "you have left": fewer mails or a pause instead, and the answer to the question why."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from engagement.models import Kind
from preferences import leaving
from preferences.languages import spoken_date
from preferences.models import Source, Topic, Wish
from preferences.models.answers import MAX_COMMENT_LENGTH
from preferences.models.subscriptions import today
from unsubscribe import nonces, offers
from unsubscribe.answers import answer, below, done, earned_pass, stay, undo_pass
from unsubscribe.bodies import read_form
from unsubscribe.doors import Visit
from unsubscribe.nonces import NonceKind


@require_POST
def offer(request: HttpRequest, door: str, token: str) -> HttpResponse:
    """Fewer mails or a pause instead of having left: an undo with a setting, and as guarded as the undo is."""
    visit = Visit.open(request, door, token)
    fields = read_form(request)
    if fields.get("choice") == "stay":
        return stay(request, visit)
    name = fields.get("offer", "")
    setting = offers.setting_of(name, leaving.after_leaving(visit.link.brand, visit.link.claims.topic), today())
    nonce = nonces.open_nonce(NonceKind.UNDO, fields.get("nonce"), token)
    if nonce is None or setting is None:
        asking = offers.asking(name) if setting else {}
        return answer(request, visit, "come_back", nonce=undo_pass(visit), **asking)
    visit.take(nonce)
    recipient, topic_id, cause = visit.link.recipient, visit.link.topic_id(), visit.cause(Source.OFFER)
    back = recipient.undo_opt_out(topic_id, cause, setting=setting)
    # Whoever was back already, perhaps by another offer, or was only suppressed: of them the newest wish holds, too.
    wish = Wish(frequency=setting.frequency, paused_until=setting.paused_until)
    set_apart = recipient.choose({topic_id: wish}, cause)
    visit.record(Kind.UNDO, "offered" if back.has_changed or set_apart.has_changed else "unchanged")
    return _held(request, visit, topic_id)


def _held(request: HttpRequest, visit: Visit, topic_id: int) -> HttpResponse:
    """Say what holds now, which another press or another page may have settled before this one."""
    topic = Topic.objects.get(pk=topic_id)
    choice = visit.link.recipient.choices([topic])[topic_id]
    if not choice.is_in:  # what the opt-out had replaced was a topic that nobody gets who has not chosen it
        return done(request, visit, undo_pass(visit), already=True)
    if until := choice.paused_until:
        return answer(request, visit, "offered", until=spoken_date(until, visit.language.code))
    if choice.frequency in topic.frequencies:
        return answer(request, visit, "offered", frequency=choice.frequency)
    return answer(request, visit, "undone", changed=False)


@require_POST
def why(request: HttpRequest, door: str, token: str) -> HttpResponse:
    """The answer to the question why, which is asked of who has left, and never before. It changes no subscription."""
    visit = Visit.open(request, door, token)
    fields = read_form(request)
    brand, recipient = visit.link.brand, visit.link.recipient
    reason, comment = leaving.known_reason(brand.id, fields.get("reason", "")), leaving.tidy(fields.get("comment", ""))
    nonce = nonces.open_nonce(NonceKind.UNDO, fields.get("nonce"), token)
    if problem := _problem(nonce is not None, reason, comment):
        said = {"problem": problem, "chosen": reason, "comment": comment}
        return answer(request, visit, "asked_why", nonce=undo_pass(visit), **below(visit), **said)
    visit.take(nonce)
    change = leaving.leaving_of(recipient, None if door == "p" else visit.link.topic_id())
    if change is None:
        return answer(request, visit, "undone", changed=False)
    leaving.store_answer(change, reason, comment)
    _, verdict = visit.judge(is_press=True)
    own_pass = earned_pass(visit, verdict, has_left=False)
    is_out = door != "p" and visit.standing().is_out
    return answer(request, visit, "thanks", nonce=own_pass, is_out=is_out, **below(visit, asks_why=False))


def _problem(has_pass: bool, reason: str, comment: str) -> str:
    """Why an answer cannot be taken, "" when it can. What was written is shown again, so that nothing is lost."""
    if not (reason or comment):
        return "empty"
    if len(comment) > MAX_COMMENT_LENGTH:
        return "long"
    return "" if has_pass else "stale"
