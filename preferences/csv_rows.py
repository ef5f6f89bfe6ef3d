"""Rows of the CSV files that people really have: any delimiter, several encodings, stray quotation marks."""

from __future__ import annotations

import csv
import io
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

DELIMITERS = (",", ";", "\t", "|")
_MAX_LINE = 65_536  # characters; what is longer is no list of people
_MAX_LINES_OF_A_ROW = 50  # a quoted cell may hold line breaks, but an unclosed quote must not eat the file


@dataclass(frozen=True, slots=True)
class Row:
    """One row with the number of its first line. `problem` says why its cells could not be told apart."""

    line: int
    cells: list[str]
    problem: str = ""


class CsvFile:
    """An open file, read row by row. `legacy_count` counts its lines that were not UTF-8."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._kept: deque[str] = deque()
        self._line = 0
        self.legacy_count = 0

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator[CsvFile]:
        """Open `path` for reading. Raises OSError."""
        with path.open("rb") as probe:
            has_utf16_bom = probe.read(2) in {b"\xff\xfe", b"\xfe\xff"}
        encoding = "utf-16" if has_utf16_bom else "utf-8-sig"
        with path.open(encoding=encoding, errors="surrogateescape") as file:
            yield cls(file)

    @classmethod
    def open_or_stdin(cls, path: Path | None) -> AbstractContextManager[CsvFile]:
        """Open `path`, or without one read standard input. Raises OSError."""
        if path is not None:
            return cls.open(path)
        return nullcontext(cls(io.TextIOWrapper(sys.stdin.buffer, "utf-8-sig", errors="surrogateescape")))

    def size_read(self) -> int:
        """How many bytes of the file have been read so far."""
        return self._file.buffer.tell()

    def peek(self) -> str:
        """Return the first line that is not blank, without reading it; "" when there is none."""
        while line := self._next_line():
            if line.strip():
                self._give_back([line])
                return line
        return ""

    def rows(self, delimiter: str) -> Iterator[Row]:
        """Yield all rows but blank ones."""
        nothing = f"{delimiter} \t\n"
        while line := self._next_line():
            number = self._line
            if '"' not in line:
                if line.strip(nothing):
                    yield Row(number, line.rstrip("\n").split(delimiter))
                continue
            yield self._quoted_row(number, line, delimiter)

    def _quoted_row(self, number: int, first: str, delimiter: str) -> Row:
        lines = [first]
        quotes = first.count('"')
        while quotes % 2 and len(lines) < _MAX_LINES_OF_A_ROW and (line := self._next_line()):
            lines.append(line)
            quotes += line.count('"')
        if quotes % 2:
            self._give_back(lines[1:])
            return Row(number, [first.rstrip("\n")], "a quotation mark is never closed")
        try:
            return Row(number, next(csv.reader(lines, delimiter=delimiter)))
        except csv.Error as error:
            return Row(number, [first.rstrip("\n")], str(error))

    def _next_line(self) -> str:
        line = self._kept.popleft() if self._kept else self._decoded(self._file.readline(_MAX_LINE))
        self._line += bool(line)
        return line

    def _decoded(self, line: str) -> str:
        """Read a line that is not UTF-8 as old Windows programs write it."""
        if line.isascii():
            return line
        try:
            line.encode()
        except UnicodeEncodeError:
            self.legacy_count += 1
            return line.encode(errors="surrogateescape").decode("cp1252", errors="replace")
        return line

    def _give_back(self, lines: list[str]) -> None:
        self._kept.extendleft(reversed(lines))
        self._line -= len(lines)


def cells_of(line: str, delimiter: str) -> list[str]:
    return next(csv.reader([line], delimiter=delimiter), [])


def harmless(cell: str) -> str:
    """Keep a spreadsheet from taking the cell for a formula; `plain` reads it back."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def plain(cell: str) -> str:
    return cell[1:] if len(cell) > 1 and cell[0] == "'" and cell[1] in "=+-@\t\r" else cell
