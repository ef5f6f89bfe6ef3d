"""The preview of a brand's pages: as recipients see them, in light, in dark and on a phone, side by side.

Each stands in a frame of its own. What the frames show is made where the pages are (`unsubscribe/preview.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.csp import CSP
from django.utils.decorators import method_decorator
from django.views.decorators.csp import csp_override
from django.views.decorators.http import require_safe

from preferences.languages import available, matching
from preferences.models import Brand

PAGES = {"landing": "The link in a mail", "done": "After leaving", "preferences": "All preferences"}
SCREENS = {"light": "Light", "dark": "Dark", "phone": "On a phone"}

_POLICY: dict[str, list[str]] = {**settings.SECURE_CSP, "frame-src": [CSP.SELF]}  # type: ignore[dict-item]

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[Brand]
else:
    _Admin = object


class PreviewViews(_Admin):
    def preview_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.preview_view)
        return [path("<int:brand_id>/preview/", view, name="preferences_brand_preview")]

    @method_decorator(require_safe)
    @method_decorator(csp_override(_POLICY))
    def preview_view(self, request: HttpRequest, brand_id: int) -> HttpResponse:
        brand = self.get_object(request, str(brand_id))
        if brand is None:
            raise Http404
        if not self.has_view_permission(request, brand):
            raise PermissionDenied
        language = matching(request.GET.get("lang", "")) or matching(brand.language) or settings.LANGUAGE_CODE
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "is_nav_sidebar_enabled": False,  # the frames need its room
            "opts": self.opts,
            "title": f"Preview of {brand}",
            "brand": brand,
            "language": language,
            "languages": available(),
            "pages": PAGES,
            "screens": SCREENS,
        }
        return TemplateResponse(request, "admin/preferences/brand/preview.html", context)
