"""Text browsers, which run no script and know no style: lynx and w3m."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from preferences.links import Purpose
from tests.browser.conftest import Explain
from tests.browser.serving import Farewell, new_address

TERMINAL = {**os.environ, "TERM": "vt100", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}


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
    # The last word before the foot, as nothing else is said yet; lynx shows what a button sends beside it.
    assert re.search(r"Keep my subscription\W+(leave\W+)?Unsubscribe Language: English ", words)
    assert "unsubscribed" not in words
    assert explain(alice, "visit").changes == []


def test_leaving_with_lynx(server: Farewell, explain: Explain, tmp_path: Path) -> None:
    alice = new_address()
    script = tmp_path / "keys"
    script.write_text("key <tab>\nkey ^J\nkey q\nkey y\n")
    command = [find("lynx"), "-accept_all_cookies", f"-cmd_script={script}", server.link(alice)]
    on_a_terminal(command, TERMINAL)
    story = explain(alice, "confirm")
    assert story.state() == "out"
    assert not story.is_provisional()
    assert story.sources == ["confirm_button"]


def test_leaving_with_w3m(server: Farewell, explain: Explain) -> None:
    alice = new_address()
    screen = on_a_terminal(
        [find("w3m"), "-no-cookie", "-no-mouse", server.link(alice)],
        TERMINAL,
        typing=[("Unsubscribe", "\t\t\r"), ("You are unsubscribed", "Q")],
    )
    assert "You are unsubscribed" in screen
    assert explain(alice, "confirm").sources == ["confirm_button"]


# The preference page


DOWN = "\u2193"
PAUSE = r"Pause \[(\d+)\]"
UNTIL = r"Until \[(\d+)\]"


def button(name: str) -> str:
    """How lynx writes a button of this name, after its number and its value: ([12]off) Unsubscribe from everything."""
    return rf"\[(\d+)\]\S*\) {name}"


def tabs_to(link: str, *controls: str) -> list[str]:
    """The tabs that lead from the top to the first control, and from each to the next; of several that match, the last
    on the page. lynx numbers what the Tab key reaches."""
    command = [find("lynx"), "-dump", "-nolist", "-number_fields", link]
    dumped = subprocess.run(command, capture_output=True, text=True, check=True, env=TERMINAL).stdout
    places = [1, *(int(re.findall(control, dumped)[-1]) for control in controls)]
    return ["\t" * (there - here) for here, there in pairwise(places)]


def type_in_lynx(link: str, keys: str, tmp_path: Path) -> str:
    """Open the page, type, quit; return all that was on the screen."""
    script = tmp_path / "keys"
    names = {"\r": "^J", "\t": "<tab>", DOWN: "Down Arrow"}
    script.write_text("".join(f"key {names.get(key, key)}\n" for key in f"{keys}qy"))
    return on_a_terminal([find("lynx"), "-accept_all_cookies", f"-cmd_script={script}", link], TERMINAL)


def test_leaving_everything_and_coming_back_with_lynx(server: Farewell, explain: Explain, tmp_path: Path) -> None:
    alice = new_address()
    link = server.link(alice, Purpose.PREFERENCES)
    (tabs,) = tabs_to(link, button("Unsubscribe from everything"))
    assert "You get nothing at present." in type_in_lynx(link, f"{tabs}\r", tmp_path)
    story = explain(alice, "prefs_save")
    assert story.is_suppressed
    assert not story.is_provisional()
    (tabs,) = tabs_to(link, button("Get everything again"))
    assert "You get from now on" in type_in_lynx(link, f"{tabs}\r", tmp_path)
    assert not explain(alice, "prefs_save").is_suppressed


def test_leaving_one_topic_on_the_preference_page_with_lynx(server: Farewell, explain: Explain, tmp_path: Path) -> None:
    alice = new_address()
    link = server.link(alice, Purpose.PREFERENCES)
    to_news, to_save = tabs_to(link, r"\[(\d+)\]\[X\] News", button("Save"))
    assert "You get no more: News." in type_in_lynx(link, f"{to_news}\r{to_save}\r", tmp_path)
    assert explain(alice, "prefs_save").state() == "out"


def test_pausing_until_a_day_and_going_on_with_lynx(server: Farewell, explain: Explain, tmp_path: Path) -> None:
    alice = new_address()
    link = server.link(alice, Purpose.PREFERENCES)
    day = (datetime.now(UTC) + timedelta(days=40)).date().isoformat()
    to_pause, to_day, to_save = tabs_to(link, PAUSE, UNTIL, button("Save"))
    another_day = f"{to_pause}\r{DOWN * 4}\r"
    assert "Everything is paused until" in type_in_lynx(link, f"{another_day}{to_day}{day}{to_save}\r", tmp_path)
    assert explain(alice, "prefs_save").sources == ["preference_page"]
    (tabs,) = tabs_to(link, button("Go on now"))
    assert "The pause of everything has" in type_in_lynx(link, f"{tabs}\r", tmp_path)


def test_leaving_everything_with_w3m(server: Farewell, explain: Explain) -> None:
    alice = new_address()
    link = server.link(alice, Purpose.PREFERENCES)
    (tabs,) = tabs_to(link, button("Unsubscribe from everything"))
    # Here nothing is chosen at first, so that it is one more to any control; and words stand apart by cursor movements.
    typing = [("Surveys", f"\t{tabs}\r"), ("nothing", "Q")]
    screen = on_a_terminal([find("w3m"), "-no-cookie", "-no-mouse", link], TERMINAL, typing=typing)
    assert "nothing" in screen
    assert explain(alice, "prefs_save").is_suppressed


def on_a_terminal(command: list[str], environment: dict[str, str], typing: list[tuple[str, str]] | None = None) -> str:
    """Run a program on a terminal until it ends; type each text once what it answers to stands on the screen."""
    waiting = list(typing or [])
    parent, child = pty.openpty()
    seen = fresh = b""
    with subprocess.Popen(
        command, stdin=child, stdout=child, stderr=child, env=environment, start_new_session=True
    ) as process:
        os.close(child)
        deadline = time.monotonic() + 120
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
