"""Filters of the large lists: they name a time range, and never read a table to find out what it holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from preferences.admin.scope import within
from preferences.models import Recipient


def day_start(day: date) -> datetime:
    """Return the first moment of `day` in the current time zone."""
    return timezone.make_aware(datetime.combine(day, time.min))


class FormFilter(admin.ListFilter):
    """A filter with a small form of its own, which carries the other filters along."""

    parameters: tuple[str, ...] = ()

    def __init__(
        self, request: HttpRequest, params: dict[str, list[str]], model: type[Model], model_admin: Any
    ) -> None:
        super().__init__(request, params, model, model_admin)
        self.values = {
            name: params.pop(name)[-1].replace("\x00", "").strip() for name in self.parameters if name in params
        }
        self.used_parameters.update(self.values)
        self.carried: list[tuple[str, str]] = []

    def expected_parameters(self) -> list[str | None]:
        return list(self.parameters)

    def has_output(self) -> bool:
        return True

    def choices(self, changelist: ChangeList) -> Iterator[dict[str, object]]:
        params = changelist.get_filters_params()
        self.carried = [
            (name, value) for name, values in params.items() if name not in self.parameters for value in values
        ]
        yield from self.links(changelist)

    def links(self, changelist: ChangeList) -> Iterable[dict[str, object]]:
        return ()


class PeriodFilter(FormFilter):
    """The last days, or from a day to a day. Without a choice it is `default_days`, so that a time range is named;
    the rows of one recipient are few and shown from all times."""

    title = "period"
    template = "admin/filter_period.html"
    parameters = ("period", "since", "until")
    field = ""
    default_days = 30
    CHOICES = (("1", "Last 24 hours"), ("7", "Last 7 days"), ("30", "Last 30 days"), ("90", "Last 90 days"))

    @property
    def chosen(self) -> str:
        if self.since or self.until:
            return ""
        period = self.values.get("period", "")
        if period in {"all", *dict(self.CHOICES)}:
            return period
        return "all" if self.request.GET.get("recipient") else str(self.default_days)

    @property
    def since(self) -> date | None:
        return _day(self.values.get("since", ""))

    @property
    def until(self) -> date | None:
        return _day(self.values.get("until", ""))

    def links(self, changelist: ChangeList) -> Iterator[dict[str, object]]:
        for value, display in (*self.CHOICES, ("all", "Any time")):
            query = changelist.get_query_string({"period": value}, ["since", "until"])
            yield {"selected": self.chosen == value, "query_string": query, "display": display}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        condition = Q()
        if self.chosen.isdigit():
            condition = Q(**{f"{self.field}__gte": timezone.now() - timedelta(days=int(self.chosen))})
        if self.since:
            condition &= Q(**{f"{self.field}__gte": day_start(self.since)})
        if self.until:
            condition &= Q(**{f"{self.field}__lt": day_start(self.until + timedelta(days=1))})
        return queryset.filter(condition)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


class MailingFilter(FormFilter):
    """One mailing, by its name."""

    title = "mailing"
    template = "admin/filter_text.html"
    parameters = ("mailing",)
    suggestions: Iterable[str] = ()

    @property
    def value(self) -> str:
        return self.values.get("mailing", "")

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(mailing=self.value) if self.value else queryset


class RecipientFilter(FormFilter):
    """One recipient, by the id that links carry; it shows only while it is in use."""

    title = "recipient"
    parameters = ("recipient",)

    def has_output(self) -> bool:
        return bool(self.values.get("recipient"))

    def links(self, changelist: ChangeList) -> Iterator[dict[str, object]]:
        yield {"selected": False, "query_string": changelist.get_query_string(remove=["recipient"]), "display": "All"}
        yield {"selected": True, "query_string": changelist.get_query_string(), "display": self._name()}

    def _name(self) -> str:
        recipient_id = self._id()
        own = within(self.request.user, Recipient.objects.all(), "brand_id")
        recipient = own.filter(id=recipient_id).first() if recipient_id else None
        return str(recipient) if recipient else "one of whom nothing is stored"

    def _id(self) -> UUID | None:
        try:
            return UUID(self.values["recipient"])
        except ValueError:
            return None

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.values.get("recipient"):
            return queryset
        recipient_id = self._id()
        return queryset.filter(recipient_id=recipient_id) if recipient_id else queryset.none()
