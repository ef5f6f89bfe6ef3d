"""The preference page's door: by a link of its own, or from an unsubscribe page. See docs/preference-page.md."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils import translation
from django.views.decorators.http import require_http_methods

from engagement.detection import Value, Verdict
from engagement.models import Kind
from engagement.visitors import truncated
from preferences import pages
from preferences.leaving import after_leaving
from preferences.links import Channel
from preferences.models import Cause, Outcome, Person, PreferenceChange, Source, Wish
from preferences.pages import Answer, View
from preferences.summary import name_of
from preferences.switches import Board, board_of, returning
from preferences.wishes import Form, Reading, Wishes
from preferences.wording import spoken_list
from unsubscribe import confirmations, nonces, notices
from unsubscribe.bodies import MAX_CHOICES_BYTES, read_form
from unsubscribe.doors import Visit
from unsubscribe.nonces import NonceKind


@require_http_methods(["GET", "HEAD", "POST"])
def preferences(request: HttpRequest, door: str, token: str) -> HttpResponse:
    """Show the page, or do what one press of it says: save, leave or get everything, undo."""
    visit = Visit.open(request, door, token)
    centre = Centre(visit, Person.behind(visit.link.recipient))
    if request.method != "POST":
        visit.record(Kind.PREFERENCES_VISIT, "page")
        return centre.page()
    fields = read_form(request, MAX_CHOICES_BYTES)
    return centre.undo(fields) if "undo" in fields else centre.press(fields)


@dataclass(slots=True)
class Centre:
    """One request at the page. `number` is that of the view that its form came from; `asked` and `unasked` are the
    names of topics that wait for a mail's link, and of those that no mail can be sent for."""

    visit: Visit
    person: Person
    asked: list[str] = field(default_factory=list)
    unasked: list[str] = field(default_factory=list)
    number: int = 0
    verdict: Verdict | None = None

    def page(self, answer: Answer | None = None, rows: Iterable[PreferenceChange] = ()) -> HttpResponse:
        return self._show(self._board(rows), self._view(nonces.new_visit()), answer)

    def undo(self, fields: QueryDict) -> HttpResponse:
        """Put back what one save had changed, for who has the pass of the page that said so."""
        nonce = nonces.open_nonce(NonceKind.UNDO, fields.get("nonce"), self.visit.token)
        if nonce is None:
            return self.page(Answer())
        self.visit.take(nonce)
        outcome = self.person.undo(nonce.visit, self.visit.cause(Source.UNDO))
        self.visit.record(Kind.UNDO, "undone" if outcome.has_changed else "unchanged")
        rows = [row for row in self.person.changes_of(nonce.visit) if row.source == Source.UNDO]
        board = self._board(rows)
        summary = pages.told(rows, board, self.visit.language.code)
        return self._show(board, self._view(nonces.new_visit()), Answer(is_undo=True, summary=summary))

    def press(self, fields: QueryDict) -> HttpResponse:
        visit = self.visit
        # However old: a page that was open for days says what it says, and its number is all that is asked of it.
        visit.take(nonces.open_nonce(NonceKind.VISIT, fields.get("nonce"), visit.token, now=0))
        visit.number = self.number = visit.number or nonces.new_visit()
        self.verdict = visit.judge(is_press=True)[1]
        is_machine = self.verdict.value is Value.MACHINE
        wish = fields.get("sure") or fields.get("all")
        if wish in {"off", "back"} and is_machine and "sure" not in fields:
            visit.record(Kind.PREFERENCES_SAVE, "ask")
            view = self._view(self.number)
            return pages.ask_once_more(view, wish, visit.language, visit.link.brand.look(visit.language.code))
        if wish == "off":
            return self._saved(self.person.leave_everything(self._cause()))
        if wish == "back":
            return self._saved(self._come_back(), is_back=True)
        if "save" in fields:
            return self._save(Form.read(fields), is_machine=is_machine)
        visit.record(Kind.PREFERENCES_SAVE, "unchanged")
        return self.page(Answer())

    def _save(self, form: Form, *, is_machine: bool) -> HttpResponse:
        language = self.visit.language.code
        earlier = self._own_changes()
        board = self._board(earlier)
        touched = {(row.channel, row.topic_id) for row in earlier if row.topic_id is not None}
        has_tracked = any(row.has_tracked for row in earlier)
        with translation.override(language):
            wishes = Reading(board, language, touched, has_tracked, is_by_hand=not is_machine).wishes(form)
        if wishes.errors:
            self.visit.record(Kind.PREFERENCES_SAVE, "wrong")
            return self._show(board, replace(self._view(self.number), form=form, errors=wishes.errors))
        if self.visit.link.brand.is_double_opt_in:
            self._ask_by_mail(wishes, board)
        if wishes.is_empty:
            return self._saved(Outcome(()))
        cause = self._cause(is_provisional=is_machine)
        return self._saved(
            self.person.save(
                wishes.by_channel, cause, paused_until=wishes.paused_until, is_untracked=wishes.is_untracked
            )
        )

    def _come_back(self) -> Outcome:
        if not self.visit.link.brand.is_double_opt_in:
            return self.person.come_back(self._cause())
        board = self._board()
        coming = {channel: dict.fromkeys(ids, Wish(is_in=True)) for channel, ids in returning(board).items()}
        self._ask_by_mail(Wishes(coming), board)
        return Outcome(())

    def _ask_by_mail(self, wishes: Wishes, board: Board) -> None:
        """Take the wishes for what is off out of `wishes`; a mail's link grants them."""
        for recipient in self.person.recipients:
            channel = Channel(recipient.channel)
            own = wishes.by_channel.get(channel, {})
            coming = [
                (offer, switch)
                for offer in board.offers
                if (switch := offer.switch(channel)) and not switch.is_on and own.get(offer.id, Wish()).is_in
            ]
            if not coming:
                continue
            for offer, _ in coming:
                own[offer.id] = replace(own[offer.id], is_in=None)
            network = truncated(self.visit.sighting.address)
            ids = [offer.id for offer, _ in coming]
            is_asked = confirmations.ask_to_confirm(recipient, ids, self.visit.language.code, network)
            with translation.override(self.visit.language.code):
                (self.asked if is_asked else self.unasked).extend(name_of(*pair) for pair in coming)

    def _saved(self, outcome: Outcome, *, is_back: bool = False) -> HttpResponse:
        """Say what this page view has changed: now, or when the same form was sent before."""
        rows = self._own_changes()
        language = self.visit.language.code
        board = self._board(rows)
        summary, brand = pages.told(rows, board, language), self.visit.link.brand
        is_all_off = bool(summary.off) and board.is_all_off and not board.suppressions
        fresh = [row for row in rows if row.id in outcome.change_ids]
        notices.announce_save(fresh, is_back=is_back, is_all_off=is_all_off)
        answer = Answer(
            summary=summary,
            asked=spoken_list(self.asked, language),
            unasked=spoken_list(self.unasked, language),
            undo=nonces.seal(NonceKind.UNDO, self.number, self.visit.token) if rows else "",
            reasons=after_leaving(brand, "").reasons(language) if summary.everything == "left" else (),
        )
        self.visit.record(Kind.PREFERENCES_SAVE, "saved" if outcome.has_changed else "unchanged")
        return self._show(board, self._view(nonces.new_visit()), answer)

    def _own_changes(self) -> list[PreferenceChange]:
        return [row for row in self.person.changes_of(self.number) if row.source == Source.PREFERENCE_PAGE]

    def _board(self, rows: Iterable[PreferenceChange] = ()) -> Board:
        return board_of(self.person, self.visit.language.code, rows)

    def _show(self, board: Board, view: View, answer: Answer | None = None) -> HttpResponse:
        look = self.visit.link.brand.look(self.visit.language.code)
        return pages.show(board, replace(view, answer=answer), self.visit.language, look)

    def _view(self, number: int) -> View:
        """The page in a view of that number, which its form carries."""
        visit, link = self.visit, self.visit.link
        path = f"/{visit.door}/{visit.token}" + ("" if visit.door == "p" else "/preferences")
        masked = (link.masked_address, *(str(recipient) for recipient in self.person.recipients[1:]))
        nonce = nonces.seal(NonceKind.VISIT, number, visit.token)
        return View(visit.door, visit.token, path + visit.language.query, nonce, masked, link.brand.tracks)

    def _cause(self, *, is_provisional: bool = False) -> Cause:
        return self.visit.cause(Source.PREFERENCE_PAGE, self.verdict, is_provisional=is_provisional)
