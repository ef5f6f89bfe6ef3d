"""The yardstick of the landing page: a Django view that returns the same bytes, with no middleware and no database."""

from __future__ import annotations

import os
from pathlib import Path

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path

settings.configure(ROOT_URLCONF=__name__, MIDDLEWARE=[], ALLOWED_HOSTS=["*"], SECRET_KEY="bare")  # noqa: S106
_PAGE = Path(os.environ["BENCH_PAGE"]).read_bytes()


def page(request: HttpRequest, token: str) -> HttpResponse:
    return HttpResponse(_PAGE)


urlpatterns = [path("u/<str:token>", page)]
application = get_wsgi_application()
