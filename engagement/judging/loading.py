"""Stored interactions as objects, by the ten thousand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.db import connection
from django.db.models.base import ModelState

from engagement.models import Interaction


def load(statement: str, values: Mapping[str, Any]) -> list[Interaction]:
    """Return the rows of a statement that yields all columns of interactions, under their names.

    Django's own way calls each field's converter and each listener of a new object: most of what a row cost here, where
    nobody listens, and only JSON has to be read.
    """
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        names = [column.name for column in cursor.description]
        return [_made(dict(zip(names, row, strict=True))) for row in cursor.fetchall()]


def _made(values: dict[str, Any]) -> Interaction:
    row = Interaction.__new__(Interaction)
    row._state = ModelState()
    row._state.adding, row._state.db = False, connection.alias
    row.__dict__.update(values, signals=json.loads(values["signals"]), facts=json.loads(values["facts"]))
    return row
