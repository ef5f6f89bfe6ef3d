from __future__ import annotations

from preferences.models.brands import Brand, BrandKey, Policy, Topic
from preferences.models.ledger import Cause, PreferenceChange, Source, State
from preferences.models.recipients import Outcome, Recipient, Subscription, Suppression

__all__ = [
    "Brand",
    "BrandKey",
    "Cause",
    "Outcome",
    "Policy",
    "PreferenceChange",
    "Recipient",
    "Source",
    "State",
    "Subscription",
    "Suppression",
    "Topic",
]
