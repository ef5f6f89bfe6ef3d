"""Mailings, and the times in which the recorder had to shed."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import URLPattern, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString

from engagement.admin.dashboards.urls import urls
from engagement.admin.mailing_form import MailingForm, MailingRowForm
from engagement.models import Delivery, Mailing, RecordingGap
from preferences.admin.filters import FormFilter
from preferences.admin.lists import FarewellAdmin, LookOnlyAdmin, TypedInline
from preferences.admin.scope import OwnRelatedFilter, choices_of, within
from preferences.models import Topic


class AutomationFilter(FormFilter):
    """One automation, by its name; those of the user's own brands are suggested."""

    title = "automation"
    template = "admin/filter_text.html"
    parameters = ("automation",)

    @property
    def value(self) -> str:
        return self.values.get("automation", "")

    @property
    def suggestions(self) -> QuerySet[Mailing, str]:
        named = within(self.request.user, Mailing.objects.exclude(automation=""), "brand_id")
        return named.order_by("automation").values_list("automation", flat=True).distinct()[:200]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(automation=self.value) if self.value else queryset


class TopicFilter(OwnRelatedFilter):
    """Topics of several brands may be called the same: then each stands with its brand."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[Any]:
        topics = choices_of(request.user, Topic.objects.select_related("brand").defer("brand__logo"))
        topics = topics.order_by("brand__name", "brand_id", "position", "name")
        has_brands = len({topic.brand_id for topic in topics}) > 1
        return [(topic.pk, f"{topic.brand}: {topic.name}" if has_brands else topic.name) for topic in topics]


class DeliveryInline(TypedInline[Delivery, Mailing]):
    """What a command or the API has fed, to look at."""

    model = Delivery
    extra = 0
    can_delete = False
    readonly_fields = ("sent_on", "segment", "sent_count", "delivered_count")
    fields = readonly_fields

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return any(request.user.has_perm(f"engagement.{verb}_mailing") for verb in ("view", "change"))


@admin.register(Mailing)
class MailingAdmin(FarewellAdmin[Mailing]):
    """What its links do not say of a mailing is fed by a command, or written here."""

    brand_path = "brand_id"
    empty_text = "A mailing appears by itself when the first link that names it is opened, or is fed by a command."
    form = MailingForm
    inlines = [DeliveryInline]
    list_display = [
        *("named", "figures", "sent", "sent_count", "delivered_count"),
        *("kind", "automation", "channel", "about", "brand"),
    ]
    list_display_links = ["named"]
    list_editable = ["delivered_count"]
    list_select_related = ["brand"]
    ordering = [Coalesce("sent_at", "created_at").desc(), "slug"]
    list_filter = [
        *("brand", "kind", "channel", AutomationFilter, ("topics", TopicFilter), "sent_at", "created_at"),
        ("delivered_count", admin.EmptyFieldListFilter),
    ]
    search_fields = ["slug", "name", "automation"]
    readonly_fields = ["slug", "brand", "created_at", "figures"]
    fieldsets = [
        (None, {"fields": ["slug", "brand", "figures", "name", "kind", "automation", "channel", "topics"]}),
        ("How many", {"fields": ["sent_at", "sent_count", "delivered_count", "created_at"]}),
    ]

    def get_urls(self) -> list[URLPattern]:
        return [*urls(self.admin_site.admin_view), *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Mailing]:
        """Each row knows whether its counts are fed: the list asks when it is shown, and when it is saved."""
        is_fed = Exists(Delivery.objects.filter(mailing=OuterRef("pk")))
        own: QuerySet[Mailing] = super().get_queryset(request).annotate(is_fed=is_fed)
        return own.defer("brand__logo").prefetch_related("topics")

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> Any:
        return super().get_changelist_form(request, **{**kwargs, "form": MailingRowForm})

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @admin.display(description="mailing", ordering="slug")
    def named(self, mailing: Mailing) -> SafeString:
        aside = format_html('<span class="fw-aside">{}</span>', mailing.slug) if mailing.name else ""
        return format_html("{}{}", mailing.name or mailing.slug, aside)

    @admin.display(description="sent", ordering="sent_at", empty_value="–")
    def sent(self, mailing: Mailing) -> str | None:
        return date_format(timezone.localtime(mailing.sent_at), "j M Y H:i") if mailing.sent_at else None

    @admin.display(description="topics")
    def about(self, mailing: Mailing) -> str:
        return ", ".join(topic.name for topic in mailing.topics.all()) or "–"

    @admin.display(description="figures")
    def figures(self, mailing: Mailing) -> SafeString:
        url = reverse("admin:engagement_mailing_figures", args=[mailing.pk])
        return format_html('<a href="{}">Figures<span class="visually-hidden"> of {}</span></a>', url, mailing)


@admin.register(RecordingGap)
class RecordingGapAdmin(LookOnlyAdmin[RecordingGap]):
    brand_path = ""
    empty_text = (
        "Nothing was ever shed. When more comes than can be recorded, statistics give way, and it is said here."
    )
    list_display = ["started_at", "ended_at", "lost_count"]
    readonly_fields = ["started_at", "ended_at", "lost_count"]
