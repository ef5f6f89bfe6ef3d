"""What may be written of a mailing by hand: the forms of its page and of a row in the list.

Their mailing knows by the admin's query whether its counts are fed (`is_fed`).
"""

from __future__ import annotations

from typing import Any

from django import forms

from engagement.models import Mailing
from preferences.admin.lists import LabelledForm
from preferences.models import Topic

_FED = "Added up from what was sent and delivered day by day, below."


class MailingForm(forms.ModelForm[Mailing]):
    """Counts that are fed day by day are sums, so they are not written here."""

    class Meta:
        model = Mailing
        fields = ("name", "kind", "automation", "channel", "topics", "sent_at", "sent_count", "delivered_count")
        widgets = {"topics": forms.CheckboxSelectMultiple}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        is_fed = getattr(self.instance, "is_fed", False)
        if topics := self.fields.get("topics"):
            topics.queryset = Topic.objects.filter(brand_id=self.instance.brand_id)  # type: ignore[attr-defined]
            topics.help_text = "Which topics it was sent for. Clicks and opens are counted by what their links say."
        for name in ("sent_count", "delivered_count"):
            if is_fed and name in self.fields:
                self.fields[name].disabled = True
                self.fields[name].help_text = _FED

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("kind") == Mailing.Kind.AUTOMATION and not cleaned.get("automation"):
            self.add_error("automation", "Say which automation this mail belongs to, such as welcome.")
        if cleaned.get("kind") == Mailing.Kind.CAMPAIGN and cleaned.get("automation"):
            self.add_error(
                "automation", "A campaign belongs to no automation: leave this empty, or choose the other kind."
            )
        sent, delivered = cleaned.get("sent_count"), cleaned.get("delivered_count")
        if sent is not None and delivered is not None and delivered > sent:
            self.add_error("delivered_count", f"No more can be delivered than were sent ({sent:,}).")
        return cleaned


class MailingRowForm(LabelledForm):
    """A row of the list."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if getattr(self.instance, "is_fed", False):
            self.fields["delivered_count"].disabled = True

    def clean_delivered_count(self) -> int | None:
        delivered: int | None = self.cleaned_data["delivered_count"]
        sent = self.instance.sent_count
        if delivered is not None and sent is not None and delivered > sent:
            raise forms.ValidationError(f"No more can be delivered than were sent ({sent:,}).")
        return delivered
