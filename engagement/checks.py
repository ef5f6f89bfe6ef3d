"""System checks of this room."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Warning


def check_pseudonyms(**_: Any) -> list[CheckMessage]:
    """farewell.W005: a switch judges days again of which nobody knows any more what they were judged by."""
    kept, recounted = settings.FAREWELL_PSEUDONYMISE_DAYS, settings.FAREWELL_RECOUNT_DAYS
    if not 0 < kept < recounted:
        return []
    message = f"Opens and clicks tell of nobody after {kept} days, and a switch would judge {recounted} days again."
    hint = "Set FAREWELL_PSEUDONYMISE_DAYS to more than FAREWELL_RECOUNT_DAYS; older verdicts stand as they are."
    return [Warning(message, hint=hint, id="farewell.W005")]
