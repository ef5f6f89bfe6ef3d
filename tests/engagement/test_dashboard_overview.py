from __future__ import annotations

import pytest
from django.test import Client

from tests.engagement.makers import make_mailing

pytestmark = pytest.mark.django_db


def test_smoke(admin_client: Client) -> None:
    m = make_mailing(delivered_count=100)
    for url in ("overview/", "comparison/", f"{m.pk}/figures/", "", f"{m.pk}/change/"):
        response = admin_client.get(f"/admin/engagement/mailing/{url}")
        assert response.status_code == 200, url
