"""Files that hold for a process what the database cannot take: SQLite, one file per process and kind.

Each file lies in `FAREWELL_DATA_DIR/spool` beside a lock that its process holds as long as it lives; the kernel drops
the lock with the process. So a file whose lock is free is an orphan, and whoever takes the lock adopts it: a restart
loses nothing, also when fewer processes come up. Any process of the machine may read any file.
"""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

from django.conf import settings

logger = logging.getLogger(__name__)

_SUFFIX, _LOCK_SUFFIX, _BROKEN_SUFFIX = ".sqlite3", ".lock", ".broken"
_BUSY_SECONDS = 5.0  # another process reads, or deletes an entry


@dataclass(frozen=True, slots=True)
class Kind:
    """What a file holds. `is_durable` makes each commit wait for the disk; without, it survives the process alone."""

    name: str
    schema: str
    is_durable: bool


class SpoolError(Exception):
    """The file cannot be used, for a reason that is in the log: a full or broken disk, or no permission."""


@dataclass(slots=True)
class SpoolFile:
    """A file that this process has locked. It comes into being with the first `open` and goes with `discard`."""

    kind: Kind
    id: UUID
    _lock: int
    _database: sqlite3.Connection | None = field(default=None, init=False)

    @classmethod
    def create(cls, kind: Kind, id: UUID | None = None) -> SpoolFile:
        """Return a file of this process's own. Raises SpoolError."""
        id = id or uuid4()
        try:
            _make_directory()
            while (lock := _try_lock(_path(kind, id, _LOCK_SUFFIX))) is None:
                pass  # somebody tidied it away between our making and locking it
        except OSError as error:
            raise _trouble("cannot be made", error) from error
        return cls(kind, id, lock)

    @property
    def path(self) -> Path:
        return _path(self.kind, self.id, _SUFFIX)

    def open(self) -> sqlite3.Connection:
        """Return the database in it, in autocommit mode; any thread may use it. Raises SpoolError."""
        if self._database is None:
            try:
                is_new = not self.path.exists()
                os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
                self._database = _connect(self.path)
                level = "FULL" if self.kind.is_durable else "NORMAL"
                self._database.executescript(
                    f"PRAGMA journal_mode = WAL; PRAGMA synchronous = {level}; {self.kind.schema}"
                )
                if is_new:
                    _sync(self.path.parent)
            except (sqlite3.Error, OSError) as error:
                self.set_aside_if_broken(error)
                raise _trouble("cannot be opened", error) from error
        return self._database

    def used_bytes(self) -> int:
        """What is in it, without the room that is free again."""
        if self._database is None:
            return 0
        ((pages, free, size),) = self._database.execute(
            "SELECT page_count, freelist_count, page_size"
            " FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()"
        )
        return int((pages - free) * size)

    def set_aside_if_broken(self, error: Exception) -> None:
        """Keep an unreadable file for whoever may mend it, and go on without."""
        if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
            self._close_database()
            with suppress(OSError):
                self.path.rename(self.path.with_suffix(_BROKEN_SUFFIX))
            self._unlink()

    def discard(self) -> None:
        """Delete the file; the lock is kept, and a later `open` makes it anew."""
        self._close_database()
        self._unlink()

    def close(self) -> None:
        """Give the file back: an empty one is gone, another is an orphan from now on."""
        self._close_database()
        if not self.path.exists():
            _path(self.kind, self.id, _LOCK_SUFFIX).unlink(missing_ok=True)
        os.close(self._lock)

    def _close_database(self) -> None:
        if self._database is not None:
            with suppress(sqlite3.Error):
                self._database.close()
            self._database = None

    def _unlink(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)


def orphans(kind: Kind) -> Iterator[SpoolFile]:
    """Yield the files whose process is gone, locked now by this one; each is closed after its turn."""
    for path in _paths(kind):
        id, lock_path = UUID(hex=path.stem.rpartition("-")[2]), path.with_suffix(_LOCK_SUFFIX)
        with suppress(OSError):
            if (lock := _try_lock(lock_path)) is not None:
                file = SpoolFile(kind, id, lock)
                try:
                    if path.exists():  # nobody has drained it meanwhile
                        yield file
                finally:
                    file.close()


def read_each(kind: Kind) -> Iterator[sqlite3.Connection]:
    """Yield every file of the machine, whosoever it is, to be read or to have an entry deleted."""
    for path in _paths(kind):
        try:
            with closing(_connect(path)) as database:
                yield database
        except (sqlite3.Error, OSError) as error:
            if path.exists():
                _trouble("cannot be read", error)


def total_bytes(kind: Kind, but: SpoolFile) -> int:
    """The size of all files of the kind on this machine `but` one."""
    size = 0
    for path in directory().glob(f"{kind.name}-*{_SUFFIX}*"):  # each with its log beside it
        if not path.name.startswith(but.path.name):
            with suppress(OSError):
                size += path.stat().st_size
    return size


def tidy(kind: Kind) -> None:
    """Delete the locks that processes left who were killed with nothing spooled."""
    for lock_path in directory().glob(f"{kind.name}-*{_LOCK_SUFFIX}"):
        with suppress(OSError):
            if not lock_path.with_suffix(_SUFFIX).exists() and (lock := _try_lock(lock_path)) is not None:
                lock_path.unlink(missing_ok=True)
                os.close(lock)


def directory() -> Path:
    return Path(settings.FAREWELL_DATA_DIR) / "spool"


def _make_directory() -> None:
    if not directory().exists():
        directory().mkdir(mode=0o700, parents=True, exist_ok=True)
        _sync(directory().parent)


def _path(kind: Kind, id: UUID, suffix: str) -> Path:
    return directory() / f"{kind.name}-{id.hex}{suffix}"


def _paths(kind: Kind) -> list[Path]:
    return sorted(directory().glob(f"{kind.name}-*{_SUFFIX}"))


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=_BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )


def _try_lock(path: Path) -> int | None:
    """Return the descriptor of the lock, None while another process holds it, or when it was deleted meanwhile."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_ino == os.stat(path).st_ino:
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(descriptor)
    return None


def _sync(folder: Path) -> None:
    """Make the folder's entries durable: a synced file that no folder names would be lost."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _trouble(what: str, error: Exception) -> SpoolError:
    logger.error("a spool file %s: %s: %s", what, type(error).__name__, error)
    return SpoolError(what)
