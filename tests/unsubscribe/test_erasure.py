"""Erasure (GDPR article 17): what is kept is what it takes to go on not writing, and nothing else."""

from __future__ import annotations

import json
import time
from datetime import date, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from engagement.forgetting import forget
from engagement.models import Interaction, Rejudgement
from engagement.recording.recorder import recorder
from preferences.feed import Change, Cursor, Feed
from preferences.limits import address_hash
from preferences.links import Channel
from preferences.mailable import answers
from preferences.models import (
    Companions,
    LeavingAnswer,
    PreferenceChange,
    Recipient,
    Source,
    Subscription,
    Suppression,
    Wish,
)
from preferences.models.subscriptions import SuppressionReason
from preferences.replay import differing
from preferences.tracking import untracked
from tests.commands import run
from tests.makers import make_brand, make_cause, make_recipient, make_topic
from tests.unsubscribe.makers import arrive, make_mail, nonce_of
from tests.unsubscribe.stories import AGENT, ALICE, FORM, NETWORK, PHONE, Story, rows_with, spellings, tell_story
from unsubscribe import tasks

pytestmark = pytest.mark.django_db
KEPT = {"preferences_recipient", "preferences_suppression", "preferences_preferencechange"}


def erase_by_hand(story: Story) -> str:
    """Press what the person presses, and return the last page."""
    url = f"/d/{story.token()}"
    question = story.post(f"{url}/erase", choice="ask")
    answer = story.post(f"{url}/erase", choice="erase", nonce=nonce_of(question))
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_nothing_else_remains_in_any_table() -> None:
    story = tell_story()
    asked_for = address_hash(Channel.EMAIL, ALICE).hex()
    personal = (ALICE, "alice.liddell", "a•••@e", NETWORK, "203.0.113.77", AGENT, "156.0.31.4", asked_for)
    assert len(rows_with(*personal)) >= 6
    erase_by_hand(story)
    recorder.flush()
    assert rows_with(*personal) == {}
    assert set(rows_with(*spellings(story.alice.id))) == KEPT


def test_what_remains_is_a_hash_a_suppression_and_one_ledger_row() -> None:
    story = tell_story()
    erase_by_hand(story)
    alice = Recipient.objects.get(id=story.alice.id)
    assert alice.address == ""
    assert alice.created_at > timezone.now() - timedelta(minutes=1)
    assert Suppression.objects.get(recipient_id=alice.id).reason == SuppressionReason.ERASED
    row = PreferenceChange.objects.get(recipient_id=alice.id)
    assert (row.source, row.topic, row.state, row.suppression) == (Source.ERASURE, None, "out", "erased")
    assert (row.evidence, row.reason, row.mailing, row.actor) == ({}, "", "", "")
    assert not list(differing([alice.id]))


def test_the_mail_system_is_told_not_to_write() -> None:
    story = tell_story()
    forget(story.alice)
    [answer] = answers(story.mail.topic, Channel.EMAIL, [ALICE])
    assert answer.reason == "suppressed_erased"


