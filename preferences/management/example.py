"""A command whose help ends with an example, and whose trouble with the database is a sentence."""

from __future__ import annotations

from argparse import RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import InterfaceError, OperationalError, ProgrammingError, connection
from psycopg.errors import UndefinedTable

from preferences.pulse import pulse


class ExampleCommand(BaseCommand):
    """`answers_somebody` is a command whose user waits for it: it ends when the database answers nobody any more. The
    others wait as long as the connection lives, as work of hours should."""

    example: str
    answers_somebody = False

    def run_from_argv(self, argv: list[str]) -> None:
        """As a process of its own, which alone may watch the database's pulse."""
        if self.answers_somebody:
            pulse.watch()
        super().run_from_argv(argv)

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        options = {"epilog": f"Example:\n  {self.example}", "formatter_class": RawDescriptionHelpFormatter}
        return super().create_parser(prog_name, subcommand, **{**options, **kwargs})

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except (OperationalError, InterfaceError) as error:
            raise CommandError(no_answer(error)) from None
        except ProgrammingError as error:
            if isinstance(error.__cause__, UndefinedTable):
                raise CommandError("The database is not prepared. Run manage.py migrate first.") from None
            raise


def no_answer(error: Exception | None = None) -> str:
    """What to say and what to do when the database refuses, hangs or went away."""
    place = connection.settings_dict
    where = f"{place['HOST'] or 'this machine'}{f':{place["PORT"]}' if place['PORT'] else ''}"
    why = " ".join(str(error or "").split())
    return (
        f"The database does not answer{f': {why}' if why else '.'}\n"
        f"See that PostgreSQL runs at {where} and that DATABASE_URL is right, then run this again."
    )
