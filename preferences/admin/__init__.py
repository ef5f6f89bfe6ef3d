"""The admin of who gets what. Evidence and ledger are read-only; what changes, changes through domain verbs."""

from __future__ import annotations

from preferences.admin.brands import BrandAdmin
from preferences.admin.keys import BrandKeyAdmin
from preferences.admin.ledger import PreferenceChangeAdmin
from preferences.admin.reasons import LeavingReasonAdmin
from preferences.admin.recipients import RecipientAdmin
from preferences.admin.topics import TopicAdmin, TopicGroupAdmin

__all__ = [
    "BrandAdmin",
    "BrandKeyAdmin",
    "LeavingReasonAdmin",
    "PreferenceChangeAdmin",
    "RecipientAdmin",
    "TopicAdmin",
    "TopicGroupAdmin",
]
