"""Addresses in, answers out, line by line and in constant memory: what the streaming commands share."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any, BinaryIO, cast

from tqdm import tqdm

from preferences import addresses
from preferences.addresses import AddressError
from preferences.links import MAX_ADDRESS_LENGTH, Channel

MAX_LINE_BYTES = 1024  # three times the longest address
BATCH_SIZE = 8192
_BOM = b"\xef\xbb\xbf"
_NAP_SECONDS = 0.1  # how soon a signal ends the waiting

# The text as it was given, and the address that mail goes to: "" when the text is none.
type Entry = tuple[str, str]


class AddressLines:
    """The addresses of a stream, one a line, in batches. Blank lines are skipped, CRLF and a BOM are tolerated.

    Each bad line is told to `report` with its number from 1, its text and the reason, and counted in `bad_count`.
    """

    def __init__(self, stream: BinaryIO, channel: Channel, report: Callable[[int, str, str], None] | None = None):
        self.bad_count = 0
        self._stream = stream
        self._channel = channel
        self._report = report

    def batches(self, size: int = BATCH_SIZE) -> Iterator[list[Entry]]:
        batch: list[Entry] = []
        for number, raw in enumerate(iter(partial(self._stream.readline, MAX_LINE_BYTES + 2), b""), 1):
            if entry := self._entry(number, raw.removeprefix(_BOM) if number == 1 else raw):
                batch.append(entry)
            if len(batch) == size:
                yield batch
                batch = []
        if batch:
            yield batch

    def _entry(self, number: int, raw: bytes) -> Entry | None:
        try:
            if len(raw) > MAX_LINE_BYTES and self._is_cut(raw):
                raise AddressError(f"a line longer than {MAX_LINE_BYTES} bytes")
            text = raw.decode().strip()
            return (text, addresses.validate(self._channel, text)) if text else None
        except (AddressError, UnicodeDecodeError) as error:
            reason = "not UTF-8 text" if isinstance(error, UnicodeDecodeError) else str(error).rstrip(".")
            return self._bad(number, raw, reason)

    def _is_cut(self, raw: bytes) -> bool:
        """Tell whether the line goes on, and leave its rest behind."""
        if raw.endswith(b"\n"):
            return False
        while (rest := self._stream.readline(MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
            pass
        return True

    def _bad(self, number: int, raw: bytes, reason: str) -> Entry:
        text = raw.decode(errors="backslashreplace").strip()[:MAX_ADDRESS_LENGTH]
        text = "".join(letter if letter.isprintable() else "?" for letter in text)
        self.bad_count += 1
        if self._report:
            self._report(number, text, reason)
        return text, ""


def ahead[T](items: Iterator[T]) -> Iterator[T]:
    """Yield the items, each made on another thread while the one before it is being dealt with."""
    nothing_left = object()
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, items, nothing_left)
        while (item := coming.result()) is not nothing_left:
            coming = thread.submit(next, items, nothing_left)
            yield cast("T", item)


def progress(unit: str, total: int | None = None, *, is_size: bool = False) -> tqdm[Any]:
    """A progress bar on stderr that is there only when that is a terminal. `total` may be unknown."""
    return tqdm(total=total, unit=unit, unit_scale=True, unit_divisor=1024 if is_size else 1000, disable=None)


@contextmanager
def beside_progress() -> Iterator[None]:
    """Write to stderr here without tearing a progress bar."""
    with tqdm.external_write_mode(file=sys.stderr):
        yield


@contextmanager
def quiet_end() -> Iterator[None]:
    """End with the exit status a shell expects, and no traceback, on Ctrl-C or when nobody reads on (`| head`)."""
    try:
        yield
        sys.stdout.flush()
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except BrokenPipeError:
        # Python flushes stdout once more when it ends; let that succeed.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(141) from None


class Following:
    """Waiting for more to write, until Ctrl-C or SIGTERM: the first ends after a whole line, a second at once."""

    def __init__(self, interval: float) -> None:
        """Every `interval` seconds. Takes the signals, where this thread may."""
        self.is_stopping = False
        self._interval = interval
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, self._stop)

    def wait(self) -> bool:
        """Let the interval pass; return whether to go on."""
        end = time.monotonic() + self._interval
        while not self.is_stopping and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, _NAP_SECONDS))
        return not self.is_stopping

    def _stop(self, number: int, _frame: object) -> None:
        self.is_stopping = True
        signal.signal(number, signal.SIG_DFL)
