"""What the processes of one run make once for all of them, when `bin/test` gives them a folder to share."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path


def run_number() -> int:
    """The process by whose end this run has ended."""
    return int(os.environ.get("FAREWELL_TEST_RUN") or os.getpid())


def shared_folder() -> Path | None:
    folder = os.environ.get("FAREWELL_TEST_FOLDER")
    return Path(folder) if folder else None


def once(name: str, make: Callable[[], str]) -> str:
    """Return what `make` returns, and call it in the first process that comes; the others wait for that."""
    folder = shared_folder()
    if folder is None:
        return make()
    with Path(folder, name).open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        if not (made := file.read()):
            made = make()
            file.write(made)
        return made
