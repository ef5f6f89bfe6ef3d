#!/usr/bin/env python
from __future__ import annotations

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from config import embedded

    embedded.complete_environment()
    from django.core.management import execute_from_command_line
    from django.db import OperationalError

    try:
        execute_from_command_line(sys.argv)
    except OperationalError as error:  # of Django's own commands, such as migrate
        if "--traceback" in sys.argv:
            raise
        from preferences.management.example import no_answer

        sys.exit(no_answer(error))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:  # while it starts, or where a command has nothing more to say of it
        sys.stderr.write("Interrupted.\n")
        sys.exit(130)
