"""What `bin/test` makes of its two halves, with a Python that only says how they end."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
_PYTHON = """#!/bin/sh
half=others
case "$*" in *--ignore=*) ;; *) half=browsers ;; esac
echo "$half may keep what they compile: ${PYTHONDONTWRITEBYTECODE:-yes}"
echo "$half say this"
[ "$half" != "$FAILING" ]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in {
        **dict.fromkeys(("bin/setup", "bin/text-browsers", "bin/chromium"), "#!/bin/sh\n"),
        ".venv/bin/python": _PYTHON,
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
    shutil.copy(ROOT / "bin" / "test", tmp_path / "bin")
    return tmp_path


@pytest.mark.parametrize(("failing", "status"), [("", 0), ("browsers", 1), ("others", 1)])
def test_the_run_ends_as_its_halves_do(folder: Path, failing: str, status: int) -> None:
    environment = {"PATH": "/usr/bin:/bin", "FAILING": failing, "TMPDIR": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([folder / "bin" / "test"], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (status, "")
    assert "others say this" in done.stdout
    assert "browsers say this" in done.stdout
    assert "others may keep what they compile: yes" in done.stdout
    assert not list(folder.glob("tmp.*"))
