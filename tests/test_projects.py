"""Code as projects write it for Albumentations 2.0.8 runs unchanged on the alias."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import anamorph as A

FOLDER = Path(__file__).parents[1] / "examples" / "projects"
FILES = sorted(path.stem for path in FOLDER.glob("*.py"))
RUN = "import anamorph, runpy, sys; anamorph.install_alias(); sys.argv = sys.argv[1:]; "


def test_there_are_five() -> None:
    assert len(FILES) == 5
    page = (FOLDER / "README.md").read_text()
    assert all(f"`{name}.py`" in page for name in FILES)


@pytest.mark.parametrize("name", FILES)
def test_it_runs_unchanged(name: str) -> None:
    path = FOLDER / f"{name}.py"
    assert "import albumentations as A" in path.read_text()
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", RUN + "runpy.run_path(sys.argv[0], run_name='__main__')",
         str(path), str(Path(A.__file__).parent / "assets")],
        capture_output=True, text=True, check=False, timeout=250,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "(" in done.stdout
