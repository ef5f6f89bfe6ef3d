"""Brands with a row in every model that has a brand, told apart by a word and by the numbers of their rows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.apps import apps
from django.contrib.admin.models import CHANGE, LogEntry
from django.db import connection
from django.db.models import AutoField, Model
from django.utils import timezone

from engagement.detection import RULES_VERSION
from engagement.models import CountingSwitch, Interaction, Mailing, Rejudgement
from preferences.links import Channel
from preferences.models import (
    Brand,
    BrandKey,
    Companions,
    LeavingAnswer,
    LeavingAnswerCount,
    LeavingReason,
    PreferenceChange,
    Recipient,
    Source,
    Topic,
    TopicGroup,
)
from preferences.models.subscriptions import SuppressionReason
from tests.engagement.makers import make_interaction, make_mailing
from tests.makers import make_brand, make_cause, make_key, make_recipient, make_topic
from unsubscribe.models import ScannedMailing

APPS = ("preferences", "engagement", "unsubscribe")


@dataclass(frozen=True)
class Tenant:
    """What a request can name of a brand, there or not. Numbers of rows begin with `prefix`, texts have `word`."""

    word: str
    prefix: int
    brand_id: int
    topic_id: int
    recipient_id: UUID
    keys: dict[type[Model], Any]

    @property
    def address(self) -> str:
        return f"alice@{self.word}.example.org"

    @property
    def mailing(self) -> str:
        return f"{self.word}-2026-11"

    def key(self, model: type[Model]) -> Any:
        """The primary key of its row, or of none."""
        default = self.recipient_id if model in (Recipient, Companions) else self.prefix * 100 + 99
        return self.keys.get(model, default)

    def is_in(self, text: str) -> bool:
        """Whether anything of it can be read."""
        marks = rf"{self.word}|{self.prefix}\d\d|{str(self.recipient_id)[:8]}"
        return bool(re.search(marks, text, re.IGNORECASE))


def make_ghost(word: str = "ghost", prefix: int = 550000) -> Tenant:
    """One that is not there."""
    brand_id = prefix * 100 + 1
    recipient = Recipient.at(brand_id, Channel.EMAIL, f"alice@{word}.example.org")
    return Tenant(word, prefix, brand_id, prefix * 100 + 2, recipient.pk, {})


def make_tenant(word: str, prefix: int) -> Tenant:
    """A brand with a row in every model that has a brand."""
    _number_from(prefix * 100 + 1)
    brand = make_brand(slug=word, name=f"{word.title()} Letters", base_url=f"https://{word}.example.org")
    topic = make_topic(brand, f"{word}-news", description=f"From {word}.")
    rows: list[Model] = [brand, topic, *_people(brand, topic, word), *_visits(brand, word)]
    make_key(brand, f"{word} mails")
    rows += [BrandKey.objects.get(brand=brand), LeavingReason.objects.create(brand=brand, slug=word, text=word)]
    group = TopicGroup.objects.create(brand=brand, name=f"{word} group")
    topic.group = group
    topic.save()
    keys = {type(row): row.pk for row in [*rows, group]}
    recipient_id: UUID = keys[Recipient]
    return Tenant(word, prefix, brand.pk, topic.pk, recipient_id, keys)


def _people(brand: Brand, topic: Topic, word: str) -> Iterator[Model]:
    """A burst of opt-outs, alice who is suppressed, paused and answered why, and her phone."""
    alice = make_recipient(brand, f"alice@{word}.example.org")
    everybody = [alice, *(make_recipient(brand, f"reader{number}@{word}.example.org") for number in range(6))]
    for person in everybody:
        evidence = {"send_age": 5, "network": "192.0.2.0", "at": 1.0, "signals": []}
        settles_at = timezone.now() + timedelta(hours=1)
        cause = make_cause(Source.ARRIVAL, mailing=f"{word}-2026-11", evidence=evidence, settles_at=settles_at)
        person.opt_out(topic.pk, cause)
    change = PreferenceChange.objects.get(recipient_id=alice.pk)
    alice.pause(date(2027, 2, 3), make_cause(Source.ADMIN, reason=f"{word} asked"))
    alice.suppress(SuppressionReason.ADMIN, make_cause(Source.ADMIN))
    answer = {"brand": brand, "topic": topic, "channel": "email", "reason": word}
    phone = make_recipient(brand, f"+1415{brand.pk}", Channel.SMS)
    phone.opt_out(topic.pk, make_cause())
    yield Recipient.objects.get(pk=alice.pk)
    yield change
    yield Companions.objects.create(email_id=alice.pk, phone_id=phone.pk, brand=brand)
    yield LeavingAnswer.objects.create(recipient_id=alice.pk, change_id=change.pk, comment=f"{word}!", **answer)
    yield LeavingAnswerCount.objects.create(answered_on=date(2026, 11, 1), count=3, **answer)


def _visits(brand: Brand, word: str) -> Iterator[Model]:
    mailing: Mailing = make_mailing(brand, f"{word}-2026-11", delivered_count=1000)
    yield mailing
    yield ScannedMailing.objects.get(pk=mailing.pk)
    now = timezone.now()
    yield make_interaction(
        brand=brand,
        recipient_id=make_recipient(brand, f"alice@{word}.example.org").pk,
        mailing=mailing.slug,
        topic=f"{word}-news",
        domain=f"{word}.example.org",
        occurred_at=now,
        agent=f"{word} browser",
    )
    period = {"since": now - timedelta(days=1), "until": now, "rules": RULES_VERSION, "actor": f"{word} carol"}
    yield Rejudgement.objects.create(brand=brand, state="ready", changed_count=1, **period)
    failed = Rejudgement.objects.create(brand=brand, state="failed", channel="email", **period)
    yield CountingSwitch.objects.create(brand=brand, channel="email", leaves_out=True, rejudgement=failed)


def make_log(tenant: Tenant, user: Any) -> None:
    """What the user once did to the brand's rows, as the admin keeps it."""
    for model, key in tenant.keys.items():
        entry = {"user_id": user.pk, "object_id": str(key), "object_repr": f"{tenant.word} row"}
        content_type = apps.get_model("contenttypes", "ContentType").objects.get_for_model(model, False)
        LogEntry.objects.create(content_type=content_type, action_flag=CHANGE, change_message="", **entry)


def _number_from(number: int) -> None:
    with connection.cursor() as cursor:
        for label in APPS:
            for model in apps.get_app_config(label).get_models(include_auto_created=True):
                if isinstance(model._meta.pk, AutoField) and not model._meta.proxy:
                    table = f'"{model._meta.db_table}"'
                    cursor.execute("SELECT setval(pg_get_serial_sequence(%s, 'id'), %s, false)", [table, number])


def rows_of(tenant: Tenant) -> list[str]:
    """Every row of the database in which anything of the brand can be read."""
    found: list[str] = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if table != "django_session":
                cursor.execute(f'SELECT to_jsonb(t)::text FROM "{table}" AS t')
                found += [f"{table}: {row}" for (row,) in cursor.fetchall() if tenant.is_in(row)]
    return sorted(found)


__all__ = ["Interaction", "Tenant", "make_ghost", "make_log", "make_tenant", "rows_of"]
