"""System checks of this room."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Warning
from django.db import DatabaseError


def check_pseudonyms(**_: Any) -> list[CheckMessage]:
    """farewell.W005: a switch judges days again of which nobody knows any more what they were judged by."""
    kept, recounted = settings.FAREWELL_PSEUDONYMISE_DAYS, settings.FAREWELL_RECOUNT_DAYS
    if not 0 < kept < recounted:
        return []
    message = f"Opens and clicks tell of nobody after {kept} days, and a switch would judge {recounted} days again."
    hint = "Set FAREWELL_PSEUDONYMISE_DAYS to more than FAREWELL_RECOUNT_DAYS; older verdicts stand as they are."
    return [Warning(message, hint=hint, id="farewell.W005")]


def check_time_zone(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """farewell.W006: the figures were counted in another time zone."""
    from engagement.counting.zones import counted_zone, is_of_another_zone

    if "default" not in (databases or ()):
        return []
    try:
        if not is_of_another_zone():
            return []
    except DatabaseError:  # not migrated yet
        return []
    message = f"TIME_ZONE is {settings.TIME_ZONE}, and the figures were counted in {counted_zone() or 'another one'}."
    hint = "Nothing is counted until you run manage.py count_interactions --rebuild, or set TIME_ZONE back."
    return [Warning(message, hint=hint, id="farewell.W006")]
