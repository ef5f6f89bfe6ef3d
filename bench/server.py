"""A web server to measure: granian with one worker, in a process group of its own."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.load import BenchError

_ROOT = Path(__file__).resolve().parent.parent
_START_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Server:
    port: int
    process: subprocess.Popen[bytes]

    @property
    def worker(self) -> psutil.Process:
        """The process that answers: the youngest child of granian's own."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        if not children:
            raise BenchError("granian has no worker")
        return max(children, key=psutil.Process.create_time)

    @property
    def memory(self) -> float:
        """Resident memory of the worker in MiB."""
        return float(self.worker.memory_info().rss) / 2**20

    @property
    def busy_seconds(self) -> float:
        """Processor time of the worker so far."""
        times = self.worker.cpu_times()
        return float(times.user + times.system)

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        connection.request("GET", path, headers=dict(headers or {}))
        response = connection.getresponse()
        body = response.read()
        connection.close()
        if response.status != 200:
            raise BenchError(f"GET answered {response.status}")
        return body

    def kill(self) -> None:
        """`kill -9` to granian and its worker at once."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def running(application: str, threads: int, environment: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Serve the WSGI application "module:name" on a free port of this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--interface", "wsgi", "--workers", "1", "--blocking-threads", str(threads), "--log-level", "warning"]
    command = [sys.executable, "-m", "granian", *options, "--host", "127.0.0.1", "--port", str(port), application]
    process = subprocess.Popen(command, cwd=_ROOT, env={**os.environ, **(environment or {})}, start_new_session=True)
    try:
        _wait(port, process)
        yield Server(port, process)
    finally:
        _stop(process)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise BenchError("the web server did not start")


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
