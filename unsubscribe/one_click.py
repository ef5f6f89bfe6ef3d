"""The body of an RFC 8058 one-click POST."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

_NAME, _VALUE = "List-Unsubscribe", "One-Click"
# One part of a multipart body, whatever its delimiter: the RFC's own example 8.3 is short of the two hyphens that
# RFC 2046 puts before the boundary, so a strict parser reads its value as "One-Click\r\n---FormBoundary...".
_PART = re.compile(
    rb"^content-disposition:[ \t]*form-data[ \t]*;[^\r\n]*?\bname=\"?list-unsubscribe\"?[^\r\n]*\r?\n"
    rb"(?:[^\r\n]+\r?\n)*\r?\n"
    rb"([^\r\n]*)(?:\r?\n|\Z)",
    re.IGNORECASE | re.MULTILINE,
)


def is_one_click(body: bytes) -> bool:
    """Return whether `body` carries the pair `List-Unsubscribe=One-Click` and nothing that contradicts it.

    Both forms of RFC 8058 section 3.2 are read, whichever content type was sent and also when none was: some
    providers leave it out.
    """
    values = [part.strip().decode("ascii", "replace") for part in _PART.findall(body)]
    if not values:
        pairs = parse_qsl(body.decode("ascii", "replace").strip(), keep_blank_values=True, max_num_fields=None)
        values = [value for name, value in pairs if name == _NAME]
    return bool(values) and all(value == _VALUE for value in values)
