from __future__ import annotations

import pytest
from django.test import Client

from tests.unsubscribe.desk import Desk, make_desk


@pytest.fixture
def desk(client: Client) -> Desk:
    return make_desk(client)
