"""Alice's whole story at a brand, told through the real doors: all that can be stored about a person is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils import timezone

from engagement.models import Conversion, Interaction, PageView, Rejudgement, Revision, Scanned, Touch
from engagement.recording.recorder import recorder
from preferences.links import Channel, Purpose
from preferences.models import Companions, LeavingAnswer, Recipient
from tests.makers import make_cause
from tests.unsubscribe.makers import Mail, arrive, make_mail, nonce_of

ALICE = "alice.liddell@example.org"
PHONE = "+14155550123"
NETWORK = "203.0.113.0"
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.31.4 Safari/537.36"
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Story:
    mail: Mail
    client: Client

    @property
    def alice(self) -> Recipient:
        return Recipient.at(self.mail.brand.id, Channel.EMAIL, ALICE)

    @property
    def phone(self) -> Recipient:
        return Recipient.at(self.mail.brand.id, Channel.SMS, PHONE)

    def token(self, purpose: Purpose | str = Purpose.ACCESS, **fields: Any) -> str:
        return self.mail.token(purpose, address=ALICE, **fields)

    def post(self, url: str, **fields: str) -> Any:
        return self.client.post(url, urlencode(fields), content_type=FORM)


def tell_story() -> Story:
    client = Client(REMOTE_ADDR="203.0.113.77", headers={"user-agent": AGENT, "accept-language": "en"})
    story = Story(make_mail(slug="demo", is_double_opt_in=False), client)
    unsubscribe, preferences = story.token("unsubscribe"), story.token("preferences")
    assert arrive(client, unsubscribe)["answer"] == "done"
    page = client.get(f"/u/{unsubscribe}")
    story.post(f"/u/{unsubscribe}/confirm", nonce=nonce_of(page), choice="leave")
    client.get(f"/h/{story.token('hidden')}")
    story.post(f"/o/{story.token('one_click')}", **{"List-Unsubscribe": "One-Click"})
    client.get(f"/p/{preferences}")
    story.post(f"/p/{preferences}/data", choice="data")
    story.post("/a/demo", address=ALICE)
    recorder.flush()
    _say_what_no_door_says(story)
    _count(story.alice)
    return story


def _say_what_no_door_says(story: Story) -> None:
    """What the brand says, operators do, and pages of other rooms write."""
    alice, phone, topic = story.alice, story.phone, story.mail.topic
    phone.opt_out(topic.id, make_cause())
    Companions.objects.create(email_id=alice.id, phone_id=phone.id, brand=story.mail.brand)
    alice.pause(timezone.now().date().replace(year=2030), make_cause(reason="asked by phone"))
    alice.leave_everything(make_cause())
    last = alice.changes.newest_first().first()
    assert last
    LeavingAnswer.objects.create(
        brand=story.mail.brand,
        recipient_id=alice.id,
        topic=topic,
        channel="email",
        change_id=last.id,
        reason="too_many",
        comment="alice.liddell has enough",
    )
    operator = User.objects.create(username="operator")
    LogEntry.objects.log_actions(operator.id, [Recipient.objects.get(id=alice.id)], CHANGE, "Opt out a•••@e•••.org?")
    visit = Interaction.objects.of_recipient(alice.id)[0]
    example = {"id": visit.id, "occurred_at": visit.occurred_at.isoformat(), "kind": visit.kind, "was": "unsure"}
    now = timezone.now()
    Rejudgement.objects.create(since=now, until=now, rules=1, examples=[example, {**example, "id": 0}])


def _count(alice: Recipient) -> None:
    """What counting keeps of her, a deed of hers that the brand told, and a verdict that was changed."""
    now = timezone.now()
    message = {"recipient_id": alice.id, "brand_id": alice.brand_id, "mailing": "2026-11"}
    about = {"topic": "news", "segment": "loyal"}
    Touch.objects.create(**message, **about, act="click", link=77, channel="email", first_at=now, cleaned_at=now)
    PageView.objects.create(**message, visit=8150, channel="email", first_at=now, results="asked asked_pressed")
    Conversion.objects.create(
        **message, **about, link=77, name="order", key=bytes(range(32)), value=19, currency="EUR", occurred_at=now
    )
    about_robots = {"domain": "example.org", "first_at": now, "last_at": now, "events": 4711, "messages": 1}
    Scanned.objects.create(recipient_id=alice.id, brand_id=alice.brand_id, **about_robots)
    visit = Interaction.objects.of_recipient(alice.id)[0]
    Revision.objects.create(
        interaction_id=visit.id,
        occurred_at=visit.occurred_at,
        kind=visit.kind,
        brand_id=alice.brand_id,
        recipient_id=alice.id,
        old_verdict="unsure",
        new_verdict="machine",
        old_record="visit",
        new_record="visit_machine_behaviour",
        new={"score": 4},
        xid=1,
        applied_at=now,
    )


def tables() -> list[str]:
    """The tables of the database, each partition for itself."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")
        return [name for (name,) in cursor.fetchall()]


def rows_with(*texts: str) -> dict[str, list[dict[str, Any]]]:
    """The rows, by table, any column of which holds any of the texts."""
    found = {}
    for table in tables():
        with connection.cursor() as cursor:
            cursor.execute(f'SELECT to_jsonb(t) FROM "{table}" t WHERE lower(t::text) ~ ANY(%s)', [_patterns(texts)])
            if rows := [_json(row) for (row,) in cursor.fetchall()]:
                found[table] = rows
    return found


def _patterns(texts: tuple[str, ...]) -> list[str]:
    return ["".join(f"\\{letter}" if not letter.isalnum() else letter for letter in text.lower()) for text in texts]


def _json(row: str | dict[str, Any]) -> dict[str, Any]:

    return json.loads(row) if isinstance(row, str) else row


def spellings(id: UUID) -> tuple[str, str]:
    return str(id), id.hex
