"""Topics and the groups they stand in. A default that changes leaves alone whoever has chosen."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Count, QuerySet
from django.http import HttpRequest

from preferences.admin.lists import FarewellAdmin
from preferences.admin.texts import TopicGroupTextInline, TopicTextInline
from preferences.links import Channel
from preferences.models import Frequency, State, Subscription, Topic, TopicGroup

_MOST_COUNTED = 10_000


class Boxes(forms.MultipleChoiceField):
    """Ticked values, in the order in which they are offered."""

    widget = forms.CheckboxSelectMultiple

    def __init__(self, names: dict[str, str], **options: Any) -> None:
        super().__init__(choices=list(names.items()), **options)
        self.names = names

    def clean(self, value: Any) -> list[str]:
        ticked = super().clean(value)
        return [name for name in self.names if name in ticked]


class GroupField(forms.ModelChoiceField[TopicGroup]):
    """Groups of several brands may have the same name."""

    def label_from_instance(self, obj: TopicGroup) -> str:
        return f"{obj.brand}: {obj}"


class TopicForm(forms.ModelForm[Topic]):
    channels = Boxes({channel.value: channel.value for channel in Channel})
    frequencies = Boxes(
        {frequency.value: str(frequency.label) for frequency in Frequency},
        required=False,
        help_text="What a recipient can choose from: none (it comes as it comes), or two and more.",
    )

    class Meta:
        model = Topic
        fields = ["brand", "slug", "name", "description", "rhythm", "group", "position", "channels", "frequencies"]
        widgets = {"description": forms.Textarea({"rows": 2, "cols": 60})}

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        group = self.fields.get("group")
        if isinstance(group, GroupField) and group.queryset is not None:
            own = {"brand": self.instance.brand_id} if self.instance.pk else {}
            group.queryset = group.queryset.filter(**own).select_related("brand")

    def clean_frequencies(self) -> list[str]:
        frequencies: list[str] = self.cleaned_data["frequencies"]
        if len(frequencies) == 1:
            raise ValidationError("One alone is nothing to choose from. Tick none, or two and more.")
        return frequencies

    def clean(self) -> dict[str, Any] | None:
        fields = super().clean() or self.cleaned_data
        brand = fields.get("brand") or (self.instance.pk and self.instance.brand)
        group = fields.get("group")
        if brand and group and group.brand_id != brand.pk:
            self.add_error("group", f"This group is of {group.brand}. Choose one of {brand}.")
        if fields.get("is_required") and fields.get("is_default_in") is False:
            self.add_error("is_default_in", "What a contract requires comes to everyone: it is in by default.")
        return fields


@admin.register(Topic)
class TopicAdmin(FarewellAdmin[Topic]):
    brand_path = "brand_id"
    empty_text = "A topic is a kind of mail one can choose. Add it here; one that a link names appears by itself."
    form = TopicForm
    list_display = ["name", "group", "position", "brand", "offered_on", "is_default_in", "is_fixed"]
    list_editable = ["position"]
    list_select_related = ["brand", "group"]
    list_filter = ["brand", "group", "is_default_in", "is_required"]
    search_fields = ["name", "slug", "description"]
    inlines = [TopicTextInline]
    readonly_fields = ["who_chose"]
    fieldsets = [
        (None, {"fields": ["brand", "slug", "name", "description", "rhythm", "group", "position"]}),
        ("What it offers", {"fields": ["channels", "frequencies"]}),
        ("Who gets it", {"fields": ["is_default_in", "who_chose", "is_required"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Topic]:
        return super().get_queryset(request).defer("brand__logo")

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "group":
            kwargs["form_class"] = GroupField
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: Topic | None = None) -> list[str]:
        """Brand and slug stand in links that were sent."""
        return [*self.readonly_fields, *(["brand", "slug"] if obj else [])]

    @admin.display(description="channels")
    def offered_on(self, topic: Topic) -> str:
        return ", ".join(topic.channels)

    @admin.display(description="required", boolean=True, ordering="is_required")
    def is_fixed(self, topic: Topic) -> bool:
        return topic.is_required

    @admin.display(description="a change of that")
    def who_chose(self, topic: Topic) -> str:
        """Said before anything is saved."""
        counted = f"{who_chose(topic)} " if topic.pk else ""
        return f"{counted}The default is what holds for all others, from the moment it is saved."

    def save_model(self, request: HttpRequest, obj: Topic, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change and "is_default_in" in form.changed_data:
            now = "in" if obj.is_default_in else "out"
            text = f"{obj} is {now} by default now. {who_chose(obj)}"
            self.message_user(request, text, messages.INFO)


def who_chose(topic: Topic) -> str:
    """Return a sentence on those who have said something about the topic: of very many, only that."""
    rows = Subscription.objects.filter(topic=topic, state__in=[State.IN, State.OUT]).order_by()
    match rows.values("recipient_id")[: _MOST_COUNTED + 1].count():
        case 0:
            return "Nobody has chosen yet."
        case 1:
            return "1 recipient has chosen and keeps that."
        case count if count > _MOST_COUNTED:
            return f"More than {_MOST_COUNTED:,} recipients have chosen and keep that."
        case count:
            return f"{count:,} recipients have chosen and keep that."


@admin.register(TopicGroup)
class TopicGroupAdmin(FarewellAdmin[TopicGroup]):
    brand_path = "brand_id"
    empty_text = "A group is a heading on the preference page. Add one, then choose it on the pages of its topics."
    list_display = ["name", "brand", "topic_count", "position"]
    list_editable = ["position"]
    list_select_related = ["brand"]
    list_filter = ["brand"]
    search_fields = ["name"]
    fields = ["brand", "name", "position"]
    inlines = [TopicGroupTextInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[TopicGroup]:
        rows: QuerySet[TopicGroup] = super().get_queryset(request).defer("brand__logo")
        return rows.annotate(topic_count=Count("topics")).order_by("brand", "position", "name")

    def get_readonly_fields(self, request: HttpRequest, obj: TopicGroup | None = None) -> list[str]:
        """Its topics are of that brand."""
        return ["brand"] if obj else []

    @admin.display(description="topics", ordering="topic_count")
    def topic_count(self, group: TopicGroup) -> int:
        return int(group.topic_count)  # type: ignore[attr-defined]
