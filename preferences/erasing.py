"""Erasing a person (GDPR article 17): all that is kept is what it takes to go on not writing to them.

That is the recipient's id, a keyed hash which names nobody; that it is suppressed, since when and why; and one ledger
row that says so (docs/decisions/0010). `engagement.forgetting` is the whole verb; this is its part in this room.
"""

from __future__ import annotations

from django.db.models import Q
from django.db.models.functions import Now

from preferences import limits
from preferences.knowing import admin_entries
from preferences.links import Channel
from preferences.models import (
    Cause,
    Companions,
    LeavingAnswer,
    Pause,
    PreferenceChange,
    Recipient,
    Source,
    Subscription,
    Suppression,
    writing,
)
from preferences.models.subscriptions import SuppressionReason
from preferences.models.writing import Step

ERASED = "erased"  # what the admin's log says instead of the masked address


def erase_in_turn(recipient: Recipient, actor: str = "") -> int | None:
    """Erase inside `turn_of`; return the ledger row that says so, None when it was said before. Idempotent.

    `recipient` has the address by which requests for links are found; it need not be stored.
    """
    own = {"recipient_id": recipient.id}
    erased = Suppression.objects.filter(**own, reason=SuppressionReason.ERASED)
    said = erased.values_list("change_id", flat=True).first()
    Companions.objects.filter(Q(email_id=recipient.id) | Q(phone_id=recipient.id)).delete()
    Pause.objects.filter(**own).delete()
    Subscription.objects.filter(**own).delete()
    LeavingAnswer.objects.filter(**own).delete()
    PreferenceChange.objects.filter(**own).exclude(id=said or 0).delete()
    admin_entries(recipient.id).update(object_id=None, object_repr=ERASED, change_message="")
    limits.forget(Channel(recipient.channel), recipient.address)
    Recipient.objects.filter(id=recipient.id).update(address="")
    if said is not None:
        return None
    Suppression.objects.filter(**own).delete()
    Recipient.objects.filter(id=recipient.id).update(created_at=Now(), is_untracked=False)
    cause = Cause(Source.ERASURE, actor=actor)
    step = Step(recipient.id, recipient.brand_id, Channel(recipient.channel), "", cause)
    return writing.suppress(step, SuppressionReason.ERASED)
