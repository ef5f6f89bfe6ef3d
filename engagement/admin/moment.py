"""Pages of figures show one moment, however many queries they ask."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.db import connection, transaction
from django.http import HttpResponse


def at_one_moment(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Let all that the view reads be of one moment: figures that switch between two of its queries would be half old
    and half new. It cannot write. Within a transaction of the caller's, that one's rules hold."""

    @wraps(view)
    def wrapped(*args: Any, **kwargs: Any) -> HttpResponse:
        if connection.in_atomic_block:
            return view(*args, **kwargs)
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            return view(*args, **kwargs)

    return wrapped
