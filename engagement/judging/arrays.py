"""Arrays as PostgreSQL reads them: psycopg writes theirs element by element, which cost as much as the queries did."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID


def plain(values: Iterable[object]) -> str:
    """Of what needs no quotes, or has them: numbers, truth values, networks."""
    return f"{{{','.join(map(str, values))}}}"


def uuids(values: Iterable[UUID]) -> str:
    return f"{{{','.join([value.hex for value in values])}}}"


def moments(values: Iterable[datetime]) -> str:
    return f"{{{','.join([value.isoformat() for value in values])}}}"


def blobs(values: Iterable[bytes]) -> str:
    return plain([f'"\\\\x{value.hex()}"' for value in values])


def texts(values: Iterable[str]) -> str:
    return plain(map(_quoted, values))


def _quoted(value: str) -> str:
    return '"{}"'.format(value.replace("\\", "\\\\").replace('"', '\\"'))
