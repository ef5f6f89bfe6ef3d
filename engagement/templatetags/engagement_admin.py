"""What the admin's templates ask this room for, so that no lower room needs to know of it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import template

from engagement.admin.interactions import reasons, sentence
from engagement.models import Interaction

register = template.Library()
_LATEST = 50


@register.filter
def thousands(number: int | str) -> str:
    """The number with its thousands apart; what is text already stays."""
    return number if isinstance(number, str) else f"{number:,}"


@register.inclusion_tag("admin/engagement/interaction/recent.html")
def recent_interactions(recipient_id: UUID) -> dict[str, Any]:
    """The newest interactions at a recipient's links, as sentences with reasons."""
    newest = Interaction.objects.of_recipient(recipient_id).order_by("-occurred_at")[:_LATEST]
    rows = [(interaction, sentence(interaction), reasons(interaction)) for interaction in newest]
    return {"rows": rows, "recipient_id": recipient_id}
