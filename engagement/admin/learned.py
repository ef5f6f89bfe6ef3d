"""Learned robots: each with its evidence, used or refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString

from engagement.learning import learned, sentence
from engagement.models import Learned
from preferences.admin.filters import FormFilter
from preferences.admin.lists import LookOnlyAdmin, pretty_json
from preferences.site import SuperusersOnly, is_superuser


class LearnedFilter(FormFilter):
    """The interactions of one learned robot, by its id: an agent is long, and this way no URL has to hold it."""

    title = "learned robot"
    parameters = ("learned",)

    def has_output(self) -> bool:
        return bool(self.values.get("learned"))

    def links(self, changelist: ChangeList) -> Iterator[dict[str, object]]:
        yield {"selected": False, "query_string": changelist.get_query_string(remove=["learned"]), "display": "All"}
        name = str(self._row() or "one that is not known")
        yield {"selected": True, "query_string": changelist.get_query_string(), "display": name}

    def _row(self) -> Learned | None:
        text = self.values.get("learned", "")
        if not is_superuser(self.request):
            return None
        return Learned.objects.filter(id=int(text)).first() if text.isdecimal() and len(text) < 19 else None

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.values.get("learned"):
            return queryset
        row = self._row()
        return queryset.filter(**{row.kind: row.value}) if row else queryset.none()


class StandingFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> list[tuple[str, str]]:
        return [("in_force", "In force"), ("refused", "Refused")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        states = {"in_force": False, "refused": True}
        return queryset.filter(is_refused=states[value]) if (value := self.value()) in states else queryset


@admin.register(Learned)
class LearnedAdmin(SuperusersOnly, LookOnlyAdmin[Learned]):
    """What is learned is never written by hand: it is refused, or used again."""

    brand_path = ""
    empty_text = (
        "Once a week the programs that opened the same link more than ten times within an hour are learned, and taken "
        "for robots from then on. Each will be listed here with its evidence, and can be refused."
    )
    list_title = "Learned robots"
    list_display = ["named", "told", "standing", "visits"]
    list_filter = ["kind", StandingFilter]
    actions = ["refuse", "use_again"]  # type: ignore[assignment]
    readonly_fields = ["value", "kind", "told", "standing", "learned_at", "visits", "shown_evidence"]

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("engagement.change_learned")

    @admin.action(description="Refuse: not a robot", permissions=["decide"])
    def refuse(self, request: HttpRequest, queryset: QuerySet[Learned]) -> None:
        self._decide(request, queryset, is_refused=True)

    @admin.action(description="Use again: a robot", permissions=["decide"])
    def use_again(self, request: HttpRequest, queryset: QuerySet[Learned]) -> None:
        self._decide(request, queryset, is_refused=False)

    def _decide(self, request: HttpRequest, queryset: QuerySet[Learned], *, is_refused: bool) -> None:
        rows = list(queryset.exclude(is_refused=is_refused))
        actor, now = request.user.get_username(), timezone.now()
        queryset.filter(id__in=[row.pk for row in rows]).update(is_refused=is_refused, decided_by=actor, decided_at=now)
        learned.forget()
        for row in rows:
            self.log_change(request, row, "Refused" if is_refused else "Used again")
        done = "refused: their visits are judged without it" if is_refused else "used again"
        self.message_user(request, f"{len(rows)} {done}, in all processes within seconds.", messages.SUCCESS)

    @admin.display(description="robot")
    def named(self, row: Learned) -> SafeString:
        when = date_format(timezone.localtime(row.learned_at), "j M Y")
        return format_html(
            '{} <span class="fw-aside">{}, learned on {}</span>', row.value, row.get_kind_display(), when
        )

    @admin.display(description="evidence")
    def told(self, row: Learned) -> str:
        return sentence(row.kind, row.evidence if isinstance(row.evidence, dict) else {})

    @admin.display(description="state", ordering="is_refused")
    def standing(self, row: Learned) -> SafeString:
        state = "refused" if row.is_refused else "in force"
        if row.decided_at is None:
            return format_html("{}", state)
        when = date_format(timezone.localtime(row.decided_at), "j M Y H:i")
        return format_html('{} <span class="fw-aside">by {}, {}</span>', state, row.decided_by, when)

    @admin.display(description="visits")
    def visits(self, row: Learned) -> SafeString:
        url = f"{reverse('admin:engagement_interaction_changelist')}?learned={row.pk}&period=30"
        return format_html('<a href="{}">Show<span class="visually-hidden"> those of {}</span></a>', url, row.value)

    @admin.display(description="evidence in full")
    def shown_evidence(self, row: Learned) -> SafeString:
        return pretty_json(row.evidence)
