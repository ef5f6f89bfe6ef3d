"""Django's PostgreSQL, with nobody waiting for one that is known to be away (preferences/pulse.py)."""

from __future__ import annotations

from typing import Any

import psycopg
from django.db.backends.postgresql import base

from preferences.pulse import pulse


class DatabaseWrapper(base.DatabaseWrapper):
    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        pulse.require()
        try:
            return super().get_new_connection(conn_params)
        except psycopg.OperationalError:
            pulse.missed()
            raise
