"""The admin's site: what a user finds on every page, and who sees what comes from other apps."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

_LOOKED_AT = 100  # of the user's own latest deeds, to find some whose objects they still may see
_NAMED = 5

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[Any]
else:
    _Admin = object


class SuperusersOnly(_Admin):
    """What belongs to no brand and touches all: no permission replaces being a superuser."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return is_superuser(request) and super().has_module_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_superuser(request) and super().has_view_permission(request, obj)

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return is_superuser(request) and super().has_add_permission(request, *args)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_superuser(request) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_superuser(request) and super().has_delete_permission(request, obj)


def is_superuser(request: HttpRequest) -> bool:
    return request.user.is_active and request.user.is_superuser


class FarewellSite(admin.AdminSite):
    """Pages of other apps (users, groups, tasks) know nothing of brands, so superusers alone see them."""

    site_header = site_title = "Farewell"
    index_title = "Overview"
    site_url = None

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        admin_class = admin_class or admin.ModelAdmin
        if not hasattr(admin_class, "brand_path"):
            admin_class = type(admin_class.__name__, (SuperusersOnly, admin_class), {"__module__": __name__})
        super().register(model_or_iterable, admin_class, **options)

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        return {**super().each_context(request), "is_without_brand": self._is_without_brand(request)} | {
            "superusers": SimpleLazyObject(_superusers)
        }

    def _is_without_brand(self, request: HttpRequest) -> bool:
        from preferences.admin.scope import brand_ids_of

        return self.has_permission(request) and brand_ids_of(request.user) == frozenset()

    def get_log_entries(self, request: HttpRequest) -> QuerySet[LogEntry]:
        """The user's deeds on what they may see today; found only when a page shows them, which few do."""
        entries = super().get_log_entries(request)
        if is_superuser(request):
            return entries
        return cast("QuerySet[LogEntry]", SimpleLazyObject(lambda: self._seen_by(request, entries)))

    def _seen_by(self, request: HttpRequest, entries: QuerySet[LogEntry]) -> QuerySet[LogEntry]:
        by_model: dict[type[Model], list[LogEntry]] = {}
        for entry in entries.filter(user__pk=str(request.user.pk))[:_LOOKED_AT]:
            model = entry.content_type and entry.content_type.model_class()
            if model and self.is_registered(model):
                by_model.setdefault(model, []).append(entry)
        seen = [entry.pk for model, own in by_model.items() for entry in self._visible(request, model, own)]
        return entries.filter(pk__in=seen)

    def _visible(self, request: HttpRequest, model: type[Model], entries: list[LogEntry]) -> Iterable[LogEntry]:
        model_admin = self.get_model_admin(model)
        if not model_admin.has_view_permission(request):
            return []
        keys = {entry.pk: _key(model, entry.object_id) for entry in entries}
        rows = model_admin.get_queryset(request).filter(pk__in=[key for key in keys.values() if key is not None])
        found = set(rows.values_list("pk", flat=True))
        return [entry for entry in entries if keys[entry.pk] in found]


def _key(model: type[Model], text: str | None) -> Any:
    try:
        return model._meta.pk.to_python(text)
    except ValidationError:
        return None


def _superusers() -> list[str]:
    """Whom to ask for a brand."""
    users = get_user_model()._default_manager.filter(is_superuser=True, is_active=True)
    return [user.get_username() for user in users.order_by("pk")[:_NAMED]]
