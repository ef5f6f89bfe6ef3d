"""Interactions, read as sentences with the reasons of their verdict."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString

from engagement.admin.erasing import erase_view
from engagement.admin.learned import LearnedFilter
from engagement.admin.leaving import leaving_view
from engagement.admin.moment import at_one_moment
from engagement.admin.prevented import prevented_view
from engagement.admin.timeline import shown, timeline_view
from engagement.explaining import timeline
from engagement.models import Interaction, Kind, Mailing
from preferences.admin.filters import MailingFilter, PeriodFilter, RecipientFilter
from preferences.admin.lists import LookOnlyAdmin, as_list, pretty_json
from preferences.admin.scope import within


def reasons(interaction: Interaction) -> list[str]:
    """Return the verdict's reasons, those that prove a machine marked."""
    return timeline.reasons(interaction.signals)


def spoken_age(seconds: int | None) -> str:
    """Return how long after sending, in the largest unit that is not zero."""
    if seconds is None:
        return "at an unknown time after sending"
    for size, name in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            count = seconds // size
            return f"{count} {name}{'' if count == 1 else 's'} after sending"
    return f"{seconds} s after sending"


def sentence(interaction: Interaction) -> str:
    """Return what the visitor did and what came of it, such as "Opened the page 12 s after sending"."""
    kind = timeline.capital(timeline.kind_words(interaction.kind))
    answer = timeline.answer_words(interaction.kind, interaction.answer)
    return f"{kind} {spoken_age(interaction.send_age)}{answer}"


class InteractionPeriodFilter(PeriodFilter):
    """Seven days unless chosen: the table is partitioned by time, and a day may hold millions."""

    field = "occurred_at"
    default_days = 7


class KnownMailingFilter(MailingFilter):
    """Suggests the newest mailings from their own table."""

    @property
    def suggestions(self) -> QuerySet[Mailing, str]:  # type: ignore[override]
        return within(self.request.user, Mailing.objects.all(), "brand_id").values_list("slug", flat=True)[:200]


class KindFilter(admin.SimpleListFilter):
    title = "kind"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> list[tuple[str, str]]:
        return [("landing", "opened either link"), *((kind.value, str(kind.label)) for kind in Kind)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if value == "landing":
            return queryset.filter(kind__in=[Kind.VISIT, Kind.HEADER_VISIT])
        return queryset.filter(kind=value) if value in Kind.values else queryset


@admin.register(Interaction)
class InteractionAdmin(LookOnlyAdmin[Interaction]):
    brand_path = "brand_id"
    empty_text = (
        "Every visit to a link will appear here within a second, with the verdict on it and the reasons: page views, "
        "script runs, presses and one-click requests."
    )
    change_form_template = "admin/engagement/timeline_change_form.html"
    list_display = ["when", "told", "judged", "why"]
    list_display_links = ["when"]
    list_select_related = ["brand"]
    list_filter = [
        InteractionPeriodFilter,
        RecipientFilter,
        LearnedFilter,
        "verdict",
        KindFilter,
        ("is_hard", admin.BooleanFieldListFilter),
        "brand",
        KnownMailingFilter,
    ]
    ordering = ["-occurred_at", "-id"]
    readonly_fields = [
        "when",
        "what",
        "judged",
        "why",
        "whose",
        "brand",
        "topic",
        "mailing_name",
        "channel",
        "purpose",
        "answer",
        "visit",
        "network",
        "visitor_hash",
        "agent",
        "rules",
        "shown_facts",
    ]

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("prevented/", wrap(at_one_moment(self.prevented_view)), name="engagement_interaction_prevented"),
            path("timeline/", wrap(self.timeline_view), name="engagement_interaction_timeline"),
            path("erase/<uuid:recipient_id>/", wrap(self.erase_view), name="engagement_interaction_erase"),
            path("leaving/", wrap(at_one_moment(leaving_view)), name="engagement_leaving"),
            *super().get_urls(),
        ]

    def prevented_view(self, request: HttpRequest) -> HttpResponse:
        return prevented_view(self, request)

    def erase_view(self, request: HttpRequest, recipient_id: UUID) -> HttpResponse:
        return erase_view(self, request, recipient_id)

    def timeline_view(self, request: HttpRequest) -> HttpResponse:
        return timeline_view(self, request)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The row with the timeline of its message above it."""
        row = self.get_object(request, object_id) if self.has_view_permission(request) else None
        drawn = shown(request, row.recipient_id, row.mailing) if row else {}
        return super().change_view(request, object_id, form_url, {**drawn, **(extra_context or {})})

    @admin.display(description="when")
    def when(self, interaction: Interaction) -> str:
        return date_format(timezone.localtime(interaction.occurred_at), "j M Y H:i:s")

    @admin.display(description="interaction")
    def told(self, interaction: Interaction) -> SafeString:
        """The row as one sentence, with brand, mailing and recipient."""
        return format_html(
            '<strong>{}</strong>. <span class="fw-aside">{} · recipient {}</span>',
            sentence(interaction),
            " · ".join(part for part in (str(interaction.brand), interaction.mailing) if part),
            self.whose(interaction),
        )

    @admin.display(description="what")
    def what(self, interaction: Interaction) -> str:
        return sentence(interaction)

    @admin.display(description="verdict")
    def judged(self, interaction: Interaction) -> SafeString:
        sign = format_html(
            '<span class="fw-verdict fw-{}">{}</span>', interaction.verdict, interaction.get_verdict_display()
        )
        points = "proof" if interaction.is_hard else f"{interaction.score:+d} points"
        return format_html('{} <span class="fw-aside">{}</span>', sign, points)

    @admin.display(description="reasons")
    def why(self, interaction: Interaction) -> SafeString:
        return as_list(reasons(interaction))

    @admin.display(description="mailing", empty_value="–")
    def mailing_name(self, interaction: Interaction) -> str | None:
        return interaction.mailing or None

    @admin.display(description="recipient")
    def whose(self, interaction: Interaction) -> SafeString:
        """A recipient of whom nothing is stored has no page; the list of their interactions is there for all."""
        here = f"{reverse('admin:engagement_interaction_changelist')}?recipient={interaction.recipient_id}"
        return format_html('<a href="{}">{}…</a>', here, str(interaction.recipient_id)[:8])

    @admin.display(description="visitor (hash)")
    def visitor_hash(self, interaction: Interaction) -> str:
        return bytes(interaction.visitor).hex()

    @admin.display(description="facts")
    def shown_facts(self, interaction: Interaction) -> SafeString:
        return pretty_json(interaction.facts)
