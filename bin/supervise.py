"""Runs all of Farewell on one machine: database, web server, worker and scheduler, until Ctrl-C.

Every child has a session of its own, so that Ctrl-C of a terminal reaches this process alone, which then stops
the children once each and in order. The embedded database is stopped last, when this process exits.
"""

from __future__ import annotations

import errno
import fcntl
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

import psutil
import psycopg
from django.core.exceptions import ImproperlyConfigured

from config import embedded
from config.environment import BASE_DIR, DATA_DIR, env

START_SECONDS = 60
STOP_SECONDS = 10
LEFTOVERS = DATA_DIR / "run.json"

type Child = subprocess.Popen[bytes]


class RunError(Exception):
    """Why Farewell does not run, in words for the person at the terminal."""


def main() -> int:
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)  # all of them end like Ctrl-C
    try:
        with one_at_a_time():
            run()
    except RunError as problem:
        say(str(problem))
    except KeyboardInterrupt:
        finish_in_peace()
        say("stopped.")
        return 0
    return 1


def run() -> None:
    """Check first what a person can mend, then start; ends by an exception alone."""
    end_leftovers()
    host, port = env.str("GRANIAN_HOST", default="127.0.0.1"), read_port()
    check_port(host, port)
    complete_environment()
    check_database()
    to_open = prepare()
    with running_children(port) as children:
        wait_for_answer(host, port, children)
        say("running; Ctrl-C stops everything.")
        print(to_open, flush=True)
        watch(children)


def say(text: str) -> None:
    print(f"farewell: {text}", file=sys.stderr, flush=True)


def finish_in_peace() -> None:
    """From here on an impatient Ctrl-C changes nothing: what is being stopped has its own deadline."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def one_at_a_time() -> Iterator[None]:
    DATA_DIR.mkdir(parents=True, exist_ok=True)
    with (DATA_DIR / "run.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise RunError(f"it already runs in this folder, as process {lock.read()}; stop that first.") from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def end_leftovers() -> None:
    """End the children of a run that was killed: they hold its port and would do its work twice."""
    if not LEFTOVERS.exists():
        return
    leftovers = []
    for pid, started in json.loads(LEFTOVERS.read_text()):
        try:
            process = psutil.Process(pid)
            if abs(process.create_time() - started) < 1:
                process.terminate()
                leftovers.append(process)
        except psutil.NoSuchProcess:
            continue
    _, stubborn = psutil.wait_procs(leftovers, timeout=STOP_SECONDS)
    for process in stubborn:
        process.kill()
    LEFTOVERS.unlink()


def read_port() -> int:
    text = env.str("PORT", default="8000")
    if text.isdecimal() and 0 < int(text) < 65536:
        return int(text)
    raise RunError(f"PORT={text} is not a port; choose a number from 1 to 65535.")


def check_port(host: str, port: int) -> None:
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen()
    except PermissionError:
        raise RunError(f"port {port} is reserved for root; choose another, as in: make run PORT=8001") from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise RunError(f"port {port} is in use; choose another, as in: make run PORT={port + 1}") from None
        raise RunError(f"GRANIAN_HOST={host} is not an address of this machine ({error.strerror}).") from None


def complete_environment() -> None:
    """Start the embedded database and keep a secret key, where the environment names none; children inherit both."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    embedded.complete_environment()
    if not env.str("SECRET_KEY", default=""):
        os.environ["SECRET_KEY"] = embedded.keep_secret_key(DATA_DIR / "secret_key")


def check_database() -> None:
    """Read the settings and connect once: what is wrong with either is said before anything starts."""
    check_database_url(os.environ["DATABASE_URL"])
    try:
        from django.db import connection

        parameters = connection.get_connection_params()
    except (ImproperlyConfigured, ValueError, LookupError) as error:
        raise RunError(f"a setting cannot be read: {error}") from None
    try:
        with psycopg.connect(**parameters) as server:
            version = server.info.server_version
    except psycopg.Error as error:
        reason = " ".join(str(error).split())
        if password := parameters.get("password"):
            reason = reason.replace(password, "***")
        raise RunError(f"the database of DATABASE_URL does not answer: {reason}") from None
    if version < 150000:
        raise RunError(f"the database is PostgreSQL {version // 10000}; 15 or newer is needed.")


