"""What is checked before anything starts, each with a sentence for the person who can mend it."""

from __future__ import annotations

import errno
import os
import socket
from urllib.parse import urlsplit

import psycopg
from django.core.exceptions import ImproperlyConfigured

from config.environment import env


class RunError(Exception):
    """Why Farewell does not run, in words for the person at the terminal."""


def read_port() -> int:
    text = env.str("PORT", default="8000")
    if text.isdecimal() and 0 < int(text) < 65536:
        return int(text)
    raise RunError(f"PORT={text} is not a port; choose a number from 1 to 65535.")


def check_port(host: str, port: int) -> None:
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen()
    except PermissionError:
        raise RunError(f"port {port} is reserved for root; choose another, as in: make run PORT=8001") from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise RunError(f"port {port} is in use; choose another, as in: make run PORT={port + 1}") from None
        raise RunError(f"GRANIAN_HOST={host} is not an address of this machine ({error.strerror}).") from None


def check_database() -> None:
    """Read the settings and connect once: what is wrong with either is said before anything starts."""
    check_database_url(os.environ["DATABASE_URL"])
    try:
        from django.db import connection

        parameters = connection.get_connection_params()
    except (ImproperlyConfigured, ValueError, LookupError) as error:
        raise RunError(f"a setting cannot be read: {error}") from None
    try:
        with psycopg.connect(**parameters) as server:
            version = server.info.server_version
    except psycopg.Error as error:
        reason = " ".join(str(error).split())
        if password := parameters.get("password"):
            reason = reason.replace(password, "***")
        raise RunError(f"the database of DATABASE_URL does not answer: {reason}") from None
    if version < 150000:
        raise RunError(f"the database is PostgreSQL {version // 10000}; 15 or newer is needed.")


def check_database_url(url: str) -> None:
    """Say what is wrong without repeating the address: it holds a password."""
    try:
        parts = urlsplit(url)
        is_postgres = parts.scheme in ("postgres", "postgresql") and (parts.port or 5432) > 0
    except ValueError:
        is_postgres = False
    if not is_postgres:
        raise RunError(
            "DATABASE_URL cannot be read. It looks like postgres://user:password@host:5432/name; special characters "
            "of the password are percent-encoded."
        )
