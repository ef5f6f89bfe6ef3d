"""Opt-outs that wait are shown to who asks for the person, and counted for who runs the machine."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.test import Client

from tests.unsubscribe.makers import Mail
from tests.unsubscribe.test_waiting import data, database_away, leave, mail
from unsubscribe.waiting import waiting

__all__ = ["data", "mail"]  # fixtures
pytestmark = pytest.mark.django_db(transaction=True)


def told(*arguments: str) -> str:
    output = StringIO()
    call_command("explain", "alice@example.org", *arguments, stdout=output)
    return output.getvalue()


def test_explain_tells_what_waits(client: Client, mail: Mail) -> None:
    leave(client, mail, "confirm")
    assert "an opt-out through the page's button" in told()
    [waits] = json.loads(told("--json"))["waiting"]
    assert (waits["brand"], waits["topic"], waits["source"]) == (mail.brand.slug, "news", "confirm_button")
    waiting.grant_all()
    assert json.loads(told("--json"))["waiting"] == []
    assert "What waits" not in told()


def test_explain_tells_what_waits_without_a_database(client: Client, mail: Mail) -> None:
    leave(client, mail, "confirm")
    output = StringIO()
    with database_away(), pytest.raises(CommandError, match="does not answer"):
        call_command("explain", "alice@example.org", stdout=output)
    assert f"brand {mail.brand.id}/news: an opt-out" in output.getvalue()
    with database_away(), pytest.raises(CommandError):
        call_command("explain", "bob@example.org", stdout=(output := StringIO()))
    assert output.getvalue() == ""


def page(admin_client: Client) -> str:
    response = admin_client.get("/admin/unsubscribe/scannedmailing/waiting/")
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def test_the_admin_counts_what_waits(client: Client, admin_client: Client, mail: Mail) -> None:
    leave(client, mail, "confirm")
    leave(client, mail, "u")
    text = page(admin_client)
    assert f'<th scope="row">{mail.brand}</th><td>2</td>' in text
    assert "alice" not in text
    waiting.grant_all()
    assert "Nothing waits on this machine" in page(admin_client)


def test_the_empty_page_says_what_will_appear_and_how(admin_client: Client, mail: Mail, settings: object) -> None:
    assert "kept here before the person is told" in page(admin_client)
    settings.FAREWELL_SPOOL_OPT_OUTS = False  # type: ignore[attr-defined]
    assert "FAREWELL_SPOOL_OPT_OUTS" in page(admin_client)


def test_files_that_cannot_be_read_are_named(admin_client: Client, mail: Mail, data: Path) -> None:
    (data / "spool").mkdir()
    (data / "spool" / "optouts-0.broken").touch()
    assert "optouts-0.broken" in page(admin_client)


def test_only_a_superuser_sees_it(client: Client, mail: Mail) -> None:
    bob = User.objects.create_user("bob", is_staff=True)
    bob.user_permissions.set(Permission.objects.all())
    mail.brand.members.add(bob)
    client.force_login(bob)
    assert client.get("/admin/unsubscribe/scannedmailing/waiting/").status_code == 403
