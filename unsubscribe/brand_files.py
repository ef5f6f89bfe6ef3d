"""A brand's stylesheet and logo. Their names have the digest of what they hold, so that they are fetched once."""

from __future__ import annotations

from functools import lru_cache

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from preferences.directory import directory
from preferences.links import LinkError
from preferences.looks import digest_of
from preferences.models import Brand


@require_safe
def brand_file(request: HttpRequest, name: str) -> HttpResponse:
    """No database for a stylesheet, nor for a logo that this process has served before."""
    file = directory.brand_file(name)
    if file.stylesheet:
        return HttpResponse(file.stylesheet, content_type="text/css; charset=utf-8")
    content, content_type = _logo(file.brand_id, name)
    return HttpResponse(content, content_type=content_type)


@lru_cache(64)
def _logo(brand_id: int, name: str) -> tuple[bytes, str]:
    """Raises LinkError when the brand has another logo by now, which is then not kept by this name."""
    row = Brand.objects.filter(id=brand_id, logo__isnull=False).values_list("logo", "logo_type").first()
    if row is None or digest_of(bytes(row[0] or b"")) not in name:
        raise LinkError("the brand has another logo by now")
    return bytes(row[0] or b""), row[1]
