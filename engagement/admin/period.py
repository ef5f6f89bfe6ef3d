"""The form that chooses what the page of prevented robot unsubscribes counts."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django import forms
from django.utils import timezone

from engagement.prevented import Scope
from preferences.admin.filters import day_start
from preferences.admin.scope import AnyUser, brand_ids_of, brands_of
from preferences.models import Brand

LONGEST = timedelta(days=366)
PERIODS = {"7": "Last 7 days", "30": "Last 30 days", "90": "Last 90 days"}
DEFAULT_PERIOD = "30"
_DAY = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


class ScopeForm(forms.Form):
    """Days are whole days of the current time zone. A `period`, which ends today, overrules the two days. Without a
    brand chosen, the user's brands are counted."""

    since = forms.DateField(label="From", required=False, widget=_DAY)
    until = forms.DateField(label="To", required=False, widget=_DAY)
    brand = forms.ModelChoiceField(Brand.objects.all(), required=False, empty_label="All brands")
    mailing = forms.CharField(
        max_length=100, required=False, widget=forms.TextInput(attrs={"list": "fw-mailings", "placeholder": "All"})
    )
    period = forms.ChoiceField(choices=PERIODS, required=False, widget=forms.HiddenInput)

    def __init__(self, user: AnyUser, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.brand_ids = brand_ids_of(user)
        self.fields["brand"].queryset = brands_of(user)  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.errors:
            return cleaned
        if not cleaned["period"] and not (cleaned["since"] or cleaned["until"]):
            cleaned["period"] = DEFAULT_PERIOD
        cleaned["until"] = (None if cleaned["period"] else cleaned["until"]) or timezone.localdate()
        if cleaned["period"]:
            cleaned["since"] = cleaned["until"] - timedelta(days=int(cleaned["period"]) - 1)
        self._check_days(cleaned["since"], cleaned["until"])
        return cleaned

    def _check_days(self, since: date | None, until: date) -> None:
        if since is None:
            self.add_error("since", "Say from which day.")
        elif since > until:
            self.add_error("since", "This day is after the last one.")
        elif until - since >= LONGEST:
            self.add_error("since", "Choose a year at most.")

    @property
    def scope(self) -> Scope:
        cleaned = self.cleaned_data
        since: date = cleaned["since"]
        until: date = cleaned["until"]
        brand: Brand | None = cleaned["brand"]
        brand_ids = frozenset({brand.pk}) if brand else self.brand_ids
        return Scope(day_start(since), day_start(until + timedelta(days=1)), brand_ids, cleaned["mailing"])

    @property
    def link_parameters(self) -> dict[str, str]:
        """What the filtered lists call the same choice."""
        cleaned = self.cleaned_data
        parameters = {"since": cleaned["since"].isoformat(), "until": cleaned["until"].isoformat()}
        if cleaned["brand"]:
            parameters["brand__id__exact"] = str(cleaned["brand"].pk)
        if cleaned["mailing"]:
            parameters["mailing"] = cleaned["mailing"]
        return parameters
