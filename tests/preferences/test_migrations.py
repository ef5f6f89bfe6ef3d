"""A database of the version before keeps everything, and says as much as that version knew."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.apps.registry import Apps
from django.contrib.auth import get_user_model
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from preferences.links import Channel
from preferences.models import Brand, Recipient
from preferences.replay import differing
from tests.makers import make_cause

BEFORE = ("preferences", "0003_settling")
NOW = ("preferences", "0006_tracking")


def migrate(target: tuple[str, str]) -> Apps:
    executor = MigrationExecutor(connection)
    executor.migrate([target])
    return executor.loader.project_state([target]).apps


@pytest.fixture
def old(transactional_db: None) -> Iterator[Apps]:
    yield migrate(BEFORE)
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


def old_rows(old: Apps) -> Any:
    """A brand whose recipient left everything, and one on an imported list, as the version before wrote them."""
    brand = old.get_model("preferences", "Brand").objects.create(slug="demo", name="Demo Letters")
    topic = old.get_model("preferences", "Topic").objects.create(brand=brand, slug="news", name="News")
    for address, source, reason in (
        ("alice@example.org", "preference_page", "everything"),
        ("bob@example.org", "import", "import"),
    ):
        id = Recipient.at(brand.pk, Channel.EMAIL, address).id
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO preferences_recipient (id, brand_id, channel, address) VALUES (%s, %s, 'email', %s)",
                [id, brand.pk, address],
            )
            cursor.execute(
                "INSERT INTO preferences_preferencechange (brand_id, recipient_id, channel, state, source, reason,"
                " evidence, mailing, actor, replaced) VALUES (%s, %s, 'email', 'out', %s, '', '{}', '', '',"
                ' \'{"state": "default", "change": null}\') RETURNING id, changed_at',
                [brand.pk, id, source],
            )
            change_id, changed_at = cursor.fetchone()
            cursor.execute(
                "INSERT INTO preferences_suppression (recipient_id, reason, created_at, change_id)"
                " VALUES (%s, %s, %s, %s)",
                [id, reason, changed_at, change_id],
            )
    return brand, topic


def test_suppressions_of_before_are_told_by_the_ledger(old: Apps) -> None:
    brand, _ = old_rows(old)
    migrate(NOW)
    ids = [Recipient.at(brand.pk, Channel.EMAIL, address).id for address in ("alice@example.org", "bob@example.org")]
    assert not list(differing(ids))


def test_who_saw_all_brands_sees_those_there_were(old: Apps) -> None:
    user = get_user_model().objects.create(username="alice", is_staff=True)
    brand, _ = old_rows(old)
    migrate(NOW)
    assert list(Brand.objects.get(id=brand.pk).members.values_list("id", flat=True)) == [user.pk]


def test_the_process_of_before_goes_on_writing_while_the_new_one_starts(old: Apps) -> None:
    """Its call of the database function has two arguments fewer."""
    brand, topic = old_rows(old)
    migrate(NOW)
    mallory = Recipient.at(brand.pk, Channel.EMAIL, "mallory@example.org")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT preferences_write_change(%s::bigint, %s, 'email', 'mallory@example.org', %s::bigint, 'out',"
            " 'one_click', '', '{}'::jsonb, '', '', NULL::timestamptz, NULL::bigint, NULL::timestamptz, 1, 1::bigint,"
            " NULL, NULL::timestamptz)",
            [brand.pk, mallory.id, topic.pk],
        )
    assert not list(differing([mallory.id]))
    assert not mallory.opt_out(topic.pk, make_cause()).has_changed
