"""The question why: asked once someone has left, answered by who likes to, and cut from the person in time."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from preferences import leaving, tasks
from preferences.feed import forget_transactions
from preferences.leaving import BUILT_IN_REASONS, cut_answers, leaving_of, store_answer
from preferences.models import (
    LeavingAnswer,
    LeavingAnswerCount,
    LeavingReason,
    LeavingReasonText,
    PreferenceChange,
    Source,
)
from tests.makers import make_cause, make_topic
from tests.unsubscribe.makers import Mail, arrive, make_mail, nonce_of
from unsubscribe import nonces

pytestmark = pytest.mark.django_db

FORM = "application/x-www-form-urlencoded"


def submit(client: Client, url: str, fields: dict[str, str]) -> str:
    response = client.post(url, urlencode(fields), content_type=FORM)
    assert response.status_code == 200
    return response.content.decode()


def leave(client: Client, token: str) -> str:
    return submit(client, f"/u/{token}/confirm", {"choice": "leave"})


def say(client: Client, token: str, page: str, **said: str) -> str:
    """Answer the question that `page` asks."""
    return submit(client, f"/u/{token}/why", {"nonce": nonce_of(page.encode()), **said})


def make_reason(mail: Mail, slug: str = "moved", **fields: Any) -> LeavingReason:
    return LeavingReason.objects.create(brand=mail.brand, slug=slug, **{"text": "I have moved", **fields})


def reasons(page: str) -> list[tuple[str, str]]:
    return re.findall(r'name="reason" value="([^"]+)"[^>]*> <span>([^<]+)</span>', page)


# Asking


def test_it_is_asked_after_leaving_and_never_before(client: Client) -> None:
    token = make_mail().token()
    asking = "Why did you leave?"
    assert asking not in client.get(f"/u/{token}").content.decode()
    assert asking not in submit(client, f"/u/{token}/confirm", {})
    assert asking not in submit(client, f"/u/{token}/confirm", {"choice": "keep"})
    assert asking in leave(client, token)
    assert asking in arrive(client, token)["after"]


def test_a_brand_may_not_ask(client: Client) -> None:
    token = make_mail(asks_why=False).token()
    assert "Why did you leave?" not in leave(client, token)


def test_a_brand_without_reasons_offers_five(client: Client) -> None:
    page = leave(client, make_mail().token())
    assert reasons(page) == [(slug, str(text)) for slug, text in BUILT_IN_REASONS.items()]
    assert len(BUILT_IN_REASONS) == 5


def test_the_reasons_of_the_brand_stand_in_its_order_and_in_the_pages_language(client: Client) -> None:
    mail = make_mail(language="de")
    make_reason(mail, "late", text="Zu spät", position=2)
    make_reason(mail, "gone", text="Vorbei", is_offered=False)
    moved = make_reason(mail, "moved", text="Ich bin <umgezogen>", position=1)
    LeavingReasonText.objects.create(reason=moved, language="en", text="I have <moved>")
    assert reasons(leave(client, mail.token())) == [("moved", "I have &lt;moved&gt;"), ("late", "Zu spät")]


def test_a_changed_reason_shows_when_the_directory_is_refreshed(client: Client) -> None:
    from preferences.directory import directory

    mail = make_mail()
    leave(client, mail.token())
    make_reason(mail)
    directory.forget()
    assert reasons(leave(client, mail.token())) == [("moved", "I have moved")]


def test_what_is_asked_costs_no_query_once_warm(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    from preferences.directory import directory
    from preferences.links import Purpose

    mail = make_mail()
    entry = directory.open(mail.token(), Purpose.UNSUBSCRIBE).brand
    leaving.after_leaving(entry, "news")
    with django_assert_num_queries(0):
        assert leaving.after_leaving(entry, "news").asks_why


# Answering


def test_an_answer_belongs_to_the_opt_out_that_it_is_about(client: Client) -> None:
    mail = make_mail()
    token = mail.token()
    page = say(client, token, leave(client, token), reason="too_many", comment=" Every\r\nday! \x00\x1b")
    assert "Thank you for your answer" in page
    answer = LeavingAnswer.objects.get()
    assert (answer.reason, answer.comment) == ("too_many", "Every\nday!")
    assert answer.change_id == PreferenceChange.objects.get().id
    assert (answer.recipient_id, answer.topic_id, answer.channel) == (mail.alice.id, mail.topic.id, "email")
    assert mail.changes() == [("out", "confirm_button")]


def test_the_thanks_go_on_offering_the_undo_and_ask_no_more(client: Client) -> None:
    mail = make_mail()
    token = mail.token()
    page = say(client, token, leave(client, token), reason="too_many")
    assert "gets no more News" in page
    assert "Why did you leave?" not in page
    submit(client, f"/u/{token}/undo", {"nonce": nonce_of(page.encode())})
    assert mail.state() == "default"


@pytest.mark.parametrize("said", [{"reason": "too_many"}, {"comment": "Goodbye."}])
def test_a_reason_or_words_alone_are_an_answer(client: Client, said: dict[str, str]) -> None:
    token = make_mail().token()
    say(client, token, leave(client, token), **said)
    answer = LeavingAnswer.objects.get()
    assert {"reason": answer.reason, "comment": answer.comment} == {"reason": "", "comment": "", **said}


def test_answering_again_replaces(client: Client) -> None:
    token = make_mail().token()
    page = leave(client, token)
    say(client, token, page, reason="too_many", comment="Too many.")
    say(client, token, page, reason="not_relevant")
    answer = LeavingAnswer.objects.get()
    assert (answer.reason, answer.comment) == ("not_relevant", "")


def test_an_opt_out_that_was_settled_by_a_press_is_still_the_same_leaving(client: Client) -> None:
    mail = make_mail()
    token = mail.token()
    say(client, token, arrive(client, token)["after"], reason="too_many")
    say(client, token, leave(client, token), reason="not_relevant")
    assert mail.changes() == [("out", "arrival"), ("out", "confirm_button")]
    assert LeavingAnswer.objects.get().reason == "not_relevant"


def test_each_leaving_has_an_answer_of_its_own(client: Client) -> None:
    mail = make_mail()
    token = mail.token()
    say(client, token, leave(client, token), reason="too_many")
    mail.alice.undo_opt_out(mail.topic.id, make_cause(Source.UNDO))
    say(client, token, leave(client, token), reason="not_relevant")
    assert sorted(LeavingAnswer.objects.values_list("reason", flat=True)) == ["not_relevant", "too_many"]


@pytest.mark.parametrize("said", [{}, {"comment": " \r\n\t"}, {"reason": "unheard-of"}, {"reason": ""}])
def test_saying_nothing_stores_nothing_and_is_fine(client: Client, said: dict[str, str]) -> None:
    token = make_mail().token()
    assert "That is fine, too." in say(client, token, leave(client, token), **said)
    assert not LeavingAnswer.objects.exists()


def test_a_text_too_long_is_shown_again_whole(client: Client) -> None:
    token = make_mail().token()
    text = "&" * 501
    page = say(client, token, leave(client, token), reason="too_many", comment=text)
    assert "500 characters at most" in page
    assert "&amp;" * 501 in page
    assert 'value="too_many" checked' in page
    assert not LeavingAnswer.objects.exists()
    say(client, token, page, reason="too_many", comment=text[:500])
    assert len(LeavingAnswer.objects.get().comment) == 500


@pytest.mark.parametrize("nonce", ["", "x" * 50, "ü", "the page's own"])
def test_without_a_pass_what_was_said_is_asked_for_again(client: Client, nonce: str) -> None:
    mail = make_mail()
    token = mail.token()
    mail.alice.opt_out(mail.topic.id, make_cause())
    if nonce == "the page's own":
        nonce = nonce_of(client.get(f"/u/{token}"))
    page = submit(client, f"/u/{token}/why", {"nonce": nonce, "reason": "too_many", "comment": "Goodbye."})
    assert "Please press Send once more" in page
    assert not LeavingAnswer.objects.exists()
    say(client, token, page, reason="too_many", comment="Goodbye.")
    assert LeavingAnswer.objects.get().comment == "Goodbye."


def test_who_has_never_left_has_nothing_to_answer(client: Client) -> None:
    token = make_mail().token()
    page = client.get(f"/u/{token}/undo").content.decode()
    assert "There was nothing to undo" in say(client, token, page, reason="too_many")
    assert not LeavingAnswer.objects.exists()


def test_a_reason_that_is_no_longer_offered_is_taken(client: Client) -> None:
    """The page was open while the brand withdrew it."""
    mail = make_mail()
    reason = make_reason(mail)
    token = mail.token()
    page = leave(client, token)
    reason.is_offered = False
    reason.save()
    say(client, token, page, reason="moved")
    assert LeavingAnswer.objects.get().reason == "moved"


def test_who_left_everything_answers_about_everything(client: Client) -> None:
    mail = make_mail()
    mail.alice.leave_everything(make_cause(Source.PREFERENCE_PAGE))
    token = mail.token("preferences", topic="")
    nonce = nonces.seal(nonces.NonceKind.UNDO, 5, token)
    page = submit(client, f"/p/{token}/why", {"nonce": nonce, "reason": "too_many"})
    assert f'href="/p/{token}"' in page
    answer = LeavingAnswer.objects.get()
    assert answer.topic_id is None
    assert answer.change_id == PreferenceChange.objects.get(topic=None).id


def test_a_topic_that_ended_along_with_everything_is_answered_for_as_everything() -> None:
    mail = make_mail()
    left = mail.alice.leave_everything(make_cause())
    everything = PreferenceChange.objects.get(topic=None)
    assert everything.id in left.change_ids
    assert leaving_of(mail.alice, mail.topic.id) == everything


def test_after_a_restore_a_topic_is_still_told_from_everything_that_was_left_before() -> None:
    mail = make_mail()
    mail.alice.leave_everything(make_cause())
    PreferenceChange.objects.update(changed_at=timezone.now() - timedelta(days=3))
    mail.alice.opt_in(mail.topic.id, make_cause(Source.CONFIRM_BUTTON))
    mail.alice.opt_out(mail.topic.id, make_cause())
    forget_transactions()
    left = leaving_of(mail.alice, mail.topic.id)
    assert left == PreferenceChange.objects.filter(topic=mail.topic, state="out").latest("id")


@pytest.mark.parametrize(("reason", "comment"), [("", ""), ("too_many", "x" * 501)])
def test_what_is_no_answer_is_not_stored(reason: str, comment: str) -> None:
    mail = make_mail()
    mail.alice.opt_out(mail.topic.id, make_cause())
    with pytest.raises(ValueError, match="at most 500"):
        store_answer(PreferenceChange.objects.get(), reason, comment)


# Cutting


def make_answer(mail: Mail, days: int, reason: str = "too_many", topic: int | None = None) -> LeavingAnswer:
    """An answer of so many days ago, about a new leaving."""
    topic = topic or mail.topic.id
    mail.alice.undo_opt_out(topic, make_cause(Source.UNDO))
    mail.alice.opt_out(topic, make_cause())
    answer = store_answer(PreferenceChange.objects.latest("id"), reason, "Goodbye.")
    LeavingAnswer.objects.filter(change_id=answer.change_id).update(answered_at=timezone.now() - timedelta(days=days))
    return answer


def counts() -> dict[tuple[int | None, str], int]:
    rows = LeavingAnswerCount.objects.values_list("topic_id", "reason", "count")
    return {(topic, reason): count for topic, reason, count in rows}


def test_old_answers_become_counts_without_people(settings: Any) -> None:
    mail = make_mail()
    for days, reason in ((31, "too_many"), (31, "too_many"), (31, ""), (29, "too_many")):
        make_answer(mail, days, reason)
    assert tasks.cut_answers.call() == 3
    assert counts() == {(mail.topic.id, "too_many"): 2, (mail.topic.id, ""): 1}
    assert LeavingAnswer.objects.count() == 1
    fields = {field.name for field in LeavingAnswerCount._meta.get_fields()}
    assert fields == {"id", "brand", "topic", "channel", "reason", "answered_on", "count"}


def test_the_days_are_a_setting(settings: Any) -> None:
    settings.FAREWELL_KEEP_ANSWERS_DAYS = 7
    make_answer(make_mail(), days=8)
    assert tasks.cut_answers.call() == 1


def test_cutting_again_counts_nothing_twice_and_adds_to_the_day() -> None:
    mail = make_mail()
    make_answer(mail, days=31)
    before = timezone.now() - timedelta(days=30)
    assert [cut_answers(before), cut_answers(before)] == [1, 0]
    make_answer(mail, days=31)
    assert cut_answers(before) == 1
    assert counts() == {(mail.topic.id, "too_many"): 2}


def test_answers_about_everything_are_counted_together() -> None:
    mail = make_mail()
    before = timezone.now() + timedelta(days=1)
    for _ in range(2):
        mail.alice.leave_everything(make_cause())
        everything = leaving_of(mail.alice, None)
        assert everything
        store_answer(everything, "too_many", "")
        assert cut_answers(before) == 1
        mail.alice.lift_suppression(make_cause(Source.UNDO))
    assert counts() == {(None, "too_many"): 2}


def test_cutting_goes_on_in_batches() -> None:
    mail = make_mail()
    topics = [make_topic(mail.brand, f"topic{number}").id for number in range(5)]
    for topic in topics:
        make_answer(mail, days=31, topic=topic)
    assert cut_answers(timezone.now(), at_once=2) == 5
    assert set(counts().values()) == {1}


def test_what_a_robot_said_is_not_counted() -> None:
    """Its opt-out was put back by evidence, and so was what it answered."""
    mail = make_mail()
    answer = make_answer(mail, days=31)
    evidence = {"refuted": [answer.change_id]}
    mail.alice.undo_change(answer.change_id, mail.topic.id, make_cause(Source.REINSTATEMENT, evidence=evidence))
    assert cut_answers(timezone.now()) == 1
    assert counts() == {}


def test_answers_are_kept_for_thirty_days() -> None:
    assert settings.FAREWELL_KEEP_ANSWERS_DAYS == 30
