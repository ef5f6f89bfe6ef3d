"""Photographs every state of the public pages, and the mails, in every language on a screen of 320 pixels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from playwright.sync_api import Browser, Error, Page, ViewportSize, sync_playwright
from tqdm import tqdm

import tests.database  # noqa: F401  (a PostgreSQL of its own, before anything reads the environment)
from config.languages import LANGUAGES
from languages.catalogues import po_path
from languages.overflow import overflowing
from languages.sheets import write_sheet
from languages.states import WALKS, Walk
from languages.world import Mail, mails, serving, visiting
from tests.browser.chromium import as_people_start_it, find_chromium
from tests.browser.serving import Farewell

_HEIGHT = "document.documentElement.scrollHeight"
SCREEN: ViewportSize = {"width": 320, "height": 640}


@dataclass(slots=True)
class Album:
    """The pictures so far, by state, and what was wrong on them."""

    folder: Path
    pictures: dict[str, list[tuple[str, Path]]] = field(default_factory=lambda: defaultdict(list))
    faults: list[str] = field(default_factory=list)

    def add(self, page: Page, state: str, language: str) -> None:
        path = self.folder / state.replace(" ", "-") / f"{language}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        # As high as the page is: what sticks to the window's edge then stands where it belongs.
        page.set_viewport_size({**SCREEN, "height": max(SCREEN["height"], page.evaluate(_HEIGHT))})
        page.screenshot(path=path, full_page=True, animations="disabled")
        page.set_viewport_size(SCREEN)
        self.pictures[state].append((language, path))
        self.faults += [f"{language}  {state}: {fault}" for fault in overflowing(page)]

    def write_sheets(self) -> None:
        for state, pictures in self.pictures.items():
            write_sheet(self.folder / f"{state.replace(' ', '-')}.png", pictures)


def take_pictures(languages: list[str], folder: Path, only: str = "") -> int:
    """Write the pictures and the sheets; print what does not fit, and return 1 if anything does not, else 0."""
    chosen = languages or [code for code, _ in LANGUAGES if code == "en" or po_path(code).exists()]
    walks = [walk for walk in WALKS if only in walk.__name__]
    album = Album(folder)
    with serving() as server, as_people_start_it(find_chromium()) as endpoint, sync_playwright() as playwright:
        browser = playwright.chromium.connect_over_cdp(endpoint, no_defaults=True)
        with tqdm(total=len(chosen) * len(walks), unit="walks", disable=None) as bar:
            for language in chosen:
                for walk in walks:
                    _walk(album, browser, server, walk, language)
                    bar.update()
        if only in "mails":
            _read_mails(album, browser, server, chosen)
    album.write_sheets()
    for fault in album.faults:
        print(fault)
    number = sum(map(len, album.pictures.values()))
    print(f"{number} pictures and {len(album.pictures)} sheets in {folder}, {len(album.faults)} faults")
    return 1 if album.faults else 0


def _walk(album: Album, browser: Browser, server: Farewell, walk: Walk, language: str) -> None:
    with visiting(browser, server, language, viewport=SCREEN) as visitor:
        try:
            for state in walk(visitor):
                album.add(visitor.page, state, language)
        except Error as error:
            album.faults.append(f"{language}  {walk.__name__} ends: {str(error).splitlines()[0]}")


def _read_mails(album: Album, browser: Browser, server: Farewell, languages: list[str]) -> None:
    with browser.new_context(viewport=SCREEN) as context:
        page = context.new_page()
        for language, written in mails(server, languages).items():
            for number, mail in enumerate(written, start=1):
                for part, html in _parts(mail):
                    page.set_content(html)
                    album.add(page, f"mail {number} {mail.name} {part}", language)


def _parts(mail: Mail) -> Iterator[tuple[str, str]]:
    yield "html", mail.html
    plain = "margin:8px;font:14px/1.4 monospace;white-space:pre-wrap;overflow-wrap:anywhere"
    yield "text", f'<body style="{plain}" dir="auto"><b>{escape(mail.subject)}</b>\n\n{escape(mail.text)}</body>'
