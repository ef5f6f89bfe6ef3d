from __future__ import annotations

from django.apps import AppConfig


class UnsubscribeConfig(AppConfig):
    name = "unsubscribe"
