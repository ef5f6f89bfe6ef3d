"""Runs all of Farewell on one machine: database, web server, worker and scheduler, until Ctrl-C.

Every child has a session of its own, so that Ctrl-C of a terminal reaches this process alone, which then stops
the children once each and in order. The embedded database is stopped last, when this process exits.
"""

from __future__ import annotations

import fcntl
import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from bin.checks import RunError, check_database, check_port, read_port
from bin.children import Children
from config import embedded
from config.environment import BASE_DIR, DATA_DIR, env

START_SECONDS = 60


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
    children = Children(DATA_DIR / "run.json")
    children.end_leftovers()
    host, port = env.str("GRANIAN_HOST", default="127.0.0.1"), read_port()
    check_port(host, port)
    complete_environment()
    check_database()
    to_open = prepare()
    try:
        start_web_server(host, port, children)
        start_background(children)
        say("running; Ctrl-C stops everything.")
        print(to_open, flush=True)
        while True:
            children.check()
            time.sleep(0.2)
    finally:
        finish_in_peace()
        children.stop()


def say(text: str) -> None:
    print(f"farewell: {text}", file=sys.stderr, flush=True)


def finish_in_peace() -> None:
    """From here on an impatient Ctrl-C changes nothing: what is being stopped has its own deadline."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def one_at_a_time() -> Iterator[None]:
    try:
        DATA_DIR.mkdir(parents=True, exist_ok=True)
        file = (DATA_DIR / "run.lock").open("a+")
    except OSError as error:
        raise RunError(f"the data folder {DATA_DIR} cannot be used ({error.strerror}).") from None
    with file as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise RunError(f"it already runs in this folder, as process {lock.read()}; stop that first.") from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def complete_environment() -> None:
    """Start the embedded database and keep a secret key, where the environment names none; children inherit both."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    embedded.complete_environment()
    if not env.str("SECRET_KEY", default=""):
        os.environ["SECRET_KEY"] = embedded.keep_secret_key(DATA_DIR / "secret_key")


def prepare() -> str:
    """Bring database, static files and demo up to date, and return what the demo says to open."""
    say("preparing the database and the demo ...")
    with ThreadPoolExecutor() as pool:
        static = pool.submit(manage, "collectstatic", "--noinput", "--verbosity=0")
        manage("migrate", "--noinput")
        to_open = manage("demo").rstrip()
        static.result()
    return to_open


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


def start_web_server(host: str, port: int, children: Children) -> None:
    defaults = {
        "GRANIAN_WORKERS": "1",
        "GRANIAN_BLOCKING_THREADS": "4",
        "GRANIAN_LOG_LEVEL": "warning",
        "GRANIAN_HTTP1_HEADER_READ_TIMEOUT": "5000",  # a request that never ends must not hold up the stop
    }
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
    command = ("-m", "granian", "--interface", "wsgi", "--port", str(port), "config.wsgi:application")
    children.start("web server", command)
    try:
        wait_for_answer({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port, children)  # noqa: S104
    except KeyboardInterrupt:
        children.kill("web server")  # while granian loads the app, it loses a request to stop
        raise


def wait_for_answer(host: str, port: int, children: Children) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        children.check()
        connection = http.client.HTTPConnection(host, port, timeout=5)
        try:
            connection.request("GET", "/admin/login/")
            connection.getresponse()  # any answer will do: a redirect to https is one
        except (OSError, http.client.HTTPException):
            time.sleep(0.1)
        else:
            return
        finally:
            connection.close()
    raise RunError(f"the web server did not answer within {START_SECONDS} seconds.")


def start_background(children: Children) -> None:
    children.start("worker", ("manage.py", "db_worker"), DATA_DIR / "worker.log")
    children.start("scheduler", ("manage.py", "crontask", "--no-heartbeat"), DATA_DIR / "scheduler.log")


if __name__ == "__main__":
    sys.exit(main())
