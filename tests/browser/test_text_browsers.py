"""Text browsers, which run no script and know no style: lynx and w3m."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.browser.conftest import Explain
from tests.browser.serving import Farewell, new_address


def find(name: str) -> str:
    path = shutil.which(name)
    assert path, f"{name} is missing: bin/text-browsers installs it"
    return path


@pytest.mark.parametrize("command", [["lynx", "-dump", "-nolist"], ["w3m", "-dump"]], ids=["lynx", "w3m"])
def test_the_landing_page_can_be_read(server: Farewell, explain: Explain, command: list[str]) -> None:
    alice = new_address()
    name, *options = command
    dumped = subprocess.run(
        [find(name), *options, server.link(alice)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"},
    )
    lines = [line.strip(" []") for line in dumped.stdout.splitlines() if line.strip()]
    assert [line for line in lines if "Demo Letters" in line]
    assert "Unsubscribe from News" in lines
    assert "For a•••@e•••.org" in lines
    words = " ".join(lines)
    # The last word of the page, as nothing else is said yet; lynx shows what a button sends beside it.
    assert re.search(r"Keep my subscription\W+(leave\W+)?Unsubscribe$", words)
    assert "unsubscribed" not in words
    assert explain(alice, "visit").changes == []


def test_leaving_with_lynx(server: Farewell, explain: Explain, tmp_path: Path) -> None:
    alice = new_address()
    script = tmp_path / "keys"
    script.write_text("key <tab>\nkey ^J\nkey q\nkey y\n")
    environment = {**os.environ, "TERM": "vt100", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
    command = [find("lynx"), "-accept_all_cookies", f"-cmd_script={script}", server.link(alice)]
    on_a_terminal(command, environment)
    story = explain(alice, "confirm")
    assert story.state() == "out"
    assert not story.is_provisional()
    assert story.sources == ["confirm_button"]


def test_leaving_with_w3m(server: Farewell, explain: Explain) -> None:
    alice = new_address()
    environment = {**os.environ, "TERM": "vt100", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
    screen = on_a_terminal(
        [find("w3m"), "-no-cookie", "-no-mouse", server.link(alice)],
        environment,
        typing=[("Unsubscribe", "\t\t\r"), ("You are unsubscribed", "Q")],
    )
    assert "You are unsubscribed" in screen
    assert explain(alice, "confirm").sources == ["confirm_button"]


def on_a_terminal(command: list[str], environment: dict[str, str], typing: list[tuple[str, str]] | None = None) -> str:
    """Run a program on a terminal until it ends; type each text once what it answers to stands on the screen."""
    waiting = list(typing or [])
    parent, child = pty.openpty()
    seen = fresh = b""
    with subprocess.Popen(
        command, stdin=child, stdout=child, stderr=child, env=environment, start_new_session=True
    ) as process:
        os.close(child)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if select.select([parent], [], [], 0.05)[0]:
                try:
                    read = os.read(parent, 4096)
                except OSError:  # the terminal has been left
                    break
                seen, fresh = seen + read, fresh + read
            if waiting and waiting[0][0] in fresh.decode(errors="replace"):
                os.write(parent, waiting.pop(0)[1].encode())
                fresh = b""
            if process.poll() is not None:
                break
        process.kill()
    os.close(parent)
    return seen.decode(errors="replace")
