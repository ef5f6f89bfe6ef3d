from __future__ import annotations

import gc
import os
import signal
import threading
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client, TransactionTestCase
from pytest_django import DjangoDbBlocker
from whitenoise import WhiteNoise

from engagement.learning import learned
from engagement.recording import partitions
from engagement.recording.recorder import recorder
from preferences.directory import directory
from tests import searching
from tests.sharing import once
from unsubscribe.settling import settler
from unsubscribe.waiting import waiting

# The files that take longest, longest first. Where several processes share the files, these start before the others,
# so that none is at work alone in the end.
LONGEST = (
    "test_scorecard.py",
    "test_run.py",
    "browser/test_admin_accessibility.py",
    "browser/test_preference_centre.py",
    "browser/test_dashboards.py",
    "browser/test_languages.py",
    "browser/test_page_quality.py",
    "browser/test_asking.py",
    "test_admin_scope.py",
    "unsubscribe/test_safe_methods.py",
    "unsubscribe/test_forged_links.py",
    "unsubscribe/test_settling_any_order.py",
    "preferences/test_replay.py",
    "engagement/test_counting_doors.py",
    "engagement/test_counting_recount.py",
    "test_postgres.py",
    "test_crash.py",
    "test_away.py",
)

searching.load()


def pytest_configure() -> None:
    """A shell lets what it starts in the background ignore Ctrl-C, and so would all that the tests start."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """What has been collected stays until the end: to look through it for garbage, again and again, is in vain."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=_start)


def _start(item: pytest.Item) -> int:
    name = item.path.relative_to(Path(__file__).parent).as_posix()
    return LONGEST.index(name) if name in LONGEST else len(LONGEST)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """The months that tests speak of; inside a test's transaction the recorder could not make them itself."""
    with django_db_blocker.unblock():
        partitions.make_partitions(date(2026, 1, 1), months=24)


@pytest.fixture(scope="session", autouse=True)
def static_files() -> Iterator[None]:
    """The hashed static files, as a server has them, and looked at once as by a server: each client is a start of its
    own, and looking took two thirds of the time of a test."""
    once("static", lambda: str(call_command("collectstatic", interactive=False, verbosity=0)))
    look: Callable[[WhiteNoise, str, str], None] = WhiteNoise.update_files_dictionary
    found: dict[tuple[str, str], dict[str, object]] = {}

    def look_once(server: WhiteNoise, root: str, prefix: str) -> None:
        if (root, prefix) not in found:
            look(server, root, prefix)
            found[root, prefix] = dict(server.files)
        server.files.update(found[root, prefix])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WhiteNoise, "update_files_dictionary", look_once)
        yield


@pytest.fixture(autouse=True)
def fresh_process(settings: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A process that has just started: an empty directory, and a recorder that writes when a test flushes it."""
    settings.FAREWELL_DATA_DIR = tmp_path_factory.getbasetemp() / "data"  # type: ignore[attr-defined]
    settings.FAREWELL_KEYRING_REFRESH_SECONDS = 1e9  # type: ignore[attr-defined]
    # What makes a password slow to guess makes hundreds of logins slow, too.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # type: ignore[attr-defined]
    directory.forget()
    learned.forget()
    recorder._queue.clear()
    # Alive, so that no thread starts beside the test's transaction.
    recorder._thread = settler._thread = waiting._thread = threading.main_thread()
    yield
    recorder._queue.clear()
    recorder._batch = None
    recorder._written.clear()
    directory.forget()


@pytest.fixture(scope="session", autouse=True)
def quick_flush() -> Iterator[None]:
    """After a test that commits, take its rows out, also of the tables that Django does not manage. Django's own way
    makes anew all files of all tables, months and indexes, some hundred, and then asks for each permission."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda case: _empty())
        yield


def _empty() -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")  # in any order, and past what guards the ledger
        for table in sorted({model._meta.db_table for model in apps.get_models(include_auto_created=True)} - _STAYING):
            cursor.execute(f"DELETE FROM {connection.ops.quote_name(table)}")


# Django fills these from the code, once.
_STAYING = {"django_content_type", "auth_permission"}


@pytest.fixture
def client() -> Client:
    """A browser's headers, as a click in a webmail of another site sends them."""
    return Client(
        headers={
            "user-agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
            "Chrome/156.0.0.0 Safari/537.36",
            "accept-language": "en",
            "sec-fetch-site": "cross-site",
            "sec-fetch-mode": "navigate",
            "sec-fetch-dest": "document",
            "sec-fetch-user": "?1",
        }
    )
