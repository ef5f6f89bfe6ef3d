"""Whose opens and clicks are not recorded."""

from __future__ import annotations

import pytest
from django.db import connection

from preferences.bulk import OptOut, Origin, opt_out_many
from preferences.directory import entry_of
from preferences.links import Channel
from preferences.models import PreferenceChange, Recipient, Source
from preferences.models.subscriptions import SuppressionReason
from preferences.replay import differing
from preferences.tracking import untracked
from tests.makers import make_brand, make_cause, make_recipient

pytestmark = pytest.mark.django_db


def test_tracking_is_refused_and_allowed_each_once() -> None:
    alice = make_recipient()
    assert untracked([alice.id]) == set()
    assert alice.refuse_tracking(make_cause()).has_changed
    assert not alice.refuse_tracking(make_cause()).has_changed
    assert untracked([alice.id]) == {alice.id}
    assert alice.allow_tracking(make_cause()).has_changed
    assert not alice.allow_tracking(make_cause()).has_changed
    assert untracked([alice.id]) == set()


def test_whoever_never_said_a_word_is_not_stored_by_allowing_it() -> None:
    make_recipient().allow_tracking(make_cause())
    assert not Recipient.objects.exists()


def test_the_row_says_all_that_stands_above_the_topics() -> None:
    alice = make_recipient()
    [suppressed] = alice.suppress(SuppressionReason.ADMIN, make_cause()).change_ids
    [refused] = alice.refuse_tracking(make_cause(Source.ADMIN, reason="asked by phone")).change_ids
    alice.lift_suppression(make_cause())
    [allowed] = alice.allow_tracking(make_cause()).change_ids
    rows = PreferenceChange.objects.in_bulk()
    assert (rows[refused].state, rows[refused].suppression, rows[refused].reason) == ("out", "admin", "asked by phone")
    assert rows[refused].replaced == {
        "state": "out",
        "suppression": "admin",
        "change": None,
        "paused_until": None,
        "is_untracked": False,
    }
    assert (rows[allowed].replaced["is_untracked"], rows[allowed].replaced["change"]) == (True, refused)
    assert [row.is_untracked for row in PreferenceChange.objects.order_by("id")] == [False, True, True, False]
    assert rows[suppressed].has_suppressed
    assert not rows[refused].has_suppressed
    assert not list(differing([alice.id]))


def test_an_imported_suppression_leaves_it_as_it_is() -> None:
    brand = make_brand()
    alice = make_recipient(brand)
    alice.refuse_tracking(make_cause())
    wish = OptOut(alice.id.hex, alice.address, line=1)
    opt_out_many(brand, Channel.EMAIL, [wish], Origin("import", "list.csv"))
    row = PreferenceChange.objects.newest_first()[0]
    assert (row.suppression, row.is_untracked, row.replaced["is_untracked"]) == ("import", True, True)
    assert not list(differing([alice.id]))


def test_many_are_asked_about_at_once() -> None:
    brand = make_brand()
    people = [make_recipient(brand, f"alice{number}@example.org") for number in range(2000)]
    for one in people[::500]:
        one.refuse_tracking(make_cause())
    assert untracked([one.id for one in people]) == {one.id for one in people[::500]}


def test_an_index_of_those_who_said_no_answers() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = 'recipient_untracked'")
        assert cursor.fetchone()[0].endswith("(id) WHERE is_untracked")


def test_the_doors_know_whether_the_brand_tracks() -> None:
    assert entry_of(make_brand()).tracks
    assert not entry_of(make_brand(tracks=False)).tracks
