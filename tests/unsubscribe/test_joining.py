"""The door of a link that subscribes: a person gets in by one click, a program never does for good."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from engagement.models import Interaction
from engagement.recording.recorder import recorder
from preferences.links import Channel, Claims, Purpose, seal
from preferences.models import PreferenceChange, Recipient, Source, Suppression
from preferences.models.subscriptions import SuppressionReason
from tests.makers import make_cause, make_topic
from tests.unsubscribe.joining import STILL, ask, make_offer, press, receives, submit
from tests.unsubscribe.makers import HOUR, PERSON, arrive, make_mail, nonce_of

pytestmark = pytest.mark.django_db

# The page


def test_opening_the_page_subscribes_nobody(client: Client) -> None:
    mail = make_offer()
    token = mail.token("opt_in")
    for method in (client.get, client.head, client.get):
        assert method(f"/j/{token}").status_code == 200
    assert mail.changes() == []


def test_the_page_is_the_same_for_all_but_its_nonce(client: Client) -> None:
    token = make_offer().token("opt_in")
    agents = ("curl/8.0", "", "Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0.0.0 Safari/537.36")
    pages = [client.get(f"/j/{token}", headers={"user-agent": agent}).content for agent in agents]
    assert len({page.replace(nonce_of(page).encode(), b"") for page in pages}) == 1


def test_opening_the_page_costs_no_query_once_warm(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    token = make_offer().token("opt_in")
    client.get(f"/j/{token}")
    with django_assert_num_queries(0):
        client.get(f"/j/{token}")


def test_the_page_speaks_the_language_of_the_link(client: Client) -> None:
    token = make_offer().token("opt_in")
    page = client.get(f"/j/{token}?lang=en").content.decode()
    assert f'action="/j/{token}/confirm?lang=en"' in page
    assert f'data-arrive="/j/{token}/arrive?lang=en"' in page


def test_the_address_is_masked_and_the_topic_named(client: Client) -> None:
    page = client.get(f"/j/{make_offer().token('opt_in')}").content.decode()
    assert "Subscribe to News" in page
    assert "a•••@e•••.org" in page
    assert "alice" not in page


def test_the_harmless_control_stands_first(client: Client) -> None:
    page = client.get(f"/j/{make_offer().token('opt_in')}").content
    assert page.index(b'value="later"') < page.index(b'value="join"')


# The script's call


@pytest.mark.parametrize("policy", ["instant", "balanced", "strict"])
@pytest.mark.parametrize(
    ("age", "page", "headers", "answer"),
    [
        (HOUR, PERSON, {}, "done"),
        (HOUR, {**STILL, "presence": {"keys": 1}}, {}, "done"),
        (HOUR, STILL, {}, "ask"),
        (HOUR, STILL, {"sec-fetch-site": "cross-site", "sec-fetch-user": "?1"}, "ask"),
        (30 * 24 * HOUR, STILL, {}, "ask"),
        (30, STILL, {}, "ask"),
        (30, PERSON, {}, "done"),
        (HOUR, {}, {}, "ask"),
        (HOUR, {**PERSON, "focused": False}, {}, "ask"),
        (HOUR, {**PERSON, "webdriver": True}, {}, "ask"),
        (HOUR, PERSON, {"user-agent": "curl/8.0"}, "ask"),
        (HOUR, PERSON, {"sec-purpose": "prefetch;prerender"}, "ask"),
    ],
)
def test_an_arrival_subscribes_when_a_hand_shows_whatever_the_policy(
    client: Client, policy: str, age: int, page: Any, headers: dict[str, str], answer: str
) -> None:
    mail = make_offer(age, policy=policy)
    assert ask(client, mail.token("opt_in"), page, **headers)["answer"] == answer
    assert receives(mail) == (answer == "done")


def test_an_arrival_is_provisional_and_the_record_of_the_consent(client: Client) -> None:
    mail = make_offer(settle_minutes=30)
    ask(client, mail.token("opt_in"))
    row = PreferenceChange.objects.get()
    assert (row.state, row.source, row.mailing) == ("in", "arrival", "2026-11")
    assert row.settles_at
    assert 1700 < row.settles_at.timestamp() - row.changed_at.timestamp() <= 1800
    assert row.evidence["link"] == "opt_in news"
    assert row.evidence["asked_at"] == time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(mail.sent_at))
    assert row.evidence["visit"]
    assert row.evidence["verdict"] == "human"


def test_a_link_that_does_not_say_when_it_was_sent_claims_no_moment(client: Client) -> None:
    ask(client, make_offer().token("opt_in", sent_at=0))
    assert PreferenceChange.objects.get().evidence["asked_at"] is None


@pytest.mark.parametrize("body", ["", "[]", "{", '{"nonce": {}, "page": []}', "\xff"])
def test_a_garbled_report_asks_and_never_fails(client: Client, body: str) -> None:
    mail = make_offer()
    response = client.post(f"/j/{mail.token('opt_in')}/arrive", body, content_type="application/json")
    assert response.json() == {"answer": "ask", "because": "stale"}
    assert mail.changes() == []


def test_arriving_twenty_times_writes_one_row(client: Client) -> None:
    mail = make_offer()
    for _ in range(20):
        assert ask(client, mail.token("opt_in"))["answer"] == "done"
    assert mail.changes() == [("in", "arrival")]


def test_what_stands_below_the_answer_comes_with_it(client: Client) -> None:
    token = make_offer().token("opt_in")
    after = ask(client, token)["after"]
    assert f'action="/j/{token}/undo"' in after
    assert f'href="/j/{token}/preferences"' in after


def test_who_is_subscribed_already_is_told_so_and_given_nothing_to_undo(client: Client) -> None:
    mail = make_offer()
    mail.alice.opt_in(mail.topic.id, make_cause(Source.API))
    answer = ask(client, mail.token("opt_in"), STILL)
    assert answer["answer"] == "done"
    assert "undo" not in answer["after"]
    assert mail.changes() == [("in", "api")]


def test_who_is_in_doubt_while_only_a_strangers_opt_in_stands_is_asked(client: Client, settings: Any) -> None:
    settings.FAREWELL_TRUSTED_PROXY_COUNT = 1
    mail = make_offer()
    ask(client, mail.token("opt_in"), **{"x-forwarded-for": "198.51.100.7"})
    home = {"x-forwarded-for": "203.0.113.9"}
    assert ask(client, mail.token("opt_in"), STILL, **home)["answer"] == "ask"


def test_the_visit_the_call_and_the_press_are_recorded_as_what_they_are(client: Client) -> None:
    """Apart from those at unsubscribe links, of which statistics speak."""
    mail = make_offer()
    token = mail.token("opt_in")
    ask(client, token, STILL)
    press(client, token, "later")
    press(client, token)
    recorder.flush()
    rows = Interaction.objects.order_by("occurred_at").values_list("kind", "answer", "purpose")
    assert set(rows) == {
        ("join_visit", "page", "opt_in"),
        ("join_arrive", "ask", "opt_in"),
        ("keep", "kept", "opt_in"),
        ("join_confirm", "joined", "opt_in"),
    }


# Who has left


@pytest.mark.parametrize("everything", [False, True])
def test_who_left_after_the_mail_was_sent_is_asked_and_a_press_is_honoured(client: Client, everything: bool) -> None:
    mail = make_offer()
    leave = mail.alice.leave_everything if everything else None
    leave(make_cause()) if leave else mail.alice.opt_out(mail.topic.id, make_cause())
    token = mail.token("opt_in")
    assert ask(client, token) == {"answer": "ask", "because": "stale"}
    assert not receives(mail)
    assert b"You are subscribed" in press(client, token)
    assert receives(mail)


def test_who_left_before_the_mail_was_sent_is_won_back_by_one_click(client: Client) -> None:
    mail = make_offer(age=-60)
    mail.alice.opt_out(mail.topic.id, make_cause())
    assert ask(client, mail.token("opt_in"))["answer"] == "done"
    assert receives(mail)


def test_who_undid_is_not_subscribed_again_without_a_press(client: Client) -> None:
    mail = make_offer()
    token = mail.token("opt_in")
    undo = ask(client, token)["undo"]
    submit(client, f"/j/{token}/undo", {"nonce": undo})
    assert ask(client, token)["answer"] == "ask"
    assert mail.changes() == [("in", "arrival"), ("default", "undo")]


def test_an_arrival_does_not_meet_an_opt_out_that_evidence_may_still_take_back(client: Client) -> None:
    """The two would be claims against each other, and each might be a robot's."""
    mail = make_mail(age=-60)
    arrive(client, mail.token())
    assert mail.state() == "out"
    assert ask(client, mail.token("opt_in"))["answer"] == "ask"
    press(client, mail.token("opt_in"))
    assert mail.state() == "in"


