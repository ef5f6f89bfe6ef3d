"""Gives every test run a real PostgreSQL, before pytest-django reads the settings.

The server is the embedded one over `var/test/postgres`, or the one of `TEST_DATABASE_URL`. Each run has a
database of its own in it, so that two runs at a time do not meet.
"""

from __future__ import annotations

import atexit
import os
import re
import shutil
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import psycopg
from psycopg import sql

from tests.sharing import shared_folder

ROOT = Path(__file__).resolve().parent.parent
DATA_DIR = ROOT / "var" / "test"


def prepare_environment() -> None:
    """Replace what the developer's environment and `.env` say: a test run neither follows nor meets it."""
    server = os.environ.get("TEST_DATABASE_URL")
    os.environ["FAREWELL_DATA_DIR"] = str(DATA_DIR)
    import config.environment  # noqa: F401  (reads `.env` now, so that it cannot come back later)

    for name in re.findall(r"^#([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE):
        os.environ.pop(name, None)
    os.environ["FAREWELL_DATA_DIR"] = str(DATA_DIR)
    folder = shared_folder()
    os.environ["STATIC_ROOT"] = str(folder / "staticfiles") if folder else _own_folder("farewell-static-")
    os.environ["SECRET_KEY"] = "a-secret-key-of-the-tests-that-guards-nothing-at-all"
    os.environ["DATABASE_URL"] = _own_database(server or _embedded_server())


def _own_folder(prefix: str) -> str:
    path = tempfile.mkdtemp(prefix=prefix)
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


def _embedded_server() -> str:
    from config.embedded import start_postgres

    url = start_postgres(DATA_DIR / "postgres")
    with psycopg.connect(url, autocommit=True) as connection:
        # Nothing in there is worth a disk's time; it outlives every process that is killed, though no power cut.
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("SELECT pg_reload_conf()")
    return url


def _own_database(server: str) -> str:
    """Name the database after this process, and drop those that killed runs left behind."""
    with psycopg.connect(server, autocommit=True) as connection:
        for (name,) in connection.execute("SELECT datname FROM pg_database WHERE datname LIKE 'test\\_run\\_%'"):
            number = re.fullmatch(r"test_run_(\d+)(_gw\d+)?", name)
            if number and not psutil.pid_exists(int(number[1])):
                connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))
    return urlsplit(server)._replace(path=f"/run_{os.getpid()}").geturl()


prepare_environment()
