"""A client that does not ask twice for what cannot have changed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection
from django.test import Client

_WRITES = re.compile(r"\b(?:INSERT|UPDATE|DELETE|TRUNCATE|COPY|ALTER|CREATE|DROP|setval)\b", re.IGNORECASE)


class RememberingClient(Client):
    """Gives the page again that it was given, to the same question with the same cookies, as long as nobody has
    written to the database: a walk over many pages is led back to a few of them, again and again."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._given: dict[tuple[str, ...], Any] = {}
        self._writes = 0

    @contextmanager
    def heeding_writes(self) -> Iterator[None]:
        """Without this, a page would be given again though what it shows has changed."""
        with connection.execute_wrapper(self._heed):
            yield

    def _heed(self, execute: Callable[..., Any], statement: str, *arguments: Any) -> Any:
        if _WRITES.search(statement):
            self._writes += 1
            self._given.clear()
        return execute(statement, *arguments)

    def request(self, **request: Any) -> Any:
        if request["REQUEST_METHOD"] != "GET":
            return super().request(**request)
        cookies = [f"{name}={cookie.value}" for name, cookie in sorted(self.cookies.items())]
        asked = request["PATH_INFO"], request["QUERY_STRING"], *cookies
        if asked in self._given:
            response = self._given[asked]
            self.cookies.update(response.cookies)
            return response
        writes = self._writes
        response = super().request(**request)
        if self._writes == writes:
            self._given[asked] = response
        return response
