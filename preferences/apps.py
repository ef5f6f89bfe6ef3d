from __future__ import annotations

from django.apps import AppConfig
from django.core.checks import Tags, register

from preferences.checks import check_address_key


class PreferencesConfig(AppConfig):
    name = "preferences"

    def ready(self) -> None:
        register(Tags.database)(check_address_key)
