"""Chromium as programs and as people start it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.browser.serving import ROOT, wait_until

# Nothing leaves the machine: neither Chromium's own calls home, nor a name that a page could mention.
QUIET = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
]
# The address bar's pop-ups, which are pages of their own: nobody sees them, and they are half of what a window costs.
# Not for a browser that Playwright starts: its own list of this kind would be overridden.
NO_POPUPS = "--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup"


class NoChromiumError(RuntimeError):
    """There is no Chromium that runs; the message says what to do."""


def find_chromium() -> str:
    """Return the path of a Chromium, which is installed if need be. Raises NoChromiumError."""
    if path := os.environ.get("FAREWELL_CHROMIUM"):
        if not shutil.which(path):
            raise NoChromiumError(f"FAREWELL_CHROMIUM={path} does not run.")
        return path
    found = subprocess.run([ROOT / "bin" / "chromium"], capture_output=True, text=True, check=False)
    if found.returncode:
        raise NoChromiumError(found.stderr.strip())
    return found.stdout.strip()


def agent_of(path: str) -> str:
    """The agent by which a person's Chromium of this version is known: without the word Headless."""
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout
    version = next(word for word in said.split() if word[:1].isdigit()).partition(".")[0]
    system = "Macintosh; Intel Mac OS X 10_15_7" if sys.platform == "darwin" else "X11; Linux x86_64"
    return f"Mozilla/5.0 ({system}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{version}.0.0.0 Safari/537.36"


@contextmanager
def as_people_start_it(path: str) -> Iterator[str]:
    """Start Chromium as a person uses it and yield the URL to drive it by.

    It has to hide that it is driven, because no program can drive it otherwise; and it is started without Playwright's
    own settings, under which no tab is ever in the background.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        disguise = ["--disable-blink-features=AutomationControlled", f"--user-agent={agent_of(path)}"]
        options = ["--headless=new", "--remote-debugging-port=0", f"--user-data-dir={profile}", *disguise, *QUIET]
        options.append(NO_POPUPS)
        process = subprocess.Popen([path, *options, "about:blank"], stderr=subprocess.DEVNULL)
        try:
            port_file = Path(profile, "DevToolsActivePort")
            port = wait_until(
                lambda: port_file.exists() and port_file.read_text().partition("\n")[0], "Chromium starts"
            )
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(120)