def check_database_url(url: str) -> None:
    """Say what is wrong without repeating the address: it holds a password."""
    try:
        parts = urlsplit(url)
        is_postgres = parts.scheme in ("postgres", "postgresql") and (parts.port or 5432) > 0
    except ValueError:
        is_postgres = False
    if not is_postgres:
        raise RunError(
            "DATABASE_URL cannot be read. It looks like postgres://user:password@host:5432/name; special characters "
            "of the password are percent-encoded."
        )


def prepare() -> str:
    """Bring database, static files and demo up to date, and return what the demo says to open."""
    say("preparing the database and the demo ...")
    manage("migrate", "--noinput")
    manage("collectstatic", "--noinput", "--verbosity=0")
    return manage("demo").rstrip()


def manage(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=BASE_DIR,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        start_new_session=True,
        check=False,
    )
    if done.returncode:
        log = DATA_DIR / "run.log"
        log.write_text(done.stdout + done.stderr)
        lines = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()
        reason = lines[-1] if lines[0].startswith("Traceback") else lines[0]
        raise RunError(f"manage.py {arguments[0]} failed: {reason}\nAll that it said is in {log}.")
    return done.stdout


@contextmanager
def running_children(port: int) -> Iterator[dict[str, Child]]:
    defaults = {"GRANIAN_WORKERS": "1", "GRANIAN_BLOCKING_THREADS": "4", "GRANIAN_LOG_LEVEL": "warning"}
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
    children: dict[str, Child] = {}
    try:
        web = ("-m", "granian", "--interface", "wsgi", "--port", str(port), "config.wsgi:application")
        children["web server"] = spawn(web)
        children["worker"] = spawn(("manage.py", "db_worker"), DATA_DIR / "worker.log")
        children["scheduler"] = spawn(("manage.py", "crontask", "--no-heartbeat"), DATA_DIR / "scheduler.log")
        born = [(child.pid, psutil.Process(child.pid).create_time()) for child in children.values()]
        LEFTOVERS.write_text(json.dumps(born))
        yield children
    finally:
        finish_in_peace()
        stop(list(children.values()))
        LEFTOVERS.unlink(missing_ok=True)


def spawn(arguments: tuple[str, ...], log: Path | None = None) -> Child:
    """Start a Python program beside manage.py; with `log` it writes there, so that the screen stays readable."""
    with log.open("wb") if log else nullcontext() as output:
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=BASE_DIR,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def wait_for_answer(host: str, port: int, children: dict[str, Child]) -> None:
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        check_alive(children)
        try:
            connection = http.client.HTTPConnection(reachable, port, timeout=5)
            connection.request("GET", "/admin/login/")
            connection.getresponse()  # any answer will do: a redirect to https is one
        except (OSError, http.client.HTTPException):
            time.sleep(0.1)
        else:
            return
        finally:
            connection.close()
    raise RunError(f"the web server did not answer within {START_SECONDS} seconds.")


def watch(children: dict[str, Child]) -> NoReturn:
    while True:
        check_alive(children)
        time.sleep(0.2)


def check_alive(children: dict[str, Child]) -> None:
    for name, child in children.items():
        if child.poll() is not None:
            log = DATA_DIR / f"{name}.log"
            place = f"; {log} may have the reason" if log.exists() else ""
            raise RunError(f"the {name} ended with status {child.returncode}{place}. Everything else was stopped.")


def stop(children: list[Child]) -> None:
    """Ask each child once and wait; a process group that will not go is killed."""
    for child in children:
        if child.poll() is None:
            child.terminate()
        else:  # its own children may live on
            signal_group(child, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    for child in children:
        while time.monotonic() < deadline and (child.poll() is None or signal_group(child, 0)):
            time.sleep(0.02)
        signal_group(child, signal.SIGKILL)


def signal_group(child: Child, number: int) -> bool:
    """Signal all that the child started, and say whether there was any; 0 only asks."""
    try:
        os.killpg(child.pid, number)
    except (ProcessLookupError, PermissionError):  # macOS answers so for a group that has ended
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
