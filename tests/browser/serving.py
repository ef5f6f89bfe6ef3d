"""A running Farewell for tests: granian and PostgreSQL as in production, on a database and a port of its own."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, LiteralString
from urllib.parse import urlsplit

import psutil
import psycopg
from psycopg import sql

from preferences.link_urls import url_of
from preferences.links import Channel, Claims, LinkKey, Purpose, seal
from tests.sharing import once, run_number, shared_folder

ROOT = Path(__file__).resolve().parents[2]
HOUR = 3600  # seconds since sending after which an arrival may opt out by itself
START_SECONDS = 120
_numbers = count(1)
# In one process with the migrations, because to start one takes longer than all it then does.
MAKE_BRAND = """
from django.core.management import call_command
call_command("migrate", interactive=False, verbosity=0)
from preferences.models import Brand, Topic
brand = Brand.objects.create(slug="demo", name="Demo Letters")
Topic.objects.create(brand=brand, slug="news", name="News", description="What is new, once a month.", position=1)
Topic.objects.create(brand=brand, slug="offers", name="Offers", position=2)
Topic.objects.create(brand=brand, slug="surveys", name="Surveys", is_default_in=False, position=3)
print(brand.add_key("tests")[1].to_text())
"""


def wait_until[T](look: Callable[[], T | None], what: str, seconds: float = 60) -> T:
    """Return the first true answer of `look`, asking until a deadline that fails the test."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"waited {seconds:g} s in vain: {what}"
        time.sleep(0.02)
    return found


def new_address(name: str = "alice") -> str:
    """An address that no other test uses, so that tests do not meet."""
    return f"{name}-{next(_numbers)}@example.org"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@cache
def scratch() -> Path:
    directory = Path(tempfile.mkdtemp(prefix="farewell-browser-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return directory


@dataclass(slots=True)
class Farewell:
    """One web server over a database of its own. `settings` are environment variables beside the usual ones."""

    settings: dict[str, str] = field(default_factory=dict)
    threads: int = 4
    database: str = field(default_factory=lambda: f"{_name()}_{next(_numbers)}")
    port: int = field(default_factory=free_port)
    log: Path = field(default_factory=lambda: scratch() / f"granian-{next(_numbers)}.log")
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        _make_database(self.database, like=template().database)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        return _environment(self.database) | {"FAREWELL_BASE_URL": self.url} | self.settings

    def start(self) -> None:
        command = [sys.executable, "-m", "granian", "--interface", "wsgi", "config.wsgi:application"]
        options = ["--port", str(self.port), "--workers", "1", "--log-level", "warning"]
        options += ["--blocking-threads", str(self.threads)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command + options, cwd=ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )
        try:
            wait_until(self._answers, "granian answers", START_SECONDS)
        except AssertionError as error:
            error.add_note(self.log.read_text())
            raise

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, "granian has ended"
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                connection.sendall(b"GET /u/x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                return connection.recv(12) == b"HTTP/1.1 404"
        except OSError:
            return False

    def terminate(self) -> int:
        """Stop as an operator does, with SIGTERM, and return the exit status."""
        assert self.process is not None
        self.process.terminate()
        status = self.process.wait(120)
        self.process = None
        return status

    def kill(self) -> None:
        """End the server and all that it started at once; nothing gets a chance to tidy up."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(120)
        self.process = None

    def close(self) -> None:
        if self.process is not None:
            self.kill()
        _drop_database(self.database)

    def token(
        self,
        address: str,
        purpose: Purpose = Purpose.UNSUBSCRIBE,
        age: int = HOUR,
        topic: str = "news",
        mailing: str = "2026-11",
    ) -> str:
        """Seal a link as a sender does, for a mail sent `age` seconds ago."""
        claims = Claims(purpose, Channel.EMAIL, int(time.time()) - age, topic, mailing, address)
        return seal(template().key, claims)

    def link(self, address: str, purpose: Purpose = Purpose.UNSUBSCRIBE, age: int = HOUR) -> str:
        return url_of(self.url, purpose, self.token(address, purpose, age))

    def manage(self, *arguments: str, **variables: str) -> str:
        return _manage(self.environment | variables, *arguments)

    def query(self, statement: LiteralString, *values: object) -> list[Any]:
        """Rows as the database holds them, for what is asked of many recipients at once."""
        with psycopg.connect(_database_url(self.database)) as connection:
            return connection.execute(statement, values).fetchall()

    def close_database(self) -> None:
        """Take the database away from everybody, as its maintenance does."""
        with psycopg.connect(_database_url(), autocommit=True) as connection:
            connection.execute(
                sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(self.database))
            )
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [self.database]
            )

    def open_database(self) -> None:
        with psycopg.connect(_database_url(), autocommit=True) as connection:
            connection.execute(
                sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(sql.Identifier(self.database))
            )


@dataclass(frozen=True, slots=True)
class Template:
    database: str
    key: LinkKey


@cache
def template() -> Template:
    """A migrated database with the demo brand, which that of each server is copied from."""
    database, key = once("template", _make_template).split()
    return Template(database, LinkKey.from_text(key))


def _make_template() -> str:
    """Returns its name and the brand's key. One that processes share outlives the run, and goes with the next."""
    _drop_leftovers()
    name = f"farewell_browser_{run_number()}"
    _make_database(name)
    if shared_folder() is None:
        atexit.register(_drop_database, name)
    variables = _environment(name)
    printed = _manage(variables, "shell", "--verbosity", "0", "-c", MAKE_BRAND)
    return f"{name} {printed.strip().splitlines()[-1]}"


@cache
def _static_root() -> str:
    """The static files as production serves them: collected, hashed and compressed."""
    if "PYTEST_VERSION" in os.environ:
        return os.environ["STATIC_ROOT"]  # filled by tests/conftest.py
    directory = str(scratch() / "static")
    _manage(os.environ | {"STATIC_ROOT": directory}, "collectstatic", "--noinput", "--verbosity", "0")
    return directory


def _environment(database: str) -> dict[str, str]:
    return os.environ | {
        "DATABASE_URL": _database_url(database),
        "STATIC_ROOT": _static_root(),
        "FAREWELL_DATA_DIR": str(scratch() / database),
        "FAREWELL_RECORDER_FLUSH_SECONDS": "0.05",
        "FAREWELL_KEYRING_REFRESH_SECONDS": "0.5",
        "PYTHONUNBUFFERED": "1",
    }


def _manage(variables: Mapping[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=ROOT, env=variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"manage.py {arguments[0]} failed\n{done.stdout}{done.stderr}"
    return done.stdout


def _name() -> str:
    return f"farewell_browser_{os.getpid()}"


def _database_url(name: str = "postgres") -> str:
    """The URL of a database in the PostgreSQL of tests/database.py."""
    return urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()


def _make_database(name: str, like: str = "template1") -> None:
    with psycopg.connect(_database_url(), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(like)))


def _drop_database(name: str) -> None:
    with psycopg.connect(_database_url(), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _drop_leftovers() -> None:
    """Drop the databases of runs that were killed."""
    with psycopg.connect(_database_url()) as connection:
        rows = connection.execute(r"SELECT datname FROM pg_database WHERE datname LIKE 'farewell\_browser\_%'")
        names = [name for (name,) in rows]
    for name in names:
        if not psutil.pid_exists(int(name.split("_")[2])):
            _drop_database(name)
