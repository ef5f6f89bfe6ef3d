"""Runs manage.py's commands: inside the test, or as a process of their own where signals and pipes matter."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch
from urllib.parse import urlsplit

from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

STARTED_AS = f"command-of-test-{os.getpid()}"  # what PostgreSQL calls the connections of `start`
ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Result:
    """What a command wrote, and its exit status; `err` ends with the sentence it failed with."""

    out: str
    err: str
    status: int

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    @property
    def rows(self) -> list[list[str]]:
        return [line.split("\t") for line in self.lines]


def run(name: str, *arguments: object, stdin: bytes | str = b"") -> Result:
    """Run a command in this process, so that it sees what the test has not committed."""
    out, err, status = io.StringIO(), io.StringIO(), 0
    given = io.TextIOWrapper(io.BytesIO(stdin.encode() if isinstance(stdin, str) else stdin))
    with patch.object(sys, "stdin", given):
        try:
            call_command(name, *map(str, arguments), stdout=out, stderr=err)
        except CommandError as error:
            err.write(f"{error}\n")
            status = error.returncode
    return Result(out.getvalue(), err.getvalue(), status)


def start(name: str, *arguments: object, stderr: int = subprocess.PIPE) -> subprocess.Popen[bytes]:
    """Start a command as a process with pipes, on the test's database; it sees what is committed. `stderr` may be a
    terminal."""
    url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    return subprocess.Popen(
        [sys.executable, "manage.py", name, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": url, "PGAPPNAME": STARTED_AS},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
    )
