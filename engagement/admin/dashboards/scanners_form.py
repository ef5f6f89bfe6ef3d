"""The form of the page "Who scans us"."""

from __future__ import annotations

from django import forms

from engagement.admin.dashboards.form import DashboardForm


class ScannersForm(DashboardForm):
    """What a dashboard counts, at one mail domain or all."""

    field_order = ("since", "until", "brand", "period", "domain", "channel")

    domain = forms.CharField(max_length=253, required=False, widget=forms.TextInput(attrs={"placeholder": "All"}))

    def clean_domain(self) -> str:
        domain: str = self.cleaned_data["domain"]
        return domain.lower()

    @property
    def own_parameters(self) -> dict[str, str]:
        chosen = self.cleaned_data["domain"]
        return super().own_parameters | ({"domain": chosen} if chosen else {})
