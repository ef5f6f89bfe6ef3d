"""Statements that the doors run for every opt-out, prepared once per connection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import connection
from psycopg import Cursor


def fetch_all(statement: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Run `statement` as a prepared one and return its rows; raises `django.db.Error`.

    Django writes the values into the text of a statement, so that PostgreSQL parses and plans it every time. For the
    few that stand on the path of an opt-out that is most of their cost. Where prepared statements are turned off
    (DATABASE_PREPARED_STATEMENTS), this runs them unprepared.
    """
    connection.ensure_connection()
    with connection.wrap_database_errors, Cursor(connection.connection) as cursor:
        return cursor.execute(statement, values, prepare=True).fetchall()
