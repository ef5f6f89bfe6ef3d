"""Fewer mails or a pause instead of having left: an undo with a setting, and as guarded as the undo is."""

from __future__ import annotations

import re
from datetime import date, timedelta
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from engagement.recording.recorder import recorder
from preferences.languages import spoken_date
from preferences.leaving import AfterLeaving
from preferences.models import PreferenceChange, Subscription
from preferences.models.subscriptions import SuppressionReason, today
from preferences.models.writing import Setting
from tests.makers import make_cause, make_topic
from tests.unsubscribe.makers import Mail, arrive, make_mail, nonce_of
from unsubscribe import settling
from unsubscribe.offers import setting_of

pytestmark = pytest.mark.django_db

FORM = "application/x-www-form-urlencoded"
DIGESTS = ["every", "weekly", "monthly"]


def make_digest_mail(**topic: Any) -> Mail:
    """A mail whose topic offers a weekly and a monthly digest."""
    mail = make_mail()
    for name, value in ({"frequencies": DIGESTS} | topic).items():
        setattr(mail.topic, name, value)
    mail.topic.save()
    return mail


def submit(client: Client, url: str, fields: dict[str, str], **headers: str) -> str:
    response = client.post(url, urlencode(fields), content_type=FORM, headers=headers)
    assert response.status_code == 200
    return response.content.decode()


def leave(client: Client, token: str) -> str:
    return submit(client, f"/u/{token}/confirm", {"choice": "leave"})


def take(client: Client, token: str, offer: str, page: str) -> str:
    """Press the button of `page` that takes the offer."""
    return submit(client, f"/u/{token}/offer", {"nonce": nonce_of(page.encode()), "offer": offer})


def buttons(page: str) -> list[str]:
    return re.findall(r"<button[^>]*>([^<]+)</button>", page)


# What is offered


def test_undo_comes_first_then_what_the_topic_offers_then_a_pause(client: Client) -> None:
    page = leave(client, make_digest_mail().token())
    offered = ["Undo", "Weekly digest", "Monthly digest", "2 weeks", "1 month", "3 months"]
    assert buttons(page)[:6] == offered
    assert page.index("You are unsubscribed") < page.index("Undo") < page.index("All preferences")


def test_a_topic_without_frequencies_offers_a_pause_alone(client: Client) -> None:
    page = leave(client, make_mail().token())
    assert buttons(page)[:4] == ["Undo", "2 weeks", "1 month", "3 months"]
    assert "digest" not in page


def test_no_pause_is_offered_where_none_would_hold(client: Client) -> None:
    page = leave(client, make_digest_mail(is_required=True).token())
    assert buttons(page)[:3] == ["Undo", "Weekly digest", "Monthly digest"]
    assert "Pause" not in page


def test_who_leaves_by_arriving_is_offered_the_same(client: Client) -> None:
    mail = make_digest_mail()
    assert buttons(arrive(client, mail.token())["after"])[:2] == ["Undo", "Weekly digest"]
    assert buttons(leave(client, mail.token()))[:2] == ["Undo", "Weekly digest"]


@pytest.mark.parametrize(
    ("offer", "day", "setting"),
    [
        ("weekly", date(2026, 11, 22), Setting(frequency="weekly")),
        ("14d", date(2026, 12, 25), Setting(paused_until=date(2027, 1, 8))),
        ("1m", date(2027, 1, 31), Setting(paused_until=date(2027, 2, 28))),
        ("3m", date(2026, 11, 30), Setting(paused_until=date(2027, 2, 28))),
        ("1m", date(2026, 12, 3), Setting(paused_until=date(2027, 1, 3))),
        ("daily", date(2026, 11, 22), None),
        ("every", date(2026, 11, 22), None),
        ("", date(2026, 11, 22), None),
        ("9y", date(2026, 11, 22), None),
    ],
)
def test_what_an_offer_sets(offer: str, day: date, setting: Setting | None) -> None:
    assert setting_of(offer, AfterLeaving(frequencies=("weekly", "monthly")), day) == setting


# Taking one


def test_a_digest_instead_is_one_change(client: Client) -> None:
    mail = make_digest_mail()
    token = mail.token()
    page = take(client, token, "weekly", leave(client, token))
    assert "<h1>You get News once a week" in page
    assert mail.changes() == [("out", "confirm_button"), ("default", "offer")]
    assert PreferenceChange.objects.get(source="offer").frequency == "weekly"
    assert mail.alice.receives([mail.topic]) == {mail.topic.id: True}


