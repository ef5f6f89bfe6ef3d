"""Django's admin with Farewell's site instead of its own."""

from __future__ import annotations

from django.contrib.admin.apps import AdminConfig


class FarewellAdminConfig(AdminConfig):
    default_site = "preferences.site.FarewellSite"
