from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import date

import pytest
from django.core.management import call_command
from django.test import Client
from pytest_django import DjangoDbBlocker

from engagement import partitions
from engagement.learning import learned
from engagement.recorder import recorder
from preferences.directory import directory
from unsubscribe.settling import settler
from unsubscribe.waiting import waiting


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """The months that tests speak of; inside a test's transaction the recorder could not make them itself."""
    with django_db_blocker.unblock():
        partitions.make_partitions(date(2026, 1, 1), months=24)


@pytest.fixture(scope="session", autouse=True)
def static_files() -> None:
    """The hashed static files, as a server has them."""
    call_command("collectstatic", interactive=False, verbosity=0)


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
    recorder._batch = []
    recorder._written.clear()
    directory.forget()


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
