"""The one place that reads the process environment and the optional `.env` beside manage.py."""

from __future__ import annotations

from pathlib import Path

import environ

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
environ.Env.read_env(BASE_DIR / ".env")

DATA_DIR = Path(env.str("FAREWELL_DATA_DIR", default=str(BASE_DIR / "var")))
