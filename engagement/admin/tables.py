"""Tables of numbers on the pages of figures, each with what is drawn beside it, and as files."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote

from django.http import Http404, HttpResponse

from engagement.admin.chart import Chart, Piece, pattern_of
from preferences import csv_rows

MOST_DRAWN = 12
NOT_KNOWN = "–"
_FIGURE = re.compile(r"-?[\d,.]*%?")


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its name, its numbers (text where it is a share), the bar that draws it, and its name in a file where
    that is another. `note` stands beside the name, in a quieter voice."""

    label: str
    cells: tuple[int | str, ...]
    pieces: tuple[Piece, ...] = ()
    count: int | str = 0
    url: str = ""
    file_label: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A row as it is written down: each cell, and whether its column is one of figures."""

    row: Row
    cells: tuple[tuple[int | str, bool], ...]
    is_total: bool


@dataclass(frozen=True, slots=True)
class Head:
    """A column's head, which sorts by its column where it has a URL. Figures stand at the right, below one another."""

    name: str
    url: str = ""
    is_sorted: bool = False
    is_figure: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """`columns` begin with the name of the rows' heads. `legend` names the kinds that are drawn. `is_wide` is one that
    stands above its drawing, not beside it, or has none."""

    slug: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    total: Row | None = None
    help: str = ""
    empty: str = "Nobody left in this period."
    legend: tuple[tuple[str, str], ...] = ()
    chart: Chart | None = None
    sorts: tuple[str, ...] = ()
    sorted_by: int | None = None
    is_wide: bool = False

    @property
    def heads(self) -> list[Head]:
        urls = self.sorts or ("",) * len(self.columns)
        pairs = enumerate(zip(self.columns, urls, strict=True))
        return [Head(name, url, index == self.sorted_by, self._is_figure(index)) for index, (name, url) in pairs]

    @property
    def lines(self) -> list[Line]:
        """The rows as they are written down, the total last."""
        are_figures = [self._is_figure(index) for index in range(1, len(self.columns))]
        rows = (*self.rows, *((self.total,) if self.total else ()))
        return [Line(row, tuple(zip(row.cells, are_figures, strict=False)), row is self.total) for row in rows]

    def _is_figure(self, index: int) -> bool:
        """Whether the column has nothing but numbers, shares of them and what is not known."""
        cells = [row.cells[index - 1] for row in self.rows if 0 < index <= len(row.cells)]
        known = [cell for cell in cells if cell not in ("", NOT_KNOWN)]
        return bool(known) and all(isinstance(cell, int) or _FIGURE.fullmatch(cell) for cell in known)

    @property
    def drawn(self) -> tuple[Row, ...]:
        return self.rows[:MOST_DRAWN]

    @property
    def is_drawn(self) -> bool:
        return any(row.pieces for row in self.rows)

    @property
    def is_cut(self) -> bool:
        return len(self.rows) > MOST_DRAWN

    @property
    def keys(self) -> list[tuple[str, str, str]]:
        """The legend: each kind with its pattern and its words."""
        return [(kind, pattern_of(kind), words) for kind, words in self.legend]


def share(count: int, total: int | None) -> str:
    return f"{100 * count / total:.1f}%" if total else NOT_KNOWN


def capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def people(count: int) -> str:
    return "person" if count == 1 else "people"


def as_file(tables: Iterable[Table], slug: str, name: str) -> HttpResponse:
    """Return the table of that slug as CSV, called `name` and its slug. Raises Http404 when there is none."""
    table = next((table for table in tables if table.slug == slug), None)
    if table is None:
        raise Http404
    answer = HttpResponse(content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{quote(name.format(table.slug))}.csv"'
    lines: list[Iterable[int | str]] = [
        table.columns,
        *((row.file_label or row.label, *row.cells) for row in table.rows),
    ]
    csv.writer(answer).writerows([harmless(cell) for cell in line] for line in lines)
    return answer


def harmless(cell: int | str) -> int | str:
    """Return a cell that no spreadsheet takes for a formula: what people write stands in there."""
    return csv_rows.harmless(cell) if isinstance(cell, str) else cell
