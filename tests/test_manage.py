"""What manage.py says when it is stopped."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

MANAGE = Path(__file__).resolve().parent.parent / "manage.py"


def test_ctrl_c_is_no_error_to_read() -> None:
    """At any moment: a command that has more to say of it has done so."""
    program = "import signal; signal.raise_signal(signal.SIGINT)"
    command = [sys.executable, str(MANAGE), "shell", "-v", "0", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (130, "Interrupted.\n")
