"""What may stand in a log line."""

from __future__ import annotations

import logging
import re

_TOKEN = re.compile(r"(/[a-z]/)[A-Za-z0-9_-]{8,}")


class WithoutTokens(logging.Filter):
    """Cuts link tokens out of every line: whoever reads a log must not be able to open a person's link."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = _TOKEN.sub(r"\1...", record.getMessage())
        record.args = ()
        return True