def test_a_pause_instead_is_one_change_and_says_until_when(client: Client) -> None:
    mail = make_mail()
    token = mail.token()
    page = take(client, token, "14d", leave(client, token))
    until = today() + timedelta(days=14)
    assert f"<h1>News is paused until {spoken_date(until, 'en')}" in page
    assert mail.changes() == [("out", "confirm_button"), ("default", "offer")]
    assert Subscription.objects.get().paused_until == until


def test_pressing_twice_changes_nothing_more(client: Client) -> None:
    mail = make_digest_mail()
    token = mail.token()
    page = leave(client, token)
    first = take(client, token, "monthly", page)
    assert "You get News once a month" in first
    assert "You get News once a month" in take(client, token, "monthly", page)
    assert len(mail.changes()) == 2


def test_of_two_offers_the_newest_holds(client: Client) -> None:
    mail = make_digest_mail()
    token = mail.token()
    page = leave(client, token)
    take(client, token, "monthly", page)
    assert "You get News once a week" in take(client, token, "weekly", page)
    assert mail.changes() == [("out", "confirm_button"), ("default", "offer"), ("default", "offer")]


def test_an_offer_after_an_undo_is_a_setting_of_who_is_back(client: Client) -> None:
    mail = make_digest_mail()
    token = mail.token()
    page = leave(client, token)
    submit(client, f"/u/{token}/undo", {"nonce": nonce_of(page.encode())})
    assert "You get News once a week" in take(client, token, "weekly", page)
    assert mail.alice.receives([mail.topic]) == {mail.topic.id: True}


def test_an_undo_after_an_offer_finds_nothing_to_undo(client: Client) -> None:
    mail = make_digest_mail()
    token = mail.token()
    page = leave(client, token)
    take(client, token, "weekly", page)
    assert "nothing to undo" in submit(client, f"/u/{token}/undo", {"nonce": nonce_of(page.encode())})
    assert Subscription.objects.get().frequency == "weekly"


def test_an_offer_brings_back_its_topic_alone_to_who_had_left_everything(client: Client) -> None:
    mail = make_digest_mail()
    other = make_topic(mail.brand, "offers")
    mail.alice.leave_everything(make_cause())
    token = mail.token()
    take(client, token, "weekly", arrive(client, token)["after"])
    assert mail.alice.receives([mail.topic, other]) == {mail.topic.id: True, other.id: False}


def test_a_topic_that_nobody_gets_unasked_is_not_begun_by_an_offer(client: Client) -> None:
    mail = make_digest_mail(is_default_in=False)
    token = mail.token()
    page = take(client, token, "weekly", leave(client, token))
    assert "gets no more News" in page
    assert mail.alice.receives([mail.topic]) == {mail.topic.id: False}


def test_leaving_after_all_takes_a_press_and_no_arrival(client: Client) -> None:
    mail = make_mail()
    token = mail.token()
    page = take(client, token, "1m", leave(client, token))
    assert f'href="/u/{token}">Leave after all' in page
    assert arrive(client, token)["answer"] == "ask"
    leave(client, token)
    assert mail.state() == "out"


def test_the_chosen_language_stays(client: Client) -> None:
    mail = make_digest_mail()
    page = submit(client, f"/u/{mail.token()}/confirm?lang=en", {"choice": "leave"})
    urls = re.findall(r'(?:action|href)="(/u/[^"]+)"', page.partition("<footer>")[0])
    assert {url.rpartition("/")[2] for url in urls} == {
        f"{way}?lang=en" for way in ("undo", "offer", "why", "preferences")
    }


# What evidence may still do


def test_a_pause_ends_a_provisional_opt_out_cleanly(client: Client) -> None:
    """Evidence that comes later finds nothing to put back."""
    mail = make_mail()
    token = mail.token()
    take(client, token, "1m", arrive(client, token)["after"])
    client.get(f"/h/{mail.token('hidden')}")
    recorder.flush()
    assert settling.sweep().reinstated_count == 0
    row = Subscription.objects.get()
    assert (row.state, row.settles_at) == ("default", None)
    assert row.paused_until is not None
    assert mail.changes() == [("out", "arrival"), ("default", "offer")]


# What a program can do


