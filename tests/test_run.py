"""`make run` as a newcomer meets it: each test starts the real thing in a copy of this folder."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from config.postgres import EmbeddedServer

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 120


@dataclass(frozen=True, slots=True)
class Run:
    """A running `bin/run` in a session of its own, as a terminal gives it."""

    process: subprocess.Popen[bytes]
    port: int
    screen: Path

    def text(self) -> str:
        return self.screen.read_text()

    def get(self, path: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        finally:
            connection.close()


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A copy without data, in a folder whose name has a space and that its owner alone may enter."""
    with tempfile.TemporaryDirectory(prefix="fare well ") as parent:
        copy = Path(parent) / "main"
        ignore = shutil.ignore_patterns(".*", "var", "staticfiles", "__pycache__", "tests", "docs", "bench")
        shutil.copytree(ROOT, copy, ignore=ignore)
        shutil.copy(ROOT / ".python-version", copy)
        (copy / ".venv").symlink_to(ROOT / ".venv")
        yield copy


def make_environment(**settings: str) -> dict[str, str]:
    """What a shell has, without the settings that this test run made for itself."""
    kept = ("PATH", "HOME", "LANG", "TMPDIR")
    return {name: os.environ[name] for name in kept if name in os.environ} | settings


def make_programs(directory: Path, python: str) -> Path:
    """A PATH on which `python3` is the shell script `python` and no other Python exists."""
    directory.mkdir()
    for name in ("sh", "dirname", "cat", "ls", "cksum"):
        (directory / name).symlink_to(shutil.which(name) or name)
    script = directory / "python3"
    script.write_text(f"#!/bin/sh\n{python}\n")
    script.chmod(0o755)
    return directory


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def is_free(port: int) -> bool:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def refuse(folder: Path, **settings: str) -> str:
    """Start where it cannot run and return what it says."""
    done = subprocess.run(
        ["bin/run"], cwd=folder, env=make_environment(**settings), capture_output=True, text=True, timeout=SECONDS
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return done.stderr


@contextmanager
def starting(folder: Path) -> Iterator[Run]:
    port, screen = free_port(), folder / "screen.txt"
    with screen.open("wb") as output:
        process = subprocess.Popen(
            ["bin/run"],
            cwd=folder,
            env=make_environment(PORT=str(port)),
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    run = Run(process, port, screen)
    try:
        yield run
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(SECONDS)


@contextmanager
def running(folder: Path) -> Iterator[Run]:
    with starting(folder) as run:
        wait_until(run, lambda: "farewell: running" in run.text())
        yield run


def wait_until(run: Run, look: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not look():
        assert run.process.poll() is None, run.text()
        assert time.monotonic() < deadline, run.text()
        time.sleep(0.1)


def press_ctrl_c(run: Run) -> int:
    """A terminal signals every process of the session's foreground group at once."""
    os.killpg(run.process.pid, signal.SIGINT)
    return run.process.wait(SECONDS)


def test_a_port_in_use_is_said(folder: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        said = refuse(folder, PORT=str(port))
    assert f"port {port} is in use" in said
    assert f"PORT={port + 1}" in said
    assert not (folder / "var" / "postgres").exists()


def test_a_port_that_is_none_is_said(folder: Path) -> None:
    assert "PORT=eighty is not a port" in refuse(folder, PORT="eighty")


def test_an_unreachable_database_is_said_without_its_password(folder: Path) -> None:
    url = f"postgres://farewell:horse-battery@127.0.0.1:{free_port()}/farewell"
    said = refuse(folder, PORT=str(free_port()), DATABASE_URL=url)
    assert "the database of DATABASE_URL does not answer" in said
    assert "Connection refused" in said
    assert "horse-battery" not in said


@pytest.mark.parametrize("url", ["mysql://u:horse@127.0.0.1/x", "postgres://u:horse#battery@127.0.0.1/x", "horse"])
def test_an_unreadable_database_address_is_not_repeated(folder: Path, url: str) -> None:
    said = refuse(folder, PORT=str(free_port()), DATABASE_URL=url)
    assert "DATABASE_URL cannot be read" in said
    assert "horse" not in said


def test_an_unreadable_setting_is_said(folder: Path) -> None:
    url = f"postgres://farewell:horse@127.0.0.1:{free_port()}/farewell"
    said = refuse(folder, PORT=str(free_port()), DATABASE_URL=url, FAREWELL_TRUSTED_PROXY_COUNT="two")
    assert "a setting cannot be read" in said
    assert "'two'" in said


def set_up(folder: Path, tmp_path: Path, python: str) -> str:
    """Run the setup of a fresh folder with the given `python3` and return what it says."""
    fresh = tmp_path / "fresh"
    shutil.copytree(folder / "bin", fresh / "bin")
    shutil.copy(folder / ".python-version", fresh)
    path = make_programs(tmp_path / "programs", python)
    done = subprocess.run(
        ["bin/setup", "requirements.txt"],
        cwd=fresh,
        env={"PATH": str(path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert not (fresh / ".venv").exists()
    return done.stderr


def test_an_old_python_is_said(folder: Path, tmp_path: Path) -> None:
    said = set_up(folder, tmp_path, 'case "$*" in --version) echo Python 3.9.2;; *) exit 1;; esac')
    assert "Python 3.12 or newer is needed, and what is here is Python 3.9.2." in said


def test_a_python_shim_that_refuses_to_run_is_no_python(folder: Path, tmp_path: Path) -> None:
    said = set_up(folder, tmp_path, 'echo "the version is not installed" >&2; exit 127')
    assert "what is here is no python3 that runs" in said


def test_a_python_without_venv_names_the_package(folder: Path, tmp_path: Path) -> None:
    said = set_up(folder, tmp_path, 'case "$*" in *ensurepip*) exit 1;; *print*) echo 3.12;; esac')
    assert "apt-get install python3-venv" in said


def test_a_data_folder_that_cannot_be_used_is_said(folder: Path) -> None:
    assert "the data folder /dev/null/var cannot be used" in refuse(folder, FAREWELL_DATA_DIR="/dev/null/var")


def test_ctrl_c_stops_everything(folder: Path) -> None:
    with running(folder) as run:
        assert run.get("/admin/login/") == 200
        assert "it already runs in this folder" in refuse(folder, PORT=str(free_port()))
        assert press_ctrl_c(run) == 0
    to_open = run.text().partition("Ctrl-C stops everything.\n")[2]
    assert f"http://127.0.0.1:{run.port}/admin/" in to_open
    assert "Traceback" not in run.text()
    assert "was killed" not in run.text()
    assert is_free(run.port)
    assert not (folder / "var" / "postgres" / "postmaster.pid").exists()


def test_ctrl_c_stops_a_start_too(folder: Path) -> None:
    with starting(folder) as run:
        wait_until(run, (folder / "var" / "run.json").exists)  # the web server has been started
        assert press_ctrl_c(run) == 0
    assert "Traceback" not in run.text()
    assert "was killed" not in run.text()
    assert is_free(run.port)
    assert not (folder / "var" / "postgres" / "postmaster.pid").exists()


def test_a_killed_run_neither_hinders_the_next_nor_loses_data(folder: Path) -> None:
    url = EmbeddedServer(folder / "var" / "postgres").url
    with running(folder) as killed, psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 'yes' AS word")
        connection.commit()
        secret = (folder / "var" / "secret_key").read_text()
        killed.process.kill()
    with running(folder) as run:
        assert run.get("/admin/login/") == 200
        assert is_free(killed.port)
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT word FROM kept").fetchone() == ("yes",)
        run.process.terminate()
        assert run.process.wait(SECONDS) == 0
    assert (folder / "var" / "secret_key").read_text() == secret
    assert not (folder / "var" / "postgres" / "postmaster.pid").exists()
