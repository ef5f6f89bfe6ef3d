"""Who said that their opens and clicks are not to be recorded."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from preferences.prepared import fetch_all

# An index of the few who said no answers it, however many recipients there are.
_UNTRACKED = "SELECT id FROM preferences_recipient WHERE is_untracked AND id = ANY(%(ids)s)"


def untracked(recipient_ids: Collection[UUID]) -> set[UUID]:
    """Return those of the recipients of whom no open and no click is to be stored; one query."""
    if not recipient_ids:
        return set()
    return {recipient_id for (recipient_id,) in fetch_all(_UNTRACKED, {"ids": list(recipient_ids)})}
