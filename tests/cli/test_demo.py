"""What ``make demo`` runs, on the photographs of the package."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from anamorph.data import read_annotations

DEMO = Path(__file__).parents[2] / "examples" / "demo.py"


def test_the_demo_runs_and_says_where_to_look(tmp_path):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    words = [sys.executable, str(DEMO), "--out", "demo"]
    done = subprocess.run(
        words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Look at demo/photographs-sheet.html" in done.stdout
    assert "fused" in done.stdout
    assert (tmp_path / "demo/photographs-sheet.png").is_file()
    source = read_annotations(tmp_path / "demo/photographs/annotations.json")
    assert len(source.pictures()) == 16
    assert all(
        (tmp_path / "demo/photographs/images" / name).is_file() for name in source.pictures()
    )
