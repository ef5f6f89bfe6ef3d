"""How long interactions are kept, and tell of somebody, as the operator has set it (docs/retention.md)."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings


def days_kept(part: str) -> int:
    """For how many days a part is kept; 0 means for ever."""
    days = {
        "opens": settings.FAREWELL_KEEP_OPENS_DAYS,
        "clicks": settings.FAREWELL_KEEP_CLICKS_DAYS,
        "visits": settings.FAREWELL_KEEP_VISITS_DAYS,
    }
    return max(0, days[part])


def kept_since(part: str, now: datetime) -> datetime | None:
    """Return the moment before which a part is past its time, None when it is kept for ever."""
    return now - timedelta(days=days) if (days := days_kept(part)) else None


def nobody_since(now: datetime) -> datetime | None:
    """Return the moment before which opens and clicks tell of nobody any more, None when they always do."""
    days = settings.FAREWELL_PSEUDONYMISE_DAYS
    return now - timedelta(days=days) if days > 0 else None