class Forms(HTMLParser):
    """The forms of a page, as a program reads them: where to, the hidden fields, and the controls to press in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str], list[tuple[str, str]]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        fields = {name: value or "" for name, value in attributes}
        if tag == "form":
            self.found.append((fields["action"], {}, []))
        elif tag == "input" and fields["type"] == "hidden":
            self.found[-1][1][fields["name"]] = fields.get("value", "")
        elif tag in {"button", "input"} and self.found:
            self.found[-1][2].append((fields.get("name", ""), fields.get("value", "")))


def press_blindly(client: Client, page: str, depth: int, **headers: str) -> int:
    """Submit each form by its first control, and so on from each answer; return how many were submitted."""
    count = 0
    for action, hidden, controls in Forms(page).found if depth else []:
        name, value = controls[0]
        answer = submit(client, action, hidden | ({name: value} if name else {}), **headers)
        count += 1 + press_blindly(client, answer, depth - 1, **headers)
    return count


@pytest.mark.parametrize("agent", ["curl/8.0", "Mozilla/5.0 HeadlessChrome/156.0.0.0"])
def test_a_program_that_submits_all_forms_brings_nobody_back_who_had_left(client: Client, agent: str) -> None:
    """From the page that it opens, and from what its script's call brings."""
    mail = make_digest_mail()
    token = mail.token()
    mail.alice.opt_out(mail.topic.id, make_cause())
    headers = {"user-agent": agent}
    page = client.get(f"/u/{token}", headers=headers).content.decode()
    assert press_blindly(client, page, 4, **headers) > 4
    answer = arrive(client, token, nonce=nonce_of(page.encode()), **headers)
    assert answer["answer"] == "done"
    assert press_blindly(client, answer["after"], 4, **headers) > 4
    assert mail.changes() == [("out", "confirm_button")]


@pytest.mark.parametrize("offer", ["weekly", "1m", "nothing"])
@pytest.mark.parametrize("nonce", ["", "x" * 50, "ü", "the page's own"])
def test_without_a_pass_an_offer_is_asked_for_again(client: Client, nonce: str, offer: str) -> None:
    mail = make_digest_mail()
    token = mail.token()
    mail.alice.opt_out(mail.topic.id, make_cause())
    if nonce == "the page's own":
        nonce = nonce_of(client.get(f"/u/{token}"))
    page = submit(client, f"/u/{token}/offer", {"nonce": nonce, "offer": offer})
    assert "Nothing has changed yet" in page
    assert buttons(page)[0] == "Stay unsubscribed"
    assert mail.changes() == [("out", "confirm_button")]


def test_the_offer_that_was_asked_for_again_takes_one_press(client: Client) -> None:
    mail = make_digest_mail()
    token = mail.token()
    mail.alice.opt_out(mail.topic.id, make_cause())
    asking = submit(client, f"/u/{token}/offer", {"offer": "weekly"})
    assert buttons(asking) == ["Stay unsubscribed", "Weekly digest"]
    assert "You get News once a week" in take(client, token, "weekly", asking)


def test_staying_away_is_told_and_changes_nothing(client: Client) -> None:
    mail = make_digest_mail()
    token = mail.token()
    mail.alice.opt_out(mail.topic.id, make_cause())
    asking = submit(client, f"/u/{token}/offer", {"offer": "14d"})
    fields = {"choice": "stay", "nonce": nonce_of(asking.encode())}
    assert "You had already unsubscribed" in submit(client, f"/u/{token}/offer", fields)
    assert len(mail.changes()) == 1


def test_who_looks_like_a_program_comes_back_with_one_press_more(client: Client) -> None:
    mail = make_mail()
    token = mail.token()
    mail.alice.opt_out(mail.topic.id, make_cause())
    headers = {"user-agent": "curl/8.0"}
    done = arrive(client, token, **headers)
    assert done["undo"] == ""
    asking = submit(client, f"/u/{token}/undo", {"nonce": done["undo"]}, **headers)
    fields = {"nonce": nonce_of(asking.encode()), "choice": "back"}
    assert "subscribed again" in submit(client, f"/u/{token}/undo", fields, **headers)


def test_whom_an_operator_has_suppressed_is_not_offered_less_than_the_undo(client: Client) -> None:
    mail = make_digest_mail()
    mail.alice.suppress(SuppressionReason.IMPORT, make_cause())
    token = mail.token()
    assert "You get News once a week" in take(client, token, "weekly", arrive(client, token)["after"])
