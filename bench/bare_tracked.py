"""The yardstick of clicks and opens: Django views that answer the same bytes, with no middleware and no database."""

from __future__ import annotations

import os
from pathlib import Path

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path

settings.configure(ROOT_URLCONF=__name__, MIDDLEWARE=[], ALLOWED_HOSTS=["*"], SECRET_KEY="bare")  # noqa: S106
_PIXEL = Path(os.environ["BENCH_PIXEL"]).read_bytes()
_TARGET = os.environ["BENCH_TARGET"]


def click(request: HttpRequest, token: str) -> HttpResponse:
    return HttpResponse(status=302, headers={"Location": _TARGET, "Content-Length": "0"})


def pixel(request: HttpRequest, token: str) -> HttpResponse:
    return HttpResponse(_PIXEL, content_type="image/gif", headers={"Content-Length": str(len(_PIXEL))})


urlpatterns = [path("c/<str:token>", click), path("i/<str:token>.gif", pixel)]
application = get_wsgi_application()
