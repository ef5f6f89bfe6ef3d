"""Loading a server: with wrk where it is installed, else with our own client, which costs more than the server."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

WRK = shutil.which("wrk")
NO_WRK = "wrk is not installed: the load comes from a Python client, which limits the figures (apt install wrk)"
_SCRIPT = Path(__file__).with_name("load.lua")
_ROOT = Path(__file__).resolve().parent.parent


class BenchError(Exception):
    """A measurement that cannot be trusted; the message says why."""


@dataclass(frozen=True, slots=True)
class Load:
    """What a load generator saw. `acknowledged` is filled by our own client alone."""

    answered: int
    seconds: float
    refused: int
    broken: int
    acknowledged: tuple[int, ...] = ()

    @property
    def rate(self) -> float:
        return self.answered / self.seconds

    def must_be_clean(self) -> Load:
        if self.refused or self.broken or not self.answered:
            raise BenchError(f"{self.answered} answers, {self.refused} of them errors, {self.broken} broken off")
        return self


def load(requests: Sequence[bytes], port: int, *, connections: int, seconds: float) -> Load:
    """Send `requests` in turn for some seconds. Raises BenchError unless every answer was a success."""
    with loading(requests, port, connections=connections, seconds=seconds) as process:
        return read(process).must_be_clean()


@contextmanager
def loading(
    requests: Sequence[bytes], port: int, *, connections: int, seconds: float, is_exact: bool = False
) -> Iterator[subprocess.Popen[str]]:
    """A generator at work. An exact one tells which requests were answered."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"\0".join(requests))
        file.flush()
        numbers = [str(port), str(connections), str(seconds)]
        command = [sys.executable, "-m", "bench.client", file.name, *numbers]
        if WRK and not is_exact:
            url = f"http://127.0.0.1:{port}/"
            command = [WRK, "-t1", f"-c{connections}", f"-d{round(seconds)}s", f"-s{_SCRIPT}", url, "--", file.name]
        with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True) as process:
            try:
                yield process
            finally:
                process.kill()


def read(process: subprocess.Popen[str]) -> Load:
    """Wait for the generator's end and return what it saw."""
    output = process.communicate()[0]
    if process.returncode:
        raise BenchError(f"the load generator ended with status {process.returncode}: {output.strip()}")
    result = json.loads(output.strip().splitlines()[-1])
    return Load(**{**result, "acknowledged": tuple(result.get("acknowledged", ()))})