@pytest.mark.parametrize("reason", SuppressionReason.values)
def test_a_suppression_gives_way_to_a_press_alone(client: Client, reason: str) -> None:
    mail = make_offer(age=-60)
    offers = make_topic(mail.brand, "offers")
    mail.alice.suppress(SuppressionReason(reason), make_cause(Source.ADMIN))
    assert ask(client, mail.token("opt_in"))["answer"] == "ask"
    assert Suppression.objects.exists()
    press(client, mail.token("opt_in"))
    assert not Suppression.objects.exists()
    assert mail.alice.receives([mail.topic, offers]) == {mail.topic.id: True, offers.id: False}


# Another topic, another address


def test_a_link_subscribes_to_its_own_topic_alone(client: Client) -> None:
    mail = make_offer()
    offers = make_topic(mail.brand, "offers", is_default_in=False)
    press(client, mail.token("opt_in", topic="offers"))
    assert mail.alice.receives([mail.topic, offers]) == {mail.topic.id: False, offers.id: True}


def test_a_topic_that_nobody_has_heard_of_yet_can_be_joined(client: Client) -> None:
    mail = make_offer()
    answer = ask(client, mail.token("opt_in", topic="fresh"))
    assert answer["answer"] == "done"
    assert "/undo" in answer["after"]
    assert mail.changes() == [("in", "arrival")]


def test_a_link_in_a_text_message_subscribes_the_phone(client: Client) -> None:
    mail = make_offer()
    claims = Claims(Purpose.OPT_IN, Channel.SMS, mail.sent_at, "news", "", "+14155550123")
    press(client, seal(mail.key, claims))
    phone = Recipient.at(mail.brand.id, Channel.SMS, "+14155550123")
    assert phone.receives([mail.topic]) == {mail.topic.id: True}
    assert not receives(mail)


def test_nobodys_address_is_written_down_anywhere_but_with_them(client: Client) -> None:
    mail = make_offer()
    press(client, mail.token("opt_in"))
    recorder.flush()
    with connection.cursor() as cursor:
        cursor.execute("SELECT evidence::text FROM preferences_preferencechange")
        assert "alice" not in cursor.fetchone()[0]
        cursor.execute("SELECT facts::text FROM engagement_interaction")
        assert not [text for (text,) in cursor.fetchall() if "alice" in text]
