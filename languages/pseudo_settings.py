"""The settings of a server that speaks English and the pseudo-languages, with their catalogues in `PSEUDO_LOCALE`."""

from __future__ import annotations

import os
from pathlib import Path

from config.settings import *  # noqa: F403
from languages.pseudo import PSEUDO_LANGUAGES

LANGUAGES = [("en", "English"), *PSEUDO_LANGUAGES]
LOCALE_PATHS = [Path(os.environ["PSEUDO_LOCALE"])]
