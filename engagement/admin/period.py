"""The forms that choose what the pages of figures count."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from django import forms
from django.utils import timezone

from engagement.figures.opt_outs import Scope
from preferences.admin.filters import day_start
from preferences.admin.scope import AnyUser, brand_ids_of, brands_of
from preferences.links import Channel
from preferences.models import Brand

LONGEST = timedelta(days=366)
PERIODS = {"7": "Last 7 days", "30": "Last 30 days", "90": "Last 90 days"}
DEFAULT_PERIOD = "30"
CHANNELS = {Channel.EMAIL.value: "E-mail", Channel.SMS.value: "SMS"}
_DAY = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


class PeriodForm(forms.Form):
    """Days are whole days of the current time zone. A `period`, which ends today, overrules the two days. Without a
    brand chosen, the user's brands are counted."""

    periods = PERIODS
    default_period = DEFAULT_PERIOD
    longest_years = 1

    since = forms.DateField(label="From", required=False, widget=_DAY)
    until = forms.DateField(label="To", required=False, widget=_DAY)
    brand = forms.ModelChoiceField(Brand.objects.all(), required=False, empty_label="All brands")
    period = forms.ChoiceField(required=False, widget=forms.HiddenInput)

    def __init__(self, user: AnyUser, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.brand_ids = brand_ids_of(user)
        self.fields["brand"].queryset = brands_of(user)  # type: ignore[attr-defined]
        self.fields["period"].choices = list(self.periods.items())  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.errors:
            return cleaned
        if not cleaned["period"] and not (cleaned["since"] or cleaned["until"]):
            cleaned["period"] = self.default_period
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
        elif until - since >= LONGEST * self.longest_years:
            many = "a year" if self.longest_years == 1 else f"{self.longest_years} years"
            self.add_error("since", f"Choose {many} at most.")

    @property
    def start(self) -> datetime:
        return day_start(self.cleaned_data["since"])

    @property
    def end(self) -> datetime:
        return day_start(self.cleaned_data["until"] + timedelta(days=1))

    @property
    def chosen_brand_ids(self) -> frozenset[int] | None:
        brand: Brand | None = self.cleaned_data["brand"]
        return frozenset({brand.pk}) if brand else self.brand_ids

    @property
    def link_parameters(self) -> dict[str, str]:
        """What the filtered lists call the same choice."""
        cleaned = self.cleaned_data
        parameters = {"since": cleaned["since"].isoformat(), "until": cleaned["until"].isoformat()}
        if cleaned["brand"]:
            parameters["brand__id__exact"] = str(cleaned["brand"].pk)
        return parameters


class ChannelForm(PeriodForm):
    """A period of up to years, a brand, and a channel."""

    periods = PERIODS | {"365": "Last 365 days"}
    longest_years = 3

    channel = forms.ChoiceField(required=False, choices=[("", "All channels"), *CHANNELS.items()])

    @property
    def own_parameters(self) -> dict[str, str]:
        """The same choice for this page, with the days named."""
        cleaned = self.cleaned_data
        chosen = {"since": cleaned["since"].isoformat(), "until": cleaned["until"].isoformat()}
        chosen |= {"brand": str(cleaned["brand"].pk) if cleaned["brand"] else "", "channel": cleaned["channel"]}
        return {name: value for name, value in chosen.items() if value}


class ScopeForm(PeriodForm):
    """A period, and a mailing."""

    mailing = forms.CharField(
        max_length=100, required=False, widget=forms.TextInput(attrs={"list": "fw-mailings", "placeholder": "All"})
    )

    @property
    def scope(self) -> Scope:
        return Scope(self.start, self.end, self.chosen_brand_ids, self.cleaned_data["mailing"])

    @property
    def link_parameters(self) -> dict[str, str]:
        mailing = self.cleaned_data["mailing"]
        return super().link_parameters | ({"mailing": mailing} if mailing else {})
