"""Whose brand is it: a superuser sees all, everybody else only what belongs to the brands that they are a member of.

That comes on top of Django's permissions: both are needed. A row of another brand is answered as one that is not
there, so that nobody learns what others have (docs/decisions/0011).
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.exceptions import NotRegistered
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Model, QuerySet
from django.forms import BaseModelFormSet
from django.http import Http404, HttpRequest

from preferences.models import Brand
from preferences.site import SuperusersOnly

type AnyUser = User | AnonymousUser
ALL = None


def brand_ids_of(user: AnyUser) -> frozenset[int] | None:
    """Return the ids of the brands that the user may see, None for all of them.

    They are kept with the user as Django keeps permissions: for one request, which loads its user anew.
    """
    if not user.is_active:
        return frozenset()
    if user.is_superuser:
        return ALL
    if (known := getattr(user, "_brand_ids", None)) is None:
        known = frozenset(Brand.members.through.objects.filter(user_id=user.pk).values_list("brand_id", flat=True))
        user._brand_ids = known  # type: ignore[attr-defined]
    return known


def brands_of(user: AnyUser) -> QuerySet[Brand]:
    return within(user, Brand.objects.all(), "id")


def require_brand(user: AnyUser, brand_id: int) -> None:
    """Raise Http404, as for a row that is not there, unless the user may see the brand."""
    if not sees_brand(user, brand_id):
        raise Http404


def sees_brand(user: AnyUser, brand_id: int | None) -> bool:
    """A row of no brand in particular (None) is about all of them."""
    ids = brand_ids_of(user)
    return ids is ALL or brand_id in ids


def within[M: Model](user: AnyUser, rows: QuerySet[M], path: str) -> QuerySet[M]:
    """Return those of the rows whose brand's id, found at `path`, the user may see."""
    ids = brand_ids_of(user)
    return rows if ids is ALL else rows.filter(**{f"{path}__in": ids})


def choices_of[M: Model](user: AnyUser, rows: QuerySet[M]) -> QuerySet[M]:
    """Return those of the rows that the user may choose from; of a model whose brand nobody has named, none."""
    path = path_of(rows.model)
    if brand_ids_of(user) is ALL:
        return rows
    return within(user, rows, path) if path else rows.none()


def path_of(model: type[Model]) -> str | None:
    """Return where a row of the model has its brand's id: as its admin says, or in a field `brand`."""
    try:
        path: str | None = getattr(admin.site.get_model_admin(model), "brand_path", None)
    except NotRegistered:
        path = None
    if path is not None:
        return path
    try:
        model._meta.get_field("brand")
    except FieldDoesNotExist:
        return None
    return "brand_id"


class OwnRelatedFilter(admin.RelatedFieldListFilter):
    """Lists what the user may see; Django's own lists all there is."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[Any]:
        own = choices_of(request.user, field.remote_field.model._default_manager.all())
        ordering = self.field_admin_ordering(field, request, model_admin)
        found: list[Any] = field.get_choices(
            include_blank=False, ordering=ordering, limit_choices_to={"pk__in": own.values("pk")}
        )
        return found


if TYPE_CHECKING:
    _Base = admin.options.BaseModelAdmin[Any]
    _Admin = admin.ModelAdmin[Any]
    _FormSet = BaseModelFormSet[Any, Any]
else:
    _Base = _Admin = object
    _FormSet = BaseModelFormSet


class OwnRows(_FormSet):
    """The rows that a list lets one edit. Django's own takes any row's number for a valid one, and then saves nothing:
    who tries numbers learns which there are."""

    def add_fields(self, form: Any, index: int | None) -> None:
        super().add_fields(form, index)
        if form.is_bound:
            form.fields[form._meta.model._meta.pk.name].queryset = self.get_queryset()


class OwnChoices(_Base):
    """Forms, of pages and inlines, that offer only rows which the user may see."""

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        return super().formfield_for_foreignkey(db_field, request, **self._own(db_field, request, kwargs))

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        return super().formfield_for_manytomany(db_field, request, **self._own(db_field, request, kwargs))

    def _own(self, db_field: Any, request: HttpRequest, kwargs: dict[str, Any]) -> dict[str, Any]:
        rows = kwargs.get("queryset")
        if rows is None:
            rows = self.get_field_queryset(kwargs.get("using"), db_field, request)
        if rows is None:
            rows = db_field.remote_field.model._default_manager.all()
        return {**kwargs, "queryset": choices_of(request.user, rows)}


class OwnBrands(OwnChoices, _Admin):
    """A model's pages, for members of a brand: only its rows, in lists, filters, forms and by id.

    `brand_path` says where a row has its brand's id: "brand_id", "topic__brand_id", "id" for the brand itself, or ""
    for what belongs to no brand and may be seen with the permission alone. Without one the system check
    farewell.E004 fails. `superuser_fields` are left out for everybody else.
    """

    brand_path: str | None = None
    superuser_fields: tuple[str, ...] = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        if self.brand_path is None:
            return rows.none()
        return within(request.user, rows, self.brand_path) if self.brand_path else rows

    def is_own(self, request: HttpRequest, obj: Any | None) -> bool:
        """Whether the row is one that the user may see; without a row, whether there can be any."""
        if not self.brand_path:
            return self.brand_path == ""
        return obj is None or sees_brand(request.user, attrgetter(self.brand_path.replace("__", "."))(obj))

    def has_view_permission(self, request: HttpRequest, obj: Any | None = None) -> bool:
        return self.is_own(request, obj) and super().has_view_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any | None = None) -> bool:
        return self.is_own(request, obj) and super().has_change_permission(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.may_add(request) and super().has_add_permission(request)

    def may_add(self, request: HttpRequest) -> bool:
        """Nobody without a brand adds to one, and a brand itself is added by superusers."""
        ids = brand_ids_of(request.user)
        return ids is ALL or self.brand_path == "" or (self.brand_path != "id" and bool(ids))

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        return [self._own_filter(item) for item in super().get_list_filter(request)]

    def _own_filter(self, item: Any) -> Any:
        is_relation = isinstance(item, str) and self.opts.get_field(item).is_relation
        return (item, OwnRelatedFilter) if is_relation else item

    def get_changelist_formset(self, request: HttpRequest, **kwargs: Any) -> Any:
        return super().get_changelist_formset(request, **{"formset": OwnRows, **kwargs})

    def get_fieldsets(self, request: HttpRequest, obj: Any | None = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if brand_ids_of(request.user) is ALL or not self.superuser_fields:
            return fieldsets
        return [(name, {**options, "fields": self._shown(options["fields"])}) for name, options in fieldsets]

    def _shown(self, fields: Any) -> list[Any]:
        shown = [self._shown(item) if isinstance(item, list | tuple) else item for item in fields]
        return [item for item in shown if item not in self.superuser_fields and item != []]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """The last gate: whatever a form let through, a row of another brand is not written."""
        if not self.is_own(request, obj):
            raise Http404
        super().save_model(request, obj, form, change)


__all__ = ["ALL", "OwnBrands", "OwnChoices", "SuperusersOnly", "brand_ids_of", "brands_of", "require_brand", "within"]
