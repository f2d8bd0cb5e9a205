"""The types of the DSL hold under four checkers."""

import subprocess
import sys
from pathlib import Path

import pytest

CHECK = Path(__file__).resolve().parents[1] / "typing_tests" / "check.py"


@pytest.mark.stress
def test_four_checkers_report_every_fault_and_nothing_else() -> None:
    for name in ("mypy", "pyright", "pyrefly", "ty"):
        if not (Path(sys.executable).parent / name).exists():
            pytest.skip(f"{name} is not installed here; `nox -s types` runs this")
    done = subprocess.run([sys.executable, CHECK], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
