"""The programs that the supervisor runs: started, watched, and ended without leaving one behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import nullcontext, suppress
from pathlib import Path

import psutil

from bin.checks import RunError
from config.environment import BASE_DIR

STOP_SECONDS = 10

type Child = subprocess.Popen[bytes]


class Children:
    """Each child has a session of its own: Ctrl-C of a terminal reaches the supervisor alone.

    Who they are is also kept in `record`, so that the run after a killed one can end what that one left.
    """

    def __init__(self, record: Path) -> None:
        self._record = record
        self._children: dict[str, Child] = {}

    def start(self, name: str, arguments: tuple[str, ...], log: Path | None = None) -> None:
        """Start a Python program beside manage.py; with `log` it writes there, so that the screen stays readable."""
        with log.open("wb") if log else nullcontext() as output:
            self._children[name] = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=BASE_DIR,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        written = self._record.with_suffix(".new")
        written.write_text(json.dumps([(child.pid, _birth(child.pid)) for child in self._children.values()]))
        written.replace(self._record)

    def check(self) -> None:
        """Raise RunError when one of them has ended."""
        for name, child in self._children.items():
            if child.poll() is not None:
                raise RunError(f"the {name} ended with status {child.returncode}. Everything else was stopped.")

    def kill(self, name: str) -> None:
        """End a child that has nothing to lose yet."""
        _signal_group(self._children[name], signal.SIGKILL)

    def stop(self) -> None:
        """Ask each child once and wait; a process group that will not go is killed."""
        for child in self._children.values():
            if child.poll() is None:
                child.terminate()
            else:  # its own children may live on
                _signal_group(child, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        for name, child in self._children.items():
            while (alive := child.poll() is None or _group_lives(child)) and time.monotonic() < deadline:
                time.sleep(0.02)
            if alive:
                _signal_group(child, signal.SIGKILL)
                sys.stderr.write(f"farewell: the {name} did not stop within {STOP_SECONDS} seconds and was killed.\n")
        self._record.unlink(missing_ok=True)

    def end_leftovers(self) -> None:
        """End the children of a run that was killed: they hold its port and would do its work twice."""
        if not self._record.exists():
            return
        known = json.loads(self._record.read_text())
        leftovers = [psutil.Process(pid) for pid, born in known if born and abs(_birth(pid) - born) < 1]
        for process in leftovers:
            process.terminate()
        _, stubborn = psutil.wait_procs(leftovers, timeout=STOP_SECONDS)
        for process in stubborn:
            process.kill()
        self._record.unlink()


def _birth(pid: int) -> float:
    """When a process started, which tells it from a later one of the same number; 0 when it has ended already."""
    try:
        return psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return 0


def _signal_group(child: Child, number: int) -> None:
    """Signal all that the child started and that has not left its group."""
    with suppress(ProcessLookupError, PermissionError):  # macOS answers so for a group that has ended
        os.killpg(child.pid, number)


def _group_lives(child: Child) -> bool:
    """Whether any process that the child started still runs; the dead that nobody has buried do not count."""
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if os.getpgid(process.pid) == child.pid and process.status() != psutil.STATUS_ZOMBIE:
                return True
    return False
