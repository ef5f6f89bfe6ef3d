"""Opt-outs that are accepted while the database does not answer: on the disk at once, in effect once it is back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from engagement.spool import wishes
from preferences.models import Cause, PreferenceChange, Source, Subscription
from preferences.pulse import pulse
from tests.unsubscribe.makers import PERSON, Mail, make_mail, nonce_of
from unsubscribe.settling import sweep
from unsubscribe.waiting import Waiting, waiting

pytestmark = pytest.mark.django_db(transaction=True)
FORM = "application/x-www-form-urlencoded"
ONE_CLICK = "List-Unsubscribe=One-Click"
ROBOT = {"user-agent": "curl/8.14.1"}


@pytest.fixture(autouse=True)
def data(settings: Any, tmp_path: Path) -> Iterator[Path]:
    settings.FAREWELL_DATA_DIR = tmp_path
    settings.FAREWELL_SPOOL_OPT_OUTS = True
    yield tmp_path
    if (file := waiting._spool._file) is not None:  # a process of its own for each test
        file._close_database()
        waiting._spool._file = None


@contextmanager
def database_away() -> Iterator[None]:
    """As a process sees it whose pulse has found that nothing answers."""
    connection.close()
    pulse._is_away = True
    try:
        yield
    finally:
        pulse._is_away = False


def leave(client: Client, mail: Mail, door: str, **headers: str) -> Any:
    """Open the page while the database is there, and leave through a door while it is away."""
    token = mail.token("one_click" if door == "o" else "unsubscribe")
    if door in "uo":
        with database_away():
            return client.post(f"/{door}/{token}", ONE_CLICK, content_type=FORM, headers=headers)
    nonce = nonce_of(client.get(f"/u/{token}", headers=headers))
    with database_away():
        if door == "confirm":
            return client.post(f"/u/{token}/confirm", f"choice=leave&nonce={nonce}", content_type=FORM, headers=headers)
        body = json.dumps({"nonce": nonce, "page": PERSON})
        return client.post(f"/u/{token}/arrive", body, content_type="application/json", headers=headers)


@pytest.fixture
def mail(client: Client) -> Mail:
    made = make_mail()
    assert client.get(f"/u/{made.token()}").status_code == 200  # the process knows the brand
    return made


SOURCES = {"u": "one_click", "o": "one_click", "confirm": "confirm_button", "arrive": "arrival"}


@pytest.mark.parametrize("door", SOURCES)
def test_an_opt_out_is_accepted_and_takes_effect_later(client: Client, mail: Mail, door: str) -> None:
    assert leave(client, mail, door).status_code == 200
    assert mail.state() == "default"
    assert waiting.grant_all() == 1
    assert mail.changes() == [("out", SOURCES[door])]
    assert wishes.tallies() == []
    assert waiting.grant_all() == 0


@pytest.mark.parametrize("door", SOURCES)
def test_where_it_is_not_turned_on_a_door_says_503(client: Client, mail: Mail, door: str, settings: Any) -> None:
    settings.FAREWELL_SPOOL_OPT_OUTS = False
    response = leave(client, mail, door)
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0
    assert wishes.tallies() == []


@pytest.mark.parametrize("door", SOURCES)
def test_what_cannot_be_put_on_the_disk_is_a_503(client: Client, mail: Mail, door: str, data: Path) -> None:
    (data / "spool").write_text("a file in its place")
    assert leave(client, mail, door).status_code == 503


def test_a_full_spool_takes_no_opt_out(client: Client, mail: Mail, settings: Any) -> None:
    settings.FAREWELL_SPOOL_MAX_MB = 0
    assert leave(client, mail, "u").status_code == 503


def test_the_answers_say_what_is_true(client: Client, mail: Mail) -> None:
    assert leave(client, mail, "o").content == b"Accepted. It takes effect soon.\n"
    page = leave(client, mail, "confirm").content.decode()
    assert "You are unsubscribed" in page
    assert nonce_of(page.encode() + b'name="nonce" value="none"') == "none"
    assert 'name="nonce" value=""' in page, "an undo needs what has not happened yet"
    answer = leave(client, mail, "arrive").json()
    assert (answer["answer"], answer["undo"]) == ("done", "")


def test_an_arrival_in_doubt_is_asked_and_nothing_waits(client: Client, mail: Mail) -> None:
    assert leave(client, mail, "arrive", **ROBOT).json() == {"answer": "ask"}
    assert wishes.tallies() == []


def test_no_address_stands_in_the_file(client: Client, mail: Mail, data: Path) -> None:
    leave(client, mail, "confirm")
    written = b"".join(path.read_bytes() for path in (data / "spool").iterdir())
    assert b"alice" not in written
    assert b"127.0.0" not in written
    assert mail.alice.id.hex.encode() in written


def test_the_evidence_is_that_of_the_wish(client: Client, mail: Mail) -> None:
    before = datetime.now(UTC)
    leave(client, mail, "confirm")
    after = datetime.now(UTC)
    waiting.grant_all()
    evidence = PreferenceChange.objects.get().evidence
    assert before <= datetime.fromisoformat(evidence["wished_at"]) <= after
    assert evidence["verdict"] in {"human", "unsure"}
    assert evidence["network"] == "127.0.0.0"


def test_what_was_provisional_settles_from_the_time_of_the_wish(client: Client, mail: Mail) -> None:
    leave(client, mail, "arrive")
    after = datetime.now(UTC)
    waiting.grant_all()
    settles_at = Subscription.objects.get().settles_at
    assert settles_at is not None
    assert settles_at <= after + timedelta(minutes=mail.brand.settle_minutes)


def test_granting_twice_changes_nothing(client: Client, mail: Mail) -> None:
    leave(client, mail, "confirm")
    [wish] = wishes.waiting([mail.alice.id])
    waiting.grant_all()
    waiting._spool.keep(wish)  # as after a crash between the database's commit and the file's
    assert waiting.grant_all() == 1
    assert mail.changes() == [("out", "confirm_button")]


def test_who_came_back_since_is_not_taken_off(client: Client, mail: Mail) -> None:
    leave(client, mail, "confirm")
    mail.alice.opt_in(mail.topic.id, Cause(Source.PREFERENCE_PAGE))
    waiting.grant_all()
    assert mail.state() == "in"
    assert wishes.tallies() == []


def test_who_had_subscribed_before_is_taken_off(client: Client, mail: Mail) -> None:
    mail.alice.opt_in(mail.topic.id, Cause(Source.PREFERENCE_PAGE))
    leave(client, mail, "confirm")
    waiting.grant_all()
    assert mail.state() == "out"


def test_a_robot_that_was_put_back_since_is_nobodys_wish(client: Client, mail: Mail) -> None:
    leave(client, mail, "confirm")
    robot = mail.alice.opt_out(mail.topic.id, Cause(Source.ARRIVAL, settles_at=datetime.now(UTC) + timedelta(hours=1)))
    mail.alice.undo_change(robot.change_ids[0], mail.topic.id, Cause(Source.REINSTATEMENT))
    assert mail.state() == "default"
    waiting.grant_all()
    assert mail.state() == "out"


def test_a_subscription_that_may_be_a_robots_is_waited_for(client: Client, mail: Mail) -> None:
    leave(client, mail, "confirm")
    soon = datetime.now(UTC) + timedelta(hours=1)
    mail.alice.opt_in(mail.topic.id, Cause(Source.ARRIVAL, settles_at=soon))
    assert waiting.grant_all() == 0
    assert [tally.count for tally in wishes.tallies()] == [1]
    Subscription.objects.update(settles_at=None)
    assert waiting.grant_all() == 1
    assert mail.state() == "in"


def test_an_arrival_does_not_take_off_who_had_chosen_to_stay(client: Client, mail: Mail) -> None:
    mail.alice.opt_out(mail.topic.id, Cause(Source.CONFIRM_BUTTON))
    mail.alice.opt_in(mail.topic.id, Cause(Source.PREFERENCE_PAGE))
    leave(client, mail, "arrive")
    waiting.grant_all()
    assert mail.state() == "in"


def test_an_undo_finds_the_opt_out_granted(client: Client, mail: Mail) -> None:
    leave(client, mail, "confirm")
    token = mail.token()
    page = client.get(f"/u/{token}/undo")
    assert b"Come back" in page.content or b"brings it back" in page.content
    client.post(f"/u/{token}/undo", f"nonce={nonce_of(page)}", content_type=FORM)
    assert mail.changes() == [("out", "confirm_button"), ("default", "undo")]
    waiting.grant_all()
    assert mail.state() == "default"


def test_another_process_grants_what_one_left_behind(client: Client, mail: Mail) -> None:
    leave(client, mail, "confirm")
    file = waiting._spool._file
    assert file is not None
    another = Waiting()
    assert another.grant_all() == 0, "its process lives"
    file.close()
    assert another.grant_all() == 1
    assert mail.state() == "out"


def test_a_new_topic_of_an_authentic_link_is_made(client: Client, mail: Mail) -> None:
    token = mail.token(topic="sport-news")
    with database_away():
        assert client.post(f"/u/{token}", ONE_CLICK, content_type=FORM).status_code == 200
    waiting.grant_all()
    assert PreferenceChange.objects.get().topic.slug == "sport-news"  # type: ignore[union-attr]


def test_what_cannot_be_unsealed_goes_on_waiting(client: Client, mail: Mail, settings: Any) -> None:
    leave(client, mail, "confirm")
    former, settings.SECRET_KEY = settings.SECRET_KEY, "another-secret-key-that-nobody-told-the-former-one"
    assert waiting.grant_all() == 0
    settings.SECRET_KEY_FALLBACKS = [former]
    assert waiting.grant_all() == 1


def test_pressing_on_does_not_fill_the_disk(client: Client, mail: Mail) -> None:
    for _ in range(5):
        leave(client, mail, "u")
    assert [tally.count for tally in wishes.tallies()] == [1]


def test_a_robot_that_left_meanwhile_is_put_back(client: Client, mail: Mail) -> None:
    """Its window may be past when the opt-out is granted, and evidence may come with the visits that waited, too."""
    leave(client, mail, "arrive")
    [wish] = wishes.waiting([mail.alice.id])
    waiting.grant_all()
    assert wish.source == "arrival"
    hard = [{"name": "webdriver", "points": 0, "hard": True, "reason": "A program drove it."}]
    change = PreferenceChange.objects.get()
    PreferenceChange.objects.update(evidence=change.evidence | {"signals": hard})
    assert sweep(is_late=True).suspected_count == 1
