"""Who asked for a link by typing an address: kept for a day, as hashes, so that nobody's inbox is flooded."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class LinkRequest(models.Model):
    """One request for a mail with a link. `address` and `network` are keyed hashes of 16 bytes."""

    address = models.BinaryField()
    network = models.BinaryField()
    purpose = models.CharField(max_length=11)
    asked_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [
            models.Index(fields=["address", "asked_at"], name="link_request_address"),
            models.Index(fields=["network", "asked_at"], name="link_request_network"),
            models.Index(fields=["asked_at"], name="link_request_time"),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} at {self.asked_at}"
