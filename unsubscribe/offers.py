"""What is offered below "you have left": fewer mails or a pause instead, and the question why."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django.utils.translation import gettext_lazy as _

from preferences.leaving import AfterLeaving
from preferences.models.writing import Setting
from preferences.wishes import months_after
from preferences.wording import FREQUENCIES

_PAUSES = {"14d": _("2 weeks"), "1m": _("1 month"), "3m": _("3 months")}
_MONTHS = {"1m": 1, "3m": 3}


def below(after: AfterLeaving, language: str) -> dict[str, Any]:
    """What the templates of the page after leaving need besides the link: values with what they are called."""
    return {
        "frequencies": [(value, FREQUENCIES[value]) for value in after.frequencies],
        "pauses": list(_PAUSES.items()) if after.can_pause else [],
        "reasons": after.reasons(language),
    }


def asking(offer: str) -> dict[str, Any]:
    """What a page needs to ask for a press that takes the offer."""
    is_pause = offer in _PAUSES
    return {"offer": offer, "is_pause": is_pause, "offer_name": _PAUSES[offer] if is_pause else FREQUENCIES[offer]}


def setting_of(offer: str, after: AfterLeaving, today: date) -> Setting | None:
    """What taking the offer sets, None when it is not offered."""
    if offer in after.frequencies:
        return Setting(frequency=offer)
    if offer in _PAUSES and after.can_pause:
        months = _MONTHS.get(offer)
        return Setting(paused_until=months_after(today, months) if months else today + timedelta(weeks=2))
    return None
