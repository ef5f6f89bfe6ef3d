"""The admin of who gets what. Evidence and ledger are read-only; what changes, changes through domain verbs."""

from __future__ import annotations

from preferences.admin.brands import BrandAdmin, TopicAdmin
from preferences.admin.keys import BrandKeyAdmin
from preferences.admin.ledger import PreferenceChangeAdmin
from preferences.admin.recipients import RecipientAdmin

__all__ = ["BrandAdmin", "BrandKeyAdmin", "PreferenceChangeAdmin", "RecipientAdmin", "TopicAdmin"]
