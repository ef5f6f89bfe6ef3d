from __future__ import annotations

from django.apps import AppConfig
from django.core.checks import Tags, register


class EngagementConfig(AppConfig):
    name = "engagement"

    def ready(self) -> None:
        from engagement.checks import check_pseudonyms, check_time_zone
        from engagement.networks import check_asn_database, check_networks_file

        register(check_networks_file)
        register(check_asn_database)
        register(check_pseudonyms)
        register(check_time_zone, Tags.database)
