"""Which mail domains are an organisation's, so that their users are colleagues."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

_FILE = Path(__file__).parent / "data" / "mailbox_providers.json"


def is_organisation(domain: str) -> bool:
    """Return whether `domain`, in lower case, belongs to an organisation and not to a provider of public mailboxes."""
    return bool(domain) and domain not in _providers()


@cache
def _providers() -> frozenset[str]:
    return frozenset(json.loads(_FILE.read_text())["domains"])
