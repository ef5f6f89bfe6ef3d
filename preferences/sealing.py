"""Texts that wait in the task queue: sealed, because whoever reads that table must not read addresses."""

from __future__ import annotations

import base64
import json
from functools import cache
from typing import Any

from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


def seal_fields(**fields: Any) -> str:
    """Return the JSON `fields` as a text that only this Farewell can read."""
    return _box().encrypt(json.dumps(fields).encode()).decode()


def open_fields(sealed: str) -> dict[str, Any]:
    """Return what was sealed. Raises `cryptography.fernet.InvalidToken` when SECRET_KEY changed without a fallback."""
    fields: dict[str, Any] = json.loads(_box().decrypt(sealed))
    return fields


def _box() -> MultiFernet:
    return MultiFernet([_fernet(secret) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


@cache
def _fernet(secret: str) -> Fernet:
    key = HKDF(SHA256(), 32, salt=None, info=b"farewell task arguments").derive(secret.encode())
    return Fernet(base64.urlsafe_b64encode(key))
