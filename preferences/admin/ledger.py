"""The ledger, read as sentences."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString

from preferences.admin.filters import MailingFilter, PeriodFilter, RecipientFilter
from preferences.admin.lists import LookOnlyAdmin, as_list, pretty_json
from preferences.models import PreferenceChange, State
from preferences.telling import sentence


def reasons(change: PreferenceChange) -> list[str]:
    """Return why it happened: what was given as reason, then what the visit showed."""
    signals = change.evidence.get("signals") or []
    shown = [str(signal.get("reason", "")) for signal in signals if isinstance(signal, dict)]
    return [line for line in (change.reason, *shown) if line]


def standing(settles_at: datetime | None) -> str:
    """Return "final", or until when a change is provisional."""
    if settles_at is None or settles_at <= timezone.now():
        return "final"
    return f"provisional until {date_format(timezone.localtime(settles_at), 'j M H:i')}"


class StandingFilter(admin.SimpleListFilter):
    title = "standing"
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> list[tuple[str, str]]:
        return [("provisional", "Provisional now"), ("final", "Final")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        is_provisional = Q(settles_at__gt=timezone.now())
        match self.value():
            case "provisional":
                return queryset.filter(is_provisional)
            case "final":
                return queryset.exclude(is_provisional)
        return queryset


class ChangePeriodFilter(PeriodFilter):
    field = "changed_at"


@admin.register(PreferenceChange)
class PreferenceChangeAdmin(LookOnlyAdmin[PreferenceChange]):
    brand_path = "brand_id"
    empty_text = (
        "Every change of what someone receives will appear here, whichever way it came: a link in a mail, the "
        "mailbox provider's button, the preference page, an import or this admin."
    )
    list_title = "Ledger"
    list_display = ["when", "told", "why"]
    list_display_links = ["when"]
    list_select_related = ["topic", "recipient", "brand"]
    list_filter = [
        ChangePeriodFilter,
        RecipientFilter,
        "source",
        "brand",
        MailingFilter,
        StandingFilter,
        ("state", admin.ChoicesFieldListFilter),
    ]
    ordering = ["-changed_at", "-id"]
    readonly_fields = [
        "when",
        "what",
        "who",
        "brand",
        "by",
        "actor",
        "mailing_name",
        "stands",
        "why",
        "before",
        "proof",
    ]

    @admin.display(description="when")
    def when(self, change: PreferenceChange) -> str:
        return date_format(timezone.localtime(change.changed_at), "j M Y H:i:s")

    @admin.display(description="change")
    def told(self, change: PreferenceChange) -> SafeString:
        """The row as one sentence: who, what, through which door, for which brand and mailing."""
        return format_html(
            '{}: <strong>{}</strong> through {}. <span class="fw-aside">{}</span>',
            self.who(change),
            sentence(change),
            self.by(change),
            " · ".join(part for part in (str(change.brand), change.mailing, standing(change.settles_at)) if part),
        )

    @admin.display(description="what")
    def what(self, change: PreferenceChange) -> str:
        return sentence(change)

    @admin.display(description="recipient")
    def who(self, change: PreferenceChange) -> SafeString:
        url = reverse("admin:preferences_recipient_change", args=[change.recipient_id])
        return format_html('<a href="{}">{}</a>', url, change.recipient)

    @admin.display(description="through")
    def by(self, change: PreferenceChange) -> str:
        return f"{change.get_source_display()}{f', {change.actor}' if change.actor else ''}"

    @admin.display(description="mailing", empty_value="–")
    def mailing_name(self, change: PreferenceChange) -> str | None:
        return change.mailing or None

    @admin.display(description="standing")
    def stands(self, change: PreferenceChange) -> str:
        return standing(change.settles_at)

    @admin.display(description="reasons")
    def why(self, change: PreferenceChange) -> SafeString:
        return as_list(reasons(change))

    @admin.display(description="before")
    def before(self, change: PreferenceChange) -> str:
        state, number = change.replaced.get("state", ""), change.replaced.get("change")
        label = dict(State.choices).get(state, state)
        return f"{label}{f' (change {number})' if number else ''}"

    @admin.display(description="evidence")
    def proof(self, change: PreferenceChange) -> SafeString:
        return pretty_json(change.evidence)
