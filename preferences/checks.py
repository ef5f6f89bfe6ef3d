"""System checks of this room."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error
from django.db import DatabaseError

from preferences.addresses import address_key_check

ADDRESS_KEY_HINT = (
    "Set FAREWELL_ADDRESS_KEY to its former value, or, if it was never set, to the former SECRET_KEY. Until then "
    "opt-outs are looked for under the wrong ids and nobody's would be found."
)


def check_address_key(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """farewell.E001: the recipients of some brand are stored under ids of another address key."""
    from preferences.models import Brand

    if "default" not in (databases or ()):
        return []
    try:
        slugs = list(Brand.objects.exclude(address_key_check=address_key_check()).values_list("slug", flat=True))
    except DatabaseError:  # not migrated yet
        return []
    if not slugs:
        return []
    message = f"The address key is not the one that these brands were made with: {', '.join(slugs)}."
    return [Error(message, hint=ADDRESS_KEY_HINT, id="farewell.E001")]
