"""The form that chooses what a dashboard counts."""

from __future__ import annotations

from functools import cached_property

from engagement.admin.period import ChannelForm
from engagement.figures.counted import Counted
from preferences.models import Brand


class DashboardForm(ChannelForm):
    """A period, a brand and a channel."""

    @cached_property
    def brands(self) -> list[Brand]:
        """Those that are counted."""
        chosen: Brand | None = self.cleaned_data["brand"]
        return [chosen] if chosen else list(self.fields["brand"].queryset.only("id", "name"))  # type: ignore[attr-defined]

    @cached_property
    def counted(self) -> Counted:
        ids = frozenset(brand.pk for brand in self.brands)
        return Counted(self.start, self.end, ids, self.cleaned_data["channel"])
