"""Visitors of links in mails, robots among them, and settling as it looks at what they did."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import connection
from django.test import Client

from engagement.recording.recorder import recorder
from preferences.models import Subscription
from tests.unsubscribe.makers import Mail
from unsubscribe.settling import Review, settler

HOME, OFFICE = {"x-forwarded-for": "203.0.113.9"}, {"x-forwarded-for": "198.51.100.7"}
OTHER_PROGRAM = {"user-agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/150.0.0.0 Safari/537.36"}
FORM = "application/x-www-form-urlencoded"


def hide_and_seek(client: Client, mail: Mail, address: str = "alice@example.org", **headers: str) -> None:
    """Follow the hidden link of the mail, as only a program does."""
    client.get(f"/h/{mail.token('hidden', address=address)}", headers=HOME | headers)


def settled() -> Review:
    recorder.flush()
    return settler.review_written()


def row_of(mail: Mail) -> dict[str, Any]:
    return dict(Subscription.objects.filter(recipient_id=mail.alice.id).values("state", "previous_state").get())


def shift(mail: Mail, **gone: float) -> None:
    """Let time pass for what is stored."""
    past = timedelta(**gone)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE engagement_interaction SET occurred_at = occurred_at - %s::interval", [str(past)])
        cursor.execute(
            "UPDATE preferences_preferencechange SET changed_at = changed_at - %s::interval,"
            " settles_at = settles_at - %s::interval,"
            " evidence = jsonb_set(evidence, '{at}', to_jsonb((evidence ->> 'at')::float - %s))",
            [str(past), str(past), past.total_seconds()],
        )
        cursor.execute("UPDATE preferences_subscription SET settles_at = settles_at - %s::interval", [str(past)])
