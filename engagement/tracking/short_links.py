"""Short links: ten characters that stand for a token, for text messages, which have no room for a sealed link.

The code is random and says nothing, so it has to be stored. A process that has resolved a code once asks the database
no more.
"""

from __future__ import annotations

import re
import secrets
import string
from collections.abc import Sequence
from functools import lru_cache

from preferences.links import LinkError, Purpose
from preferences.prepared import fetch_all

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
CODE_LENGTH = 10
_CODES = len(ALPHABET) ** CODE_LENGTH  # 59.5 bits
_CODE = re.compile(rf"[0-9A-Za-z]{{{CODE_LENGTH}}}\Z")
_PAIRS = [first + second for first in ALPHABET for second in ALPHABET]
_WARM_CODES = 16_384  # some 10 MB
# A code that is there already is not written, and the statement does not return it.
_INSERT = """
INSERT INTO engagement_shortlink (code, brand_id, purpose, token)
SELECT code, %(brand)s, %(purpose)s, token FROM unnest(%(codes)s::text[], %(tokens)s::text[]) AS given (code, token)
ON CONFLICT (code) DO NOTHING RETURNING code
"""
_RESOLVE = "SELECT purpose, token FROM engagement_shortlink WHERE code = %(code)s"


def new_code() -> str:
    number, code = secrets.randbelow(_CODES), ""
    for _ in range(CODE_LENGTH // 2):
        number, pair = divmod(number, len(_PAIRS))
        code += _PAIRS[pair]
    return code


def shorten(brand_id: int, purpose: Purpose, tokens: Sequence[str]) -> list[str]:
    """Store a short link for each token and return their codes, in order. One statement, but for collisions."""
    codes: list[str] = [""] * len(tokens)
    while missing := [place for place, code in enumerate(codes) if not code]:
        tried = {new_code(): place for place in missing}
        given = {"codes": list(tried), "tokens": [tokens[place] for place in tried.values()]}
        for (code,) in fetch_all(_INSERT, {"brand": brand_id, "purpose": purpose.value, **given}):
            codes[tried[code]] = code
    return codes


@lru_cache(_WARM_CODES)
def resolve(code: str) -> tuple[Purpose, str]:
    """Return the purpose and the token that a code stands for. Raises LinkError for an unknown one, which is looked
    for anew each time: what was guessed must not fill the memory."""
    if not _CODE.match(code):
        raise LinkError("not a short link")
    rows = fetch_all(_RESOLVE, {"code": code})
    if not rows:
        raise LinkError("not a short link")
    [(purpose, token)] = rows
    return Purpose(purpose), str(token)
