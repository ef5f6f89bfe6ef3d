from __future__ import annotations

from django.apps import AppConfig
from django.core.checks import register


class EngagementConfig(AppConfig):
    name = "engagement"

    def ready(self) -> None:
        from engagement.checks import check_pseudonyms
        from engagement.networks import check_asn_database, check_networks_file

        register(check_networks_file)
        register(check_asn_database)
        register(check_pseudonyms)
