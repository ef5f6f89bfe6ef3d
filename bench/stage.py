"""What every part measures on: a PostgreSQL of its own in a temporary directory, with one brand and its key."""

from __future__ import annotations

import atexit
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, LiteralString

import psycopg

from preferences.links import LinkKey

_ROOT = Path(__file__).resolve().parent.parent
_SECRET_KEY = "a-secret-key-of-the-bench-that-guards-nothing-at-all"  # noqa: S105


@dataclass(frozen=True, slots=True)
class Stage:
    directory: Path
    database: psycopg.Connection[tuple[Any, ...]]
    database_url: str
    brand_id: int
    key: LinkKey
    threads: int
    is_quick: bool

    def count(self, query: LiteralString, *values: object) -> int:
        row = self.database.execute(query, values).fetchone()
        return int(row[0]) if row else 0


def set_stage(threads: int, *, is_quick: bool) -> Stage:
    """Start the database, migrate it and make the brand. All of it goes when this process exits."""
    directory = Path(tempfile.mkdtemp(prefix="farewell-bench-"))
    directory.chmod(0o711)  # the database may run as another user
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    url = _set_environment(directory)

    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    call_command("collectstatic", verbosity=0, interactive=False)

    from engagement.recording.partitions import make_partitions
    from preferences.models import Brand, Topic

    make_partitions(datetime.now(UTC).date())  # as the scheduler does ahead of time
    brand = Brand.objects.create(slug="bench", name="Demo Letters")
    Topic.objects.create(brand=brand, slug="news", name="News")
    _, key = brand.add_key()
    database = psycopg.connect(url, autocommit=True)
    return Stage(directory, database, url, brand.id, key, threads, is_quick)


def _set_environment(directory: Path) -> str:
    """Neither follow nor meet what the developer's environment and `.env` say."""
    import config.environment  # noqa: F401  (reads `.env` now, so that it cannot come back later)

    for name in re.findall(r"^#([A-Z_]+)=", (_ROOT / ".env.example").read_text(), re.MULTILINE):
        os.environ.pop(name, None)
    from config.embedded import start_postgres

    os.environ["DATABASE_URL"] = url = start_postgres(directory / "postgres")
    os.environ["SECRET_KEY"] = _SECRET_KEY
    os.environ["FAREWELL_DATA_DIR"] = str(directory)
    os.environ["STATIC_ROOT"] = str(directory / "static")
    os.environ["FAREWELL_TRUSTED_PROXY_COUNT"] = "1"  # so that the visitors' addresses can differ
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    return url
