from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from unsubscribe import preview

urlpatterns = [
    path("admin/preview/", include(preview.urlpatterns)),
    path("admin/", admin.site.urls),
    path("", include("unsubscribe.urls")),
]
handler404 = "preferences.rendering.no_page"
