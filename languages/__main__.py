"""Keeps the catalogues of the public pages and mails; docs/languages.md shows how a translation is made."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tqdm import tqdm

from config.languages import LANGUAGES
from languages.catalogues import Catalogue, po_path
from languages.checking import wrong_in
from languages.exchange import ExchangeError, fill, todo
from languages.messages import collect

_NAMES = {code: name for code, name in LANGUAGES if code != "en"}


def main(arguments: list[str] | None = None) -> int:
    options = _options(arguments)
    return int(options.do(options))


def _collect(options: argparse.Namespace) -> int:
    """Every catalogue that there is follows the sources, and those that are named are begun."""
    messages = collect()
    codes = [code for code in _NAMES if code in options.languages or po_path(code).exists()]
    missing = 0
    for code in tqdm(codes, unit="languages", disable=None):
        catalogue = Catalogue.of(code, messages)
        catalogue.save()
        missing += len(list(catalogue.missing()))
    print(f"{len(messages)} messages in {len(codes)} languages, {missing} translations missing")
    return 0


def _todo(options: argparse.Namespace) -> int:
    sys.stdout.write(todo(Catalogue.of(options.language, collect()), is_all=options.all))
    return 0


def _fill(options: argparse.Namespace) -> int:
    catalogue = Catalogue.of(options.language, collect())
    try:
        taken, refused = fill(catalogue, options.file.read())
    except ExchangeError as error:
        print(f"languages: {error}", file=sys.stderr)
        return 2
    if taken:
        catalogue.save()
    for complaint in refused:
        print(f"refused  {complaint}", file=sys.stderr)
    missing = len(list(catalogue.missing()))
    print(f"{options.language}: {taken} taken, {len(refused)} complaints, {missing} still missing")
    return 1 if refused else 0


def _check(options: argparse.Namespace) -> int:
    messages = collect()
    wrong = {code: wrong_in(code, messages) for code in options.languages or _NAMES if po_path(code).exists()}
    for code, complaints in wrong.items():
        for complaint in complaints:
            print(f"{code}  {complaint}")
    print(f"{len(wrong)} catalogues, {sum(map(len, wrong.values()))} complaints")
    return 1 if any(wrong.values()) else 0


def _status(options: argparse.Namespace) -> int:
    messages = collect()
    for code, name in _NAMES.items():
        missing = len(list(Catalogue.of(code, messages).missing()))
        state = f"{len(messages) - missing:4} of {len(messages)}" if po_path(code).exists() else "no catalogue"
        wrong = len(wrong_in(code, messages)) if po_path(code).exists() else 0
        print(f"{code:8} {state:14} {f'{wrong} complaints' if wrong else '':16} {name}")
    return 0


def _pictures(options: argparse.Namespace) -> int:
    from languages.pictures import take_pictures

    return take_pictures(options.language, options.out, only=options.only)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m languages", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser("collect", help="let the catalogues follow the templates and the code")
    command.add_argument("languages", nargs="*", metavar="LANGUAGE", help="begin a catalogue for it, too")
    command.set_defaults(do=_collect)
    command = commands.add_parser("todo", help="print what lacks a translation, as JSON")
    command.add_argument("language", choices=_NAMES, metavar="LANGUAGE")
    command.add_argument("--all", action="store_true", help="all messages, with the translations so far")
    command.set_defaults(do=_todo)
    command = commands.add_parser("fill", help='take translations from JSON: {"id": "translation", ...}')
    command.add_argument("language", choices=_NAMES, metavar="LANGUAGE")
    command.add_argument("file", nargs="?", type=argparse.FileType(encoding="utf-8"), default=sys.stdin)
    command.set_defaults(do=_fill)
    command = commands.add_parser("check", help="print what is wrong in the catalogues")
    command.add_argument("languages", nargs="*", metavar="LANGUAGE")
    command.set_defaults(do=_check)
    command = commands.add_parser("status", help="print how far each language is")
    command.set_defaults(do=_status)
    command = commands.add_parser("pictures", help="photograph every public page in every language at 320 pixels")
    command.add_argument("--language", action="append", choices=[*_NAMES, "en"], default=[], metavar="LANGUAGE")
    command.add_argument("--only", default="", metavar="NAME", help="only one way of languages/states.py, or mails")
    command.add_argument("--out", type=Path, default=Path("var/pictures"), metavar="DIR")
    command.set_defaults(do=_pictures)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
