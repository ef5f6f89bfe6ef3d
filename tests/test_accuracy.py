"""The command that measures accuracy on agents: it counts right, reads every form of list, and fails in a sentence."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest

from accuracy.__main__ import main
from accuracy.lists import AgentList, BadListError, from_file, make_list, packaged
from accuracy.scores import score, table

CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0"
UAP = f"""\
test_cases:

  - user_agent_string: 'Mozilla/5.0 (compatible; Examplebot/1.0)'
    family: 'Spider'
    brand: 'Spider'
    model: 'Desktop'

  - user_agent_string: '{CHROME}'
    family: 'HTC T120C'
    brand: 'HTC'
    model: 'T120C'

  - user_agent_string: '{FIREFOX}'
    family: 'Other'
    brand:
    model:

  - user_agent_string: 'Instagram 3.5.3 Android (10/2.3.5; 240dpi)'
    family: 'HTC tmo de'
    brand: 'HTC'
    model: 'tmo de'
"""


def make_file(folder: Path, data: object, name: str = "own.json") -> Path:
    path = folder / name
    path.write_text(data if isinstance(data, str) else json.dumps(data))
    return path


def make_package(folder: Path, **files: str) -> Path:
    path = folder / "crawlerdetect-0.0.0.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(f"crawlerdetect-0.0.0/tests/fixtures/user_agent/{name}.txt")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return path


def by_first_letter(agent: str) -> str:
    return "robot" if agent.startswith("r") else ""


def test_what_is_missed_and_what_is_a_false_alarm_is_counted() -> None:
    agents = make_list("tiny", ["r1", "r2", "x1", "r2"], ["b1", "r3", "b2", "b3"])
    result = score(agents, by_first_letter)
    assert (result.missed, result.alarms) == (("x1",), ("r3",))
    assert result.row == ("tiny", "3", "2", "66.67 %", "4", "1", "25.00 %")


def test_a_list_of_one_kind_has_no_share_of_the_other() -> None:
    assert score(make_list("robots", ["r1"]), by_first_letter).row == ("robots", "1", "1", "100.00 %", "–", "–", "–")
    assert score(make_list("browsers", (), ["b1"]), by_first_letter).row[1:] == ("–", "–", "–", "1", "0", "0.00 %")


def test_every_agent_is_seen_once() -> None:
    seen: list[int] = []
    score(make_list("tiny", ["r1", "r1", ""], ["b1"]), by_first_letter, lambda: seen.append(1))
    assert len(seen) == 2


def test_an_agent_of_both_kinds_is_refused() -> None:
    with pytest.raises(BadListError, match="as a robot and as a browser: same"):
        make_list("tiny", ["same"], ["same"])


def test_the_table_has_a_column_for_each_number_and_the_notes_below() -> None:
    text = table([score(AgentList("tiny", ("r1",), ("b1",), "made up"), by_first_letter)])
    lines = text.splitlines()
    assert lines[0].split() == ["list", "robots", "found", "recall", "browsers", "false", "alarms", "rate"]
    assert lines[2].split() == ["tiny", "1", "1", "100.00", "%", "1", "0", "0.00", "%"]
    assert len(lines[0]) == len(lines[1]) == len(lines[2])
    assert lines[-1] == "tiny: made up"


def test_an_own_list_is_measured_with_the_real_catalogue(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    robots = ["curl/8.0", "Microsoft Exchange/15.20 (Microsoft Exchange/15.20)", FIREFOX]
    path = make_file(tmp_path, {"robots": robots, "browsers": [CHROME, "Examplebot/1.0"]})
    assert main(["--list", str(path), "--misses"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[2].split() == ["own.json", "3", "2", "66.67", "%", "2", "1", "50.00", "%"]
    assert f"own.json: robots missed\n  {FIREFOX}\n" in out
    assert "own.json: browsers taken for robots\n  Examplebot/1.0\n" in out


def test_crawler_user_agents_form_is_read(tmp_path: Path) -> None:
    path = make_file(tmp_path, [{"pattern": "a", "instances": ["a/1", "a/2"]}, {"pattern": "b", "instances": []}])
    assert from_file(path).robots == ("a/1", "a/2")


def test_ua_parsers_form_is_read(tmp_path: Path) -> None:
    agents = from_file(make_file(tmp_path, UAP, "test_device.yaml"))
    assert (agents.robots, agents.browsers) == (("Mozilla/5.0 (compatible; Examplebot/1.0)",), (CHROME,))


def test_crawlerdetects_package_is_read(tmp_path: Path) -> None:
    agents = from_file(make_package(tmp_path, crawlers="a/1\nb/1\n", devices=f"{CHROME}\nb/1\n"))
    assert (agents.name, agents.robots, agents.browsers) == ("crawlerdetect-0.0.0", ("a/1", "b/1"), (CHROME,))


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ("{", "own.json"),
        ({"robots": []}, "own.json"),
        ([{"pattern": "a"}], "own.json"),
        ("3", "own.json"),
        ("a: [", "own.yaml"),
        ("text", "own.tar.gz"),
    ],
)
def test_what_is_no_list_is_told_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], data: object, name: str
) -> None:
    assert main(["--list", str(make_file(tmp_path, data, name))]) == 1
    captured = capsys.readouterr()
    assert f"{name}: no list of agents that can be read" in captured.err
    assert captured.out == ""


def test_a_missing_file_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list", str(tmp_path / "none.json")]) == 1
    assert "No such file" in capsys.readouterr().err


def test_the_packaged_lists_are_whole() -> None:
    sizes = {agents.name.split()[0]: (len(agents.robots), len(agents.browsers)) for agents in packaged()}
    assert sizes["crawler-user-agents"][0] > 2_000
    assert min(sizes["Matomo's"]) > 1_000
    assert sizes["fake-useragent"][1] > 500