def read_some(feed: Feed) -> list[Change]:
    """What the feed gives first: the database's own housekeeping may hold it back for a moment."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if changes := [change for page in feed.read() for change in page]:
            return changes
    raise AssertionError("the feed gave nothing")


@pytest.mark.django_db(transaction=True)
def test_the_feed_says_that_somebody_was_erased() -> None:
    alice = make_recipient()
    alice.leave_everything(make_cause())
    forget(alice)
    [change] = read_some(Feed(Cursor()))
    assert change.fields["source"] == "erasure"
    assert change.fields["suppression"] == "erased"
    assert change.fields["address"] is None


def test_other_people_and_the_companion_keep_what_is_theirs() -> None:
    story = tell_story()
    bob = make_recipient(story.mail.brand, "bob@example.org")
    bob.opt_out(story.mail.topic.id, make_cause())
    story.client.get(f"/u/{story.mail.token(address='bob@example.org')}")
    recorder.flush()
    erase_by_hand(story)
    assert bob.changes.count() == 1
    assert Interaction.objects.of_recipient(bob.id).count() == 1
    assert Recipient.objects.get(id=story.phone.id).address == PHONE
    assert story.phone.changes.count() == 1
    assert not Companions.objects.exists()


def test_another_brand_keeps_what_it_knows() -> None:
    story = tell_story()
    other = make_topic(make_brand())
    there = make_recipient(other.brand, ALICE)
    there.opt_out(other.id, make_cause())
    forget(story.alice)
    assert Recipient.objects.get(id=there.id).address == ALICE


def test_a_second_look_loses_the_visit_from_its_examples() -> None:
    story = tell_story()
    forget(story.alice)
    assert [example["id"] for example in Rejudgement.objects.get().examples] == [0]


def test_erasing_twice_changes_nothing_more() -> None:
    story = tell_story()
    assert forget(story.alice).has_changed
    rows = list(PreferenceChange.objects.values())
    assert not forget(story.alice).has_changed
    assert list(PreferenceChange.objects.values()) == rows
    assert "Everything is erased" in erase_by_hand(story)


def test_someone_nobody_has_heard_of_can_be_erased(client: Client) -> None:
    story = Story(make_mail(), client)
    erase_by_hand(story)
    assert Recipient.objects.get().address == ""
    assert Suppression.objects.get().reason == SuppressionReason.ERASED


def test_a_blindly_sent_form_keeps_everything() -> None:
    story = tell_story()
    url = f"/d/{story.token()}"
    page = story.client.get(url).content.decode()
    form = page[page.index(f'action="{url}/erase"') :]
    assert form.index('value="keep"') < form.index('value="ask"')
    question = story.post(f"{url}/erase", choice="ask")
    for fields in ({}, {"choice": "keep"}, {"choice": "keep", "nonce": nonce_of(question)}, {"choice": "erase"}):
        story.post(f"{url}/erase", **fields)
    stranger = nonce_of(story.post(f"/d/{story.token(mailing='other')}/erase", choice="ask"))
    story.post(f"{url}/erase", choice="erase", nonce=stranger)
    assert Recipient.objects.get(id=story.alice.id).address == ALICE


def test_the_question_says_whose_data_stays() -> None:
    story = tell_story()
    question = story.post(f"/d/{story.token()}/erase", choice="ask").content.decode()
    assert "cannot be undone" in question
    assert f"{PHONE} stays as it is." in question


# Afterwards


def test_an_old_link_stores_nothing_again() -> None:
    story = tell_story()
    forget(story.alice)
    token = story.token("unsubscribe")
    arrive(story.client, token)
    nonce = nonce_of(story.client.get(f"/u/{token}"))
    story.post(f"/u/{token}/confirm", nonce=nonce, choice="leave")
    story.post(f"/o/{story.token('one_click')}", **{"List-Unsubscribe": "One-Click"})
    assert PreferenceChange.objects.filter(recipient_id=story.alice.id).count() == 1
    assert not Subscription.objects.filter(recipient_id=story.alice.id).exists()
    assert Recipient.objects.get(id=story.alice.id).address == ""


def test_coming_back_by_hand_is_a_fresh_start() -> None:
    story = tell_story()
    forget(story.alice)
    assert story.alice.opt_in(story.mail.topic.id, make_cause(Source.PREFERENCE_PAGE)).has_changed
    assert Recipient.objects.get(id=story.alice.id).address == ALICE
    assert not story.alice.is_suppressed()
    assert [answer.reason for answer in answers(story.mail.topic, Channel.EMAIL, [ALICE])] == ["subscribed"]
    assert not list(differing([story.alice.id]))
    assert forget(story.alice).has_changed


def test_a_visit_that_was_written_late_is_swept() -> None:
    story = tell_story()
    story.client.get(f"/u/{story.token('unsubscribe')}")
    forget(story.alice)
    recorder.flush()  # another process wrote what it had in its queue
    assert Interaction.objects.of_recipient(story.alice.id).count() == 1
    assert tasks.sweep_erased.call() == 1
    story.client.get(f"/u/{story.token('unsubscribe')}")
    recorder.flush()
    assert tasks.sweep_erased.call() == 0
    assert Interaction.objects.of_recipient(story.alice.id).count() == 1


def test_erasure_forgets_a_word_about_tracking_and_records_nothing_more() -> None:
    story = tell_story()
    story.alice.refuse_tracking(make_cause())
    forget(story.alice)
    row = PreferenceChange.objects.get(recipient_id=story.alice.id)
    assert (row.is_untracked, row.replaced["is_untracked"]) == (True, False)
    assert untracked([story.alice.id]) == {story.alice.id}
    forget(story.alice)
    assert untracked([story.alice.id])
    assert not list(differing([story.alice.id]))


def test_neither_how_often_nor_tracking_stores_an_erased_person_again() -> None:
    story = tell_story()
    forget(story.alice)
    cause = make_cause(Source.PREFERENCE_PAGE)
    wishes = {story.mail.topic.id: Wish(frequency="weekly", paused_until=date(2030, 2, 3))}
    assert not story.alice.choose(wishes, cause).has_changed
    assert not story.alice.allow_tracking(cause).has_changed
    assert not story.alice.pause(date(2030, 2, 3), cause).has_changed
    assert Recipient.objects.get(id=story.alice.id).address == ""
    assert not Subscription.objects.filter(recipient_id=story.alice.id).exists()


def test_who_comes_back_goes_on_unrecorded_until_they_say_otherwise() -> None:
    story = tell_story()
    forget(story.alice)
    story.alice.opt_in(story.mail.topic.id, make_cause(Source.PREFERENCE_PAGE))
    assert untracked([story.alice.id])
    assert story.alice.allow_tracking(make_cause(Source.PREFERENCE_PAGE)).has_changed
    assert not untracked([story.alice.id])
    assert not list(differing([story.alice.id]))


# The operator's command


def test_forget_erases_an_address_in_any_spelling() -> None:
    story = tell_story()
    result = run("forget", "--brand", "demo", "--yes", ALICE.upper())
    assert result.status == 0
    assert result.lines == ["Erased. A keyed hash is kept, so that demo does not write to the address again."]
    row = PreferenceChange.objects.get(recipient_id=story.alice.id)
    assert (row.source, row.actor) == (Source.ERASURE, "forget")
    assert not LeavingAnswer.objects.exists()
    again = run("forget", "--brand", "demo", "--yes", ALICE)
    assert again.lines == ["It was erased before."]


def test_forget_takes_phones() -> None:
    story = tell_story()
    run("forget", "--brand", "demo", "--channel", "sms", "--yes", PHONE)
    assert Recipient.objects.get(id=story.phone.id).address == ""
    assert Recipient.objects.get(id=story.alice.id).address == ALICE


@pytest.mark.parametrize(("said", "is_erased"), [("yes\n", True), ("\n", False), ("", False)])
def test_forget_asks_first(monkeypatch: pytest.MonkeyPatch, said: str, is_erased: bool) -> None:
    story = tell_story()
    result = run("forget", "--brand", "demo", ALICE, stdin=said)
    assert (Recipient.objects.get(id=story.alice.id).address == "") is is_erased
    assert is_erased == (result.status == 0)


def test_forget_names_what_is_wrong() -> None:
    make_brand(slug="demo")
    result = run("forget", "--brand", "demo", "--yes", "alice")
    assert result.status == 1
    assert "alice" not in result.out


def test_the_ledger_row_is_json_without_the_address() -> None:
    story = tell_story()
    forget(story.alice)
    rows = list(PreferenceChange.objects.filter(recipient_id=story.alice.id).values())
    assert "alice" not in json.dumps(rows, default=str)


def test_a_form_of_another_kind_is_no_wish(client: Client) -> None:
    mail = make_mail()
    client.post(f"/d/{mail.token('access')}/erase", b"\xff", content_type=FORM)
    client.post(f"/d/{mail.token('access')}/erase", {"choice": "erase"})
    assert not Recipient.objects.exists()


def test_a_pause_of_someone_erased_stores_them_no_more() -> None:
    story = tell_story()
    forget(story.alice)
    assert not story.alice.pause(date.max, make_cause()).has_changed
    assert Recipient.objects.get(id=story.alice.id).address == ""
